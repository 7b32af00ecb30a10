// What a campaign asks of the event itself: tests of its properties, and which event it is.

import { events, properties, propertyTest, rawBox, whereBox } from "./cards.js";
import { button, el, icon, row, select } from "./dom.js";
import { leaf, placeOfLeaf } from "./model.js";

const KINDS = [["property", "Property"], ["event", "Event"]];
const ICONS = { property: "sell", event: "bolt", raw: "data_object" };
const SIDES = [["false", "must be so"], ["true", "must not be so"]];

// The events after which the campaign shows, as ticked in the form.
export function ticked(form) {
  return [...form.querySelectorAll("input[name=events]:checked")].map(({ value }) => value);
}

const shownAfter = (ui) => ({ event: ticked(ui.form).length ? ticked(ui.form) : "*" });

export function newCondition(ui) {
  const all = Object.keys(properties(ui, shownAfter(ui)));
  const own = all.filter((name) => !(name in ui.offer.every));
  return leaf("property", { property: own.includes("price") ? "price" : own[0] || all[0] || "path" });
}

export function conditionCard(ui, found, place, remove) {
  const inner = placeOfLeaf(found, place);
  const { id, kind } = found;
  const change = (next) => {
    const other = next === "property" ? newCondition(ui) : leaf("event", { event: Object.keys(ui.offer.events)[0] || "*" });
    const { negated } = found;
    delete found.where;
    Object.assign(found, other, { id, negated });
    ui.redraw();
  };
  const head = kind === "raw" ? el("strong", {}, "Written as JSON") : [
    select(`${id}.kind`, "Kind of condition", KINDS, kind, change),
    select(`${id}.negated`, "Must it hold?", SIDES, String(found.negated), (next) => { found.negated = next === "true"; ui.redraw(); }),
  ];
  return el("div", { class: "sr-card", role: "group", "aria-label": `Condition: ${kind}`, "data-place": inner, "data-node": id },
    el("div", { class: "sr-head" }, icon(ICONS[kind]), head, button(`${id}.remove`, "Remove this condition", remove, { symbol: "delete", quiet: true })),
    bodies[kind](ui, found, inner));
}

const bodies = {
  raw: rawBox,
  property: (ui, found, place) => row("the event's", propertyTest(ui, shownAfter(ui), found, place)),
  event: (ui, found, place) => [row("event", events(ui, found.id, found.node, place)), whereBox(ui, found, place)],
};
