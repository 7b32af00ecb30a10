// A group of conditions, with its bracket; the same for the parts of a `where`.

import { button, el, select } from "./dom.js";
import { at, group, placeOfPart } from "./model.js";

const MODES = [["all", "All of these"], ["any", "Any of these"], ["none", "None of these"], ["notall", "Not all of these"]];
const JOINTS = { all: "and", any: "or", none: "nor", notall: "and" };

// `ui.part(leaf, place, remove)` draws a leaf, `ui.newPart()` makes one.
export function groupBox(ui, found, place, { isRoot = false, remove = null } = {}) {
  const { id, parts, mode } = found;
  const draw = (one, index) => {
    const inner = placeOfPart(found, index, place, isRoot);
    const away = () => { parts.splice(index, 1); ui.redraw(`${id}.add`); };
    const box = one.parts ? groupBox(ui, one, inner, { remove: away }) : ui.part(one, inner, away);
    return [index ? el("div", { class: "sr-joint", "aria-hidden": "true" }, JOINTS[mode]) : null, box];
  };
  const add = () => { const part = ui.newPart(); parts.push(part); ui.redraw(`${part.id}.`); };
  const nest = () => { const part = ui.newPart(); parts.push(group(mode === "any" ? "all" : "any", [part])); ui.redraw(`${part.id}.`); };
  const single = isRoot && parts.length < 2 && (mode === "all" || mode === "any");
  const choose = select(`${id}.mode`, "How these are joined", MODES, mode, (next) => { found.mode = next; ui.redraw(); });
  return el("div", { class: `sr-group sr-${mode}${single ? " sr-single" : ""}`, role: "group", "aria-label": MODES.find(([one]) => one === mode)[1], "data-place": isRoot && single ? place : inside(found, place), "data-node": id },
    single && ui.noun === "property" ? null : el("div", { class: "sr-head" }, choose, remove ? button(`${id}.remove`, "Remove this group", remove, { symbol: "delete", quiet: true }) : null),
    parts.map(draw),
    el("div", { class: "sr-foot" }, button(`${id}.add`, `Add ${ui.noun}`, add, { symbol: "add" }), button(`${id}.nest`, "Add group", nest, { symbol: "data_array" })));
}

const inside = ({ mode, parts }, place) => at(place, mode === "none" && parts.length === 1 ? "not" : { none: "not.any", notall: "not.all" }[mode] || mode);
