// Operators with their values: one row for each, and a value's input by its type.

import { button, el, icon, input, row, select, word } from "./dom.js";
import { at, isObject } from "./model.js";

const UNITS = [["s", "seconds"], ["m", "minutes"], ["h", "hours"], ["d", "days"], ["w", "weeks"]];
const LISTS = ["in", "nin", "hasAll"];
const SPANS = ["last", "next", "anniversary"];

// Renames a key in its place; with `value` it gets another one.
function rename(node, from, to, value) {
  const entries = Object.entries(node);
  for (const [key] of entries) delete node[key];
  for (const [key, held] of entries) node[key === from ? to : key] = key === from ? value : held;
}

// --- tests of values ---
export function tests(ui, id, node, besides, type, place) {
  const offered = ui.offer.operators[type] || ui.offer.operators.text;
  const names = Object.keys(node).filter((key) => !besides.includes(key));
  const free = offered.filter(([op]) => !names.includes(op));
  const line = (op, index) => {
    const key = `${id}.${op}`;
    const choices = offered.filter(([one]) => one === op || !names.includes(one));
    const choose = select(`${id}.op${index}`, "Operator", choices, op, (next) => {
      rename(node, op, next, convert(node[op], op, next, type));
      ui.redraw();
    });
    const set = (value) => { node[op] = value; ui.changed(); };
    return el("div", { class: "sr-test" }, index ? word("and") : null, choose,
      operand(ui, key, op, node[op], set, type, at(place, op)),
      names.length > 1 ? button(`${key}.remove`, "Remove this test", () => { delete node[op]; ui.redraw(); }, { symbol: "close", quiet: true }) : null);
  };
  if (!names.length) { node[offered[0][0]] = first(offered[0][0], type); return tests(ui, id, node, besides, type, place); }
  const more = () => { node[free[0][0]] = first(free[0][0], type); ui.redraw(`${id}.op${names.length}`); };
  return el("div", { class: "sr-tests" }, names.map(line),
    free.length && names.length < 3 ? button(`${id}.and`, "and", more, { symbol: "add" }) : null);
}

function first(op, type) {
  if (LISTS.includes(op)) return [];
  if (SPANS.includes(op)) return "7d";
  if (op === "exists") return true;
  if (op === "size") return { gte: 2 };
  if (type === "number") return null;
  return type === "boolean" ? true : "";
}

function convert(value, from, to, type) {
  const plain = (op) => ![...LISTS, ...SPANS, "exists", "size"].includes(op);
  if (LISTS.includes(from) && LISTS.includes(to)) return value;
  if (SPANS.includes(from) && SPANS.includes(to)) return value;
  if (plain(from) && plain(to)) return value;
  if (plain(from) && LISTS.includes(to)) return value === null || value === "" ? [] : [value];
  if (LISTS.includes(from) && plain(to) && Array.isArray(value) && value.length) return value[0];
  return first(to, type);
}

function operand(ui, key, op, value, set, type, place) {
  if (LISTS.includes(op)) return tags(ui, key, value, set, type, place);
  if (SPANS.includes(op)) return duration(key, value, set, place);
  if (op === "exists") return truth(key, value, set, place, ["yes", "no"]);
  if (op === "size") return numbers(ui, key, isObject(value) ? value : {}, [], place);
  return scalar(key, value, set, type, place);
}

function truth(key, value, set, place, [yes, no]) {
  return select(key, "Value", [["true", yes], ["false", no]], String(value), (next) => set(next === "true"), place);
}

export function scalar(key, value, set, type, place) {
  if (type === "boolean") return truth(key, value, set, place, ["true", "false"]);
  if (type === "number") return number(key, "Value", value, set, place);
  const shape = type === "date" ? "date" : type === "datetime" && fitsPicker(value) ? "datetime-local" : "text";
  const shown = shape === "datetime-local" && /^\d{4}-\d\d-\d\d$/.test(value) ? `${value}T00:00` : value;
  return input(key, "Value", shown, set, { place, type: shape, autocomplete: "off" });
}

const fitsPicker = (value) => !value || /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?$/.test(value);

export function number(key, label, value, set, place, more = {}) {
  return input(key, label, value, (text) => set(text === "" ? null : Number(text)), { place, type: "number", step: "any", inputmode: "decimal", ...more });
}

