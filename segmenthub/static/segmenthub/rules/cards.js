// One condition: a card with a sentence's parts in rows.

import { button, el, icon, input, row, select, word } from "./dom.js";
import { at, group, leaf, MEASURES, newId, placeOfLeaf, step } from "./model.js";
import { duration, number, numbers, optionalDuration, tests } from "./values.js";
import { groupBox } from "./groups.js";
import { windowRow } from "./windows.js";

const KIND_WORDS = [["event", "Event"], ["attribute", "Attribute"], ["sequence", "Sequence of events"], ["segment", "Segment"], ["sample", "Random sample"]];
const ICONS = { event: "bolt", attribute: "label", sequence: "route", segment: "groups", sample: "casino", raw: "data_object" };
const SIDES = {
  event: ["did", "did not"], attribute: ["is so", "is not so"], sequence: ["did", "did not"], segment: ["is in", "is not in"], sample: ["is in", "is not in"],
};
const MEASURE_WORDS = [
  ["", "at least once"], ["count", "a number of times"], ["sum", "with a sum of"], ["avg", "with an average of"],
  ["min", "with a smallest"], ["max", "with a largest"], ["unique", "with different values of"],
  ["day", "on different days"], ["week", "in different weeks"], ["month", "in different months"],
  ["first", "and in the first one"], ["last", "and in the last one"],
];
const NAMES = ["sum", "avg", "min", "max", "unique", "first", "last"];

// --- the card ---
export function card(ui, found, place, remove) {
  const inner = placeOfLeaf(found, place);
  const { id, kind } = found;
  const head = kind === "raw" ? [el("strong", {}, "Written as JSON")] : [
    select(`${id}.kind`, "Kind of condition", KIND_WORDS, kind, (next) => change(ui, found, next)),
    select(`${id}.negated`, "Must it hold?", SIDES[kind].map((text, index) => [String(Boolean(index)), text]), String(found.negated),
      (next) => { found.negated = next === "true"; ui.redraw(); }),
  ];
  return el("div", { class: "sr-card", role: "group", "aria-label": `Condition: ${kind}`, "data-place": inner, "data-node": id },
    el("div", { class: "sr-head" }, icon(ICONS[kind]), head, button(`${id}.remove`, "Remove this condition", remove, { symbol: "delete", quiet: true })),
    bodies[kind](ui, found, inner));
}

function change(ui, found, kind) {
  found.before = { ...found.before, [found.kind]: found };
  const next = found.before[kind] || leaf(kind, fresh(ui, kind));
  const { id, negated, before } = found;
  Object.assign(found, next, { id, negated, before, kind });
  ui.redraw();
}

// What a new condition of a kind says at first.
export function fresh(ui, kind) {
  const { attributes, segments } = ui.offer;
  const event = "purchase" in ui.offer.events ? "purchase" : Object.keys(ui.offer.events)[0] || "*";
  if (kind === "attribute") return { attribute: attributes.length ? attributes[0].name : "" };
  if (kind === "sequence") return { sequence: [{ event: "productView" in ui.offer.events ? "productView" : event }, { event, within: "1h" }] };
  if (kind === "segment") return { segment: segments[0] || "" };
  return kind === "sample" ? { sample: { from: 0, to: 10 } } : { event, within: "30d" };
}

const bodies = {
  raw: (ui, found, place) => rawBox(ui, found, place),
  attribute: attributeBody,
  event: (ui, found, place) => [
    row("event", events(ui, found.id, found.node, place)),
    measureRow(ui, found.id, found.node, place),
    windowRow(ui, found.id, found.node, place),
    whereBox(ui, found, place),
  ],
  sequence: sequenceBody,
  segment: (ui, { id, node }, place) => [
    row("segment", select(`${id}.segment`, "Segment", ui.offer.segments.map((name) => [name, name]), node.segment,
      (name) => { node.segment = name; ui.changed(); }, at(place, "segment"))),
    optionalDuration(ui, id, node, "for", place, { label: "for at least", add: "for some time" }),
  ],
  sample: (ui, { id, node }, place) => {
    const inner = at(place, "sample");
    const bound = (name, label) => number(`${id}.${name}`, label, node.sample[name], (value) => { node.sample[name] = value; ui.changed(); }, at(inner, name), { min: 0, max: 100 });
    const salt = (text) => { if (text) node.sample.salt = text; else delete node.sample.salt; ui.changed(); };
    return [
      row("from", bound("from", "From percent"), word("to"), bound("to", "To percent"), word("% of people")),
      row("draw", input(`${id}.salt`, "Name of the draw: another name draws other people", node.sample.salt, salt, { place: at(inner, "salt"), placeholder: "any name draws anew", title: "Another name draws other people" })),
    ];
  },
};

