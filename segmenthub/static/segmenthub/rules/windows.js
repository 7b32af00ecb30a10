// When: a window in words.

import { input, row, select, word } from "./dom.js";
import { at, isObject } from "./model.js";
import { duration } from "./values.js";

const KINDS = [
  ["ever", "at any time"], ["last", "in the last"], ["between", "between"], ["before", "longer ago than"],
  ["calendar", "in the calendar"], ["dates", "between dates"], ["session", "in this session"],
];
const CALENDAR = [
  ["day/0", "today"], ["week/0", "this week"], ["month/0", "this month"], ["year/0", "this year"],
  ["day/-1", "yesterday"], ["week/-1", "last week"], ["month/-1", "last month"], ["year/-1", "last year"],
];
const START = {
  last: "30d", between: { from: "60d", to: "30d" }, before: { to: "30d" }, calendar: { calendar: "month" }, session: "session",
};

function kindOf(value) {
  if (value === undefined) return "ever";
  if (value === "session") return "session";
  if (!isObject(value)) return "last";
  if ("calendar" in value) return "calendar";
  if ("after" in value || "before" in value) return "dates";
  if (!("to" in value)) return "last";
  return "from" in value ? "between" : "before";
}

export function windowRow(ui, id, node, place) {
  const key = `${id}.within`;
  const inner = at(place, "within");
  const choose = select(key, "When", KINDS, kindOf(node.within), (kind) => {
    if (kind === "ever") delete node.within;
    else node.within = kind === "dates" ? { after: new Date().toISOString().slice(0, 10) } : structuredClone(START[kind]);
    ui.redraw();
  }, inner);
  return row("when", choose, ...editors[kindOf(node.within)](ui, key, node, inner));
}

const editors = {
  ever: () => [],
  session: () => [],
  last: (ui, key, node, place) => {
    const value = isObject(node.within) ? node.within.from : node.within;
    return [duration(key, value, (next) => { node.within = next; ui.changed(); }, place)];
  },
  before: (ui, key, node, place) => [part(ui, key, node, "to", place)],
  between: (ui, key, node, place) => [part(ui, key, node, "from", place), word("and"), part(ui, key, node, "to", place), word("ago")],
  calendar: (ui, key, node, place) => {
    const { calendar, offset = 0 } = node.within;
    const value = `${calendar}/${offset}`;
    const choices = CALENDAR.some(([one]) => one === value) ? CALENDAR : [...CALENDAR, [value, `${calendar}, ${-offset} before this`]];
    return [select(`${key}.calendar`, "Period", choices, value, (next) => {
      const [unit, moved] = next.split("/");
      node.within = moved === "0" ? { calendar: unit } : { calendar: unit, offset: Number(moved) };
      ui.changed();
    }, at(place, "calendar"))];
  },
  dates: (ui, key, node, place) => [word("from"), date(ui, key, node, "after", place), word("to before"), date(ui, key, node, "before", place)],
};

function part(ui, key, node, name, place) {
  return duration(`${key}.${name}`, node.within[name], (next) => { node.within[name] = next; ui.changed(); }, at(place, name),
    name === "from" ? "At most so long ago" : "At least so long ago");
}

function date(ui, key, node, name, place) {
  const value = node.within[name];
  const type = !value || /^\d{4}-\d\d-\d\d$/.test(value) ? "date" : "text";
  return input(`${key}.${name}`, name === "after" ? "From" : "Before", value, (text) => {
    if (text) node.within[name] = text;
    else delete node.within[name];
    ui.changed();
  }, { type, place: at(place, name) });
}