// --- tests of one number: at least 3 ---
export function numbers(ui, id, node, besides, place, unit) {
  const offered = ui.offer.numbers;
  let names = Object.keys(node).filter((key) => !besides.includes(key));
  if (!names.length) { node.gte = besides.length || unit ? null : 1; names = ["gte"]; }
  const line = (op, index) => el("span", { class: "sr-test" }, index ? word("and") : null,
    select(`${id}.op${index}`, "Comparison", offered.filter(([one]) => one === op || !names.includes(one)), op,
      (next) => { rename(node, op, next, node[op]); ui.redraw(); }),
    number(`${id}.${op}`, "Number", node[op], (value) => { node[op] = value; ui.changed(); }, at(place, op)),
    names.length > 1 ? button(`${id}.${op}.remove`, "Remove this bound", () => { delete node[op]; ui.redraw(); }, { symbol: "close", quiet: true }) : null);
  const more = () => { node[names.includes("lte") ? "gte" : "lte"] = null; ui.redraw(`${id}.op1`); };
  return el("div", { class: "sr-tests sr-inline" }, names.map(line), unit ? word(unit) : null,
    names.length < 2 ? button(`${id}.and`, "and", more, { symbol: "add" }) : null);
}

// --- 30 days ---
export function duration(key, value, set, place, label = "Length") {
  const [, length, unit] = /^(\d*)([smhdw])$/.exec(value || "") || [null, value ?? "", "d"];
  const now = { length, unit };
  const tell = () => set(`${now.length}${now.unit}`);
  return el("span", { class: "sr-pair" },
    input(`${key}.length`, label, length, (text) => { now.length = text.trim(); tell(); }, { place, type: "text", inputmode: "numeric", class: "sr-control sr-number", autocomplete: "off" }),
    select(`${key}.unit`, "Unit", UNITS, unit, (next) => { now.unit = next; tell(); }, place));
}

// An optional length: a button until it is wanted.
export function optionalDuration(ui, id, node, name, place, { label, add, after }) {
  if (node[name] === undefined) {
    return button(`${id}.${name}`, add, () => { node[name] = "14d"; ui.redraw(`${id}.${name}.length`); }, { symbol: "schedule" });
  }
  const set = (value) => { node[name] = value; ui.changed(); };
  return row(label, duration(`${id}.${name}`, node[name], set, at(place, name)), after ? word(after) : null,
    button(`${id}.${name}.remove`, "Remove this", () => { delete node[name]; ui.redraw(`${id}.${name}`); }, { symbol: "close", quiet: true }));
}

// --- lists as tags: Enter or a comma ends one, Backspace in the empty field takes the last away ---
export function tags(ui, key, value, set, type, place) {
  const items = Array.isArray(value) ? value : [];
  const typed = (text) => {
    if (type === "number" && Number.isFinite(Number(text))) return Number(text);
    return type === "boolean" && ["true", "false"].includes(text) ? text === "true" : text;
  };
  const show = (next, focus) => {
    set(next);
    const fresh = tags(ui, key, next, set, type, place);
    whole.replaceWith(fresh); // alone, so that a click that ends the typing still meets its button
    if (focus) fresh.querySelector("input").focus();
  };
  const put = (texts, focus) => {
    const more = texts.map((text) => text.trim()).filter(Boolean).map(typed);
    if (more.length) show([...new Set([...items, ...more])], focus);
  };
  const remove = (index) => show(items.filter((_, one) => one !== index), true);
  const field = input(key, "Add a value, end it with Enter", "", (text) => { if (text.includes(",")) put(text.split(","), true); },
    { placeholder: items.length ? "" : "type, then Enter", autocomplete: "off" });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") put([field.value], true);
    if (event.key === "Backspace" && !field.value && items.length) { event.preventDefault(); remove(items.length - 1); }
  });
  field.addEventListener("paste", (event) => {
    const text = event.clipboardData.getData("text");
    if (/[,\n]/.test(text)) { event.preventDefault(); put(text.split(/[,\n]/), true); }
  });
  field.addEventListener("blur", () => setTimeout(() => { if (field.isConnected) put([field.value], false); }));
  const tag = (item, index) => el("span", { class: "sr-tag", "data-place": `${place}[${index}]` }, String(item),
    el("button", { type: "button", class: "sr-untag", "aria-label": `Remove ${item}`, onclick: () => remove(index) }, icon("close")));
  const whole = el("span", { class: "sr-tags", role: "group", "aria-label": "Values", "data-place": place }, items.map(tag), field);
  return whole;
}