export function rawBox(ui, found, place) {
  const area = el("textarea", { rows: 4, class: "sr-control sr-json", spellcheck: "false", "aria-label": "This condition as JSON", "data-key": `${found.id}.raw`, "data-place": place });
  area.value = JSON.stringify(found.node, null, 2);
  area.addEventListener("input", () => {
    try { found.node = JSON.parse(area.value); ui.changed(); } catch { /* not yet JSON: the last that was stays */ }
  });
  return area;
}

// --- attributes ---
function attributeBody(ui, { id, node }, place) {
  const consent = node.attribute.startsWith("consent.");
  const known = ui.offer.attributes.find(({ name }) => name === node.attribute);
  const type = known ? known.type : consent ? "boolean" : "text";
  const choices = ui.offer.attributes.map(({ name, group: of }) => [name, name, of]);
  choices.push([consent ? node.attribute : "consent.", "consent for a purpose", "Consent"]);
  const choose = (name) => {
    const next = ui.offer.attributes.find((one) => one.name === name);
    if ((next ? next.type : "boolean") !== type) Object.keys(node).forEach((key) => { if (key !== "for") delete node[key]; });
    if (!next || !next.changes) delete node.for;
    node.attribute = name;
    ui.redraw();
  };
  const purpose = consent ? input(`${id}.purpose`, "Purpose", node.attribute.slice(8), (text) => { node.attribute = `consent.${text}`; ui.changed(); },
    { place: at(place, "attribute"), placeholder: "ads" }) : null;
  return [
    row("attribute", select(`${id}.attribute`, "Attribute", choices, node.attribute, choose, at(place, "attribute")), purpose),
    row("which", tests(ui, id, node, ["attribute", "for"], type, place)),
    consent || (known && known.changes) || node.for !== undefined
      ? optionalDuration(ui, id, node, "for", place, { label: "unchanged for", add: "unchanged for some time" }) : null,
  ];
}

// --- events ---
const OF_CAMPAIGNS = { $impression: "campaign shown", $viewable: "campaign in view", $click: "campaign clicked", $dismiss: "campaign closed" };
const codes = (node) => (Array.isArray(node.event) ? node.event : [node.event]);

export function events(ui, id, node, place) {
  const chosen = codes(node);
  const names = Object.keys(ui.offer.events);
  const put = (next, focus) => { node.event = next.length === 1 ? next[0] : next; ui.redraw(focus); };
  const one = (code, index) => {
    const free = names.filter((name) => name === code || !chosen.includes(name)).map((name) => [name, OF_CAMPAIGNS[name] || name, name.startsWith("$") ? "Of campaigns" : "Events"]);
    const options = chosen.length === 1 ? [["*", "anything"], ...free] : free;
    return [index ? word("or") : null,
      select(`${id}.event${index}`, "Event", options, code, (next) => put(chosen.map((was, at) => (at === index ? next : was))), at(place, "event")),
      chosen.length > 1 ? button(`${id}.event${index}.remove`, `Without ${code}`, () => put(chosen.filter((_, at) => at !== index)), { symbol: "close", quiet: true }) : null];
  };
  const spare = names.find((name) => !chosen.includes(name));
  const more = () => put([...chosen, spare], `${id}.event${chosen.length}`);
  return [chosen.map(one).flat(), spare && chosen[0] !== "*" ? button(`${id}.or`, "or", more, { symbol: "add" }) : null];
}

