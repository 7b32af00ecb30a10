// What of which events an attribute is. The textarea stays what is saved; without this script it is all there is.

import { events, properties, propertySelect, whereBox } from "./cards.js";
import { el, icon, row, select } from "./dom.js";
import { isEvent, isObject, isWindow, knows, newId, readWhere, withWhere } from "./model.js";
import { markErrors, post } from "./telling.js";
import { number } from "./values.js";
import { windowRow } from "./windows.js";

const WAIT = 400;
const KINDS = [
  ["count", "how many there are", "The events"], ["timeSinceLast", "seconds since the last", "The events"],
  ["sum", "the sum of", "Numbers of the events"], ["avg", "the average of", "Numbers of the events"],
  ["min", "the smallest", "Numbers of the events"], ["max", "the largest", "Numbers of the events"],
  ["first", "the first", "Values of the events"], ["last", "the last", "Values of the events"],
  ["lastList", "the last different ones of", "Values of the events"], ["uniqueCount", "how many different", "Values of the events"],
  ["mostFrequent", "the most frequent", "Values of the events"],
];
const OF_EVENTS = ["count", "timeSinceLast"];
const OF_NUMBERS = ["sum", "avg", "min", "max"];
const KEYS = ["as", "event", "where", "within", "property", "limit"];
const SETTLED = ["type", "many", "identifier", "merge"];

const area = document.querySelector("textarea[data-computed]");
const offered = document.getElementById("rule-offer");
if (area && offered) build(area, JSON.parse(offered.textContent));

function build(area, offer) {
  const address = document.getElementById("computed-address").dataset.tell;
  const ui = { offer, changed, redraw };
  const canvas = el("div", { class: "sr-canvas" });
  const told = el("div", { class: "sr-told sr-still", role: "status", "aria-live": "polite" });
  const json = el("details", { class: "sr-details" }, el("summary", {}, "As JSON"));
  const whole = el("div", { class: "sr-builder" }, canvas, told, json);
  let found = read(area.value);
  let errors = [];
  let timer;
  let asking;

  area.closest(".grow")?.parentElement.classList.add("sr-wide");
  area.closest("fieldset")?.classList.add("sr-fieldset");
  area.before(whole);
  const help = area.nextElementSibling;
  json.append(area, ...(help ? [help] : []));
  json.open = found === undefined;
  area.setAttribute("aria-label", "The definition as JSON");
  area.addEventListener("input", (event) => { if (event.isTrusted) { found = read(area.value); draw(); ask(); } });
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input")) event.preventDefault(); // does not save the attribute
  });
  draw();
  ask();

  // null: written through the API; undefined: only JSON can show it.
  function read(text) {
    try {
      const value = text.trim() ? JSON.parse(text) : null;
      if (value === null || (isObject(value) && !Object.keys(value).length)) return null;
      if (!isObject(value) || !knows(value, KEYS) || !isEvent(value.event) || !isWindow(value.within)) return undefined;
      const { where, ...node } = value;
      return { id: newId(), node, where: readWhere(where) };
    } catch {
      return undefined;
    }
  }

  function changed() {
    area.value = found ? JSON.stringify(withWhere(found), null, 2) : "";
    area.dispatchEvent(new Event("input", { bubbles: true })); // the page warns before it loses changes
    ask();
  }

  function redraw(focus) {
    const key = focus || document.activeElement?.dataset?.key;
    draw();
    changed();
    const next = key && (canvas.querySelector(`[data-key="${CSS.escape(key)}"]`) || canvas.querySelector(`[data-key^="${CSS.escape(key)}"]`));
    if (next) next.focus();
  }

  function draw() {
    const source = select("source", "Where the values come from", [["", "written through the API"], ["events", "computed from events"]], found === null ? "" : "events", (next) => {
      found = next ? { id: newId(), node: { as: "count", event: "purchase" in offer.events ? "purchase" : "*" }, where: null } : null;
      redraw("source");
    });
    canvas.replaceChildren(el("div", { class: "sr-card", role: "group", "aria-label": "Values", "data-place": "" },
      row("values are", source), ...(found ? rows() : [])));
    for (const name of SETTLED) {
      const field = area.form.querySelector(`[name=${name}]`)?.closest(".form-row");
      if (field) field.hidden = found !== null;
    }
    markErrors(canvas, errors);
  }

  function rows() {
    const { id, node } = found;
    const numeric = OF_NUMBERS.includes(node.as);
    const take = select(`${id}.as`, "What is taken", KINDS, node.as, (kind) => { become(kind); redraw(); }, "as");
    const chooser = OF_EVENTS.includes(node.as) ? null
      : propertySelect(ui, `${id}.property`, node, node.property, (name) => { node.property = name; changed(); }, "property", numeric ? "number" : null);
    const limit = node.as !== "lastList" ? null
      : row("at most", number(`${id}.limit`, "At most so many", node.limit ?? 10, (value) => { node.limit = value; changed(); }, "limit", { min: 1, max: 100 }));
    return [row("take", take, chooser), limit, row("of the events", events(ui, id, node, "")), windowRow(ui, id, node, ""), whereBox(ui, found, "")];
  }

  function become(kind) {
    const { node } = found;
    const all = properties(ui, node);
    const fits = (name) => name in all && (!OF_NUMBERS.includes(kind) || all[name] === "number");
    node.as = kind;
    delete node.limit;
    if (OF_EVENTS.includes(kind)) delete node.property;
    else if (!fits(node.property)) node.property = Object.keys(all).filter((name) => !(name in offer.every)).find(fits) || "";
  }

  function ask() {
    clearTimeout(timer);
    asking?.abort();
    if (found === null) return tell({ errors: [] });
    timer = setTimeout(send, WAIT);
    return undefined;
  }

  async function send() {
    asking = new AbortController();
    try {
      tell(await post(address, { computed: JSON.parse(area.value) }, area.form, asking.signal));
    } catch (error) {
      if (error.name === "SyntaxError") tell({ errors: [{ place: "", message: "This is no JSON yet." }] });
      else if (error.name !== "AbortError") tell({ errors: [], problem: "This could not be checked just now. It is checked again when you save." });
    }
  }

  function tell({ sentence, errors: wrong, people, problem }) {
    errors = wrong;
    const said = wrong.length ? el("p", { class: "sr-problem" }, icon("error"), el("span", {}, wrong.map(({ message }) => message).join(" "))) : null;
    const line = ({ name, level, link, values }) => el("li", {}, el("a", { href: link, target: "_blank", rel: "noopener" }, name), ` ${level}: `,
      el("strong", {}, values.length ? values.join(", ") : "no value"));
    const shown = people?.length ? [el("p", { class: "sr-size" }, "Of some who came last:"), el("ul", { class: "sr-values" }, people.map(line))] : [];
    told.replaceChildren(...[sentence ? el("p", { class: "sr-sentence" }, el("strong", {}, "In words: "), `${sentence}.`) : null, said,
      problem ? el("p", {}, problem) : null, ...shown].filter(Boolean));
    told.hidden = !told.children.length;
    markErrors(canvas, errors);
  }
}