// The properties of the chosen events, with their types.
export function properties(ui, node) {
  const named = codes(node)[0] === "*" ? Object.keys(ui.offer.events).filter((code) => !code.startsWith("$")) : codes(node);
  return Object.assign({}, ui.offer.every, ...named.map((code) => ui.offer.events[code] || {}));
}

export function propertySelect(ui, key, node, value, set, place, type) {
  const all = properties(ui, node);
  const own = Object.keys(all).filter((name) => !(name in ui.offer.every) && (!type || all[name] === type));
  const every = type && type !== "text" ? [] : Object.keys(ui.offer.every);
  const options = [...own.map((name) => [name, name, "Of these events"]), ...every.map((name) => [name, name, "Of every event"])];
  return select(key, "Property", options, value, set, place);
}

function measureRow(ui, id, node, place) {
  const name = MEASURES.find((one) => one in node) || "";
  const shown = name === "unique" && node.unique.period ? node.unique.period : name;
  const choose = select(`${id}.measure`, "How often", MEASURE_WORDS, shown, (next) => {
    const before = name ? node[name] : {};
    if (name) delete node[name];
    Object.assign(node, startOf(next, before, ui, node));
    ui.redraw();
  }, name ? at(place, name) : undefined);
  if (!name) return row("how often", choose);
  const inner = at(place, name);
  const of = node[name];
  if (name === "count") return row("how often", choose, numbers(ui, `${id}.count`, of, [], inner, "times"));
  if (shown !== name) return row("how often", choose, numbers(ui, `${id}.unique`, of, ["period"], inner, `${shown}s`));
  const number_ = !["unique", "first", "last"].includes(name);
  const set = (next) => {
    if (typeOf(ui, node, next) !== typeOf(ui, node, of.property) && !number_ && name !== "unique") Object.keys(of).forEach((key) => delete of[key]);
    of.property = next;
    ui.redraw();
  };
  const chooser = propertySelect(ui, `${id}.property`, node, of.property, set, at(inner, "property"), number_ ? "number" : null);
  const test = name === "first" || name === "last"
    ? tests(ui, `${id}.${name}`, of, ["property"], typeOf(ui, node, of.property), inner)
    : numbers(ui, `${id}.${name}`, of, ["property"], inner);
  return row("how often", choose, chooser, test);
}

const typeOf = (ui, node, property) => properties(ui, node)[property] || "text";

function startOf(measure, before, ui, node) {
  const bounds = Object.fromEntries(Object.entries(before).filter(([key, value]) => ["gte", "lte", "gt", "lt"].includes(key) && typeof value === "number"));
  const some = Object.keys(bounds).length ? bounds : { gte: 2 };
  if (!measure) return {};
  if (measure === "count") return { count: some };
  if (["day", "week", "month"].includes(measure)) return { unique: { period: measure, ...some } };
  const all = properties(ui, node);
  const numeric = Object.keys(all).find((name) => all[name] === "number");
  if (["sum", "avg", "min", "max"].includes(measure)) return { [measure]: { property: before.property && all[before.property] === "number" ? before.property : numeric || "", gte: bounds.gte ?? null } };
  const property = before.property || Object.keys(all).find((name) => !(name in ui.offer.every)) || "path";
  return { [measure]: measure === "unique" ? { property, ...some } : { property } };
}

// --- where ---
export function whereBox(ui, holder, place) {
  const { id, node } = holder;
  const newPart = () => ({ id: newId(), negated: false, kind: "property", node: { property: Object.keys(properties(ui, node))[Object.keys(ui.offer.every).length] || "path" } });
  const add = () => { holder.where = group("all", [newPart()]); ui.redraw(`${holder.where.parts[0].id}.property`); };
  if (!holder.where || !holder.where.parts.length) return button(`${id}.where`, "where …", add, { symbol: "filter_alt" });
  const context = { ...ui, part: (found, inner, remove) => propertyLine(ui, node, found, inner, remove), newPart, noun: "property" };
  return row("where", groupBox(context, holder.where, at(place, "where"), { isRoot: true }));
}

function propertyLine(ui, of, found, place, remove) {
  const inner = placeOfLeaf(found, place);
  const { id } = found;
  const side = select(`${id}.negated`, "Must it hold?", [["false", "is so:"], ["true", "is not so:"]], String(found.negated), (next) => { found.negated = next === "true"; ui.redraw(); });
  const body = found.kind === "raw" ? rawBox(ui, found, inner) : [found.negated ? side : null, propertyTest(ui, of, found, inner)];
  return el("div", { class: "sr-line", "data-place": inner, "data-node": id }, body, button(`${id}.remove`, "Remove this test", remove, { symbol: "close", quiet: true }));
}

// A property of the events `of`, and what it must be.
export function propertyTest(ui, of, { id, node }, place) {
  const choose = (next) => {
    if (typeOf(ui, of, next) !== typeOf(ui, of, node.property)) Object.keys(node).forEach((key) => delete node[key]);
    node.property = next;
    ui.redraw();
  };
  return [
    propertySelect(ui, `${id}.property`, of, node.property, choose, at(place, "property")),
    tests(ui, id, node, ["property"], typeOf(ui, of, node.property), place),
  ];
}

// --- sequences ---
function sequenceBody(ui, found, place) {
  const { id, node, steps } = found;
  const inner = at(place, "sequence");
  const add = () => { steps.push(step({ event: codes(steps[steps.length - 1].node)[0], within: "1h" })); ui.redraw(`${steps[steps.length - 1].id}.event0`); };
  const shared = Object.keys(properties(ui, steps[0].node)).filter((name) => steps.every((one) => name in properties(ui, one.node)));
  const toggle = (name, on) => {
    const next = on ? [...(node.same || []), name] : node.same.filter((one) => one !== name);
    if (next.length) node.same = next; else delete node.same;
    ui.changed();
  };
  const same = [...new Set([...shared, ...(node.same || [])])].map((name) => el("label", { class: "sr-check" },
    el("input", { type: "checkbox", checked: (node.same || []).includes(name), "data-key": `${id}.same.${name}`, onchange: (event) => toggle(name, event.target.checked) }), name));
  return [
    el("ol", { class: "sr-steps", "data-place": inner }, steps.map((one, index) => stepItem(ui, found, one, index, `${inner}[${index}]`))),
    steps.length < 5 ? button(`${id}.step`, "Add step", add, { symbol: "add" }) : null,
    same.length ? el("div", { class: "sr-row", "data-place": at(place, "same") }, el("span", { class: "sr-label" }, "all with the same"), el("div", { class: "sr-controls" }, same)) : null,
    windowRow(ui, id, node, place),
  ];
}

function stepItem(ui, found, one, index, place) {
  const { id, node } = one;
  const { steps } = found;
  const absent = (on) => { if (on) node.absent = true; else delete node.absent; ui.redraw(); };
  const remove = () => {
    steps.splice(index, 1);
    delete steps[0].node.within;
    steps.slice(0, -1).forEach((other) => delete other.node.absent);
    ui.redraw();
  };
  const within = node.within === undefined
    ? button(`${id}.within`, "within some time", () => { node.within = "1h"; ui.redraw(`${id}.within.length`); }, { symbol: "schedule" })
    : [word("within"), duration(`${id}.within`, node.within, (value) => { node.within = value; ui.changed(); }, at(place, "within"), "Within so long of the step before"),
      button(`${id}.within.remove`, "Without this limit", () => { delete node.within; ui.redraw(); }, { symbol: "close", quiet: true })];
  const last = index === steps.length - 1 && index > 0;
  const mode = last ? select(`${id}.absent`, "Then", [["false", "then"], ["true", "then no"]], String(Boolean(node.absent)), (next) => absent(next === "true"), at(place, "absent"))
    : word(index ? "then" : "first");
  return el("li", { class: "sr-step", "data-place": place, "data-node": id },
    el("div", { class: "sr-controls" }, mode, events(ui, id, node, place), index ? within : null,
      steps.length > 2 ? button(`${id}.remove`, "Remove this step", remove, { symbol: "close", quiet: true }) : null),
    whereBox(ui, one, place));
}
