// The rule as the builder holds it: groups with parts, and leaves around the JSON of one condition each.
//
// Group: {id, mode: "all" | "any" | "none" | "notall", parts}. Leaf: {id, negated, kind, node}, where `node` is the JSON
// without `where` and `sequence`, which are groups and steps of their own. `place` is the server's name of a node: all[1].within.

export const KINDS = ["event", "attribute", "sequence", "segment", "sample"];
export const MEASURES = ["count", "sum", "avg", "min", "max", "unique", "first", "last"];
const KEYS = {
  event: ["event", "where", "within", ...MEASURES],
  sequence: ["sequence", "within", "same"],
  segment: ["segment", "for"],
  sample: ["sample"],
};
let count = 0;

export const newId = () => `n${(count += 1)}`;
export const at = (place, key) => (place ? `${place}.${key}` : key);
export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

// --- reading ---
export function readRule(json) {
  if (json === null || json === undefined) return group("all", []);
  const found = read(json, conditionLeaf);
  return found.parts ? found : group("all", [found]);
}

// What a campaign asks of the event itself: leaves are tests of a property, and events.
export function readConditions(json) {
  if (json === null || json === undefined) return group("all", []);
  const found = read(json, ofTheEvent);
  return found.parts ? found : group("all", [found]);
}

function ofTheEvent(json) {
  if (isProperty(json)) return leaf("property", json);
  const isPlain = isObject(json) && knows(json, ["event", "where"]) && isEvent(json.event);
  return isPlain ? leaf("event", json) : leaf("raw", json);
}

export function group(mode, parts) {
  return { id: newId(), mode, parts };
}

function read(json, leafOf) {
  for (const mode of ["all", "any"]) if (holds(json, mode)) return group(mode, json[mode].map((part) => read(part, leafOf)));
  if (!only(json, "not")) return leafOf(json);
  const inner = json.not;
  if (holds(inner, "any")) return group("none", inner.any.map((part) => read(part, leafOf)));
  if (holds(inner, "all")) return group("notall", inner.all.map((part) => read(part, leafOf)));
  if (only(inner, "not")) return group("none", [read(inner, leafOf)]);
  return { ...leafOf(inner), negated: true };
}

const only = (json, key) => isObject(json) && Object.keys(json).length === 1 && key in json;
const holds = (json, mode) => only(json, mode) && Array.isArray(json[mode]);

function conditionLeaf(json) {
  const kind = KINDS.find((one) => isObject(json) && one in json);
  if (!kind || !fits[kind](json)) return leaf("raw", json);
  return leaf(kind, json);
}

export function leaf(kind, json) {
  if (kind === "raw" || kind === "property") return { id: newId(), negated: false, kind, node: structuredClone(json) };
  const { where, sequence, ...node } = structuredClone(json);
  const found = { id: newId(), negated: false, kind, node };
  if (kind === "event") found.where = readWhere(where);
  if (kind === "sequence") found.steps = sequence.map(step);
  return found;
}

export function step(json) {
  const { where, ...node } = structuredClone(json);
  return { id: newId(), node, where: readWhere(where) };
}

export function readWhere(json) {
  if (json === undefined) return null;
  const found = read(json, (node) => leaf(isProperty(node) ? "property" : "raw", node));
  return found.parts ? found : group("all", [found]);
}

const isProperty = (json) => isObject(json) && typeof json.property === "string";
export const knows = (json, keys) => Object.keys(json).every((key) => keys.includes(key));
export const isWindow = (value) => value === undefined || typeof value === "string" || isObject(value);
export const isEvent = (value) => typeof value === "string" || (Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string"));

// What a card can show; anything else is shown as JSON.
const fits = {
  event: (json) => knows(json, KEYS.event) && isEvent(json.event) && isWindow(json.within)
    && MEASURES.filter((name) => name in json).every((name, index) => index === 0 && isObject(json[name])),
  attribute: (json) => typeof json.attribute === "string" && KINDS.filter((kind) => kind in json).length === 1,
  sequence: (json) => knows(json, KEYS.sequence) && Array.isArray(json.sequence) && isWindow(json.within)
    && (json.same === undefined || Array.isArray(json.same))
    && json.sequence.every((one) => isObject(one) && isEvent(one.event) && knows(one, ["event", "where", "within", "absent"])),
  segment: (json) => knows(json, KEYS.segment) && typeof json.segment === "string",
  sample: (json) => knows(json, KEYS.sample) && isObject(json.sample),
};

// --- writing ---
export function writeRule(root) {
  if (!root.parts.length) return null;
  return unwrapped(root) ? write(root.parts[0]) : write(root);
}

// A group of one that says nothing more than its part is not written.
export const unwrapped = (root) => root.parts.length === 1 && (root.mode === "all" || root.mode === "any");

export function write(node) {
  if (!node.parts) return node.negated ? { not: writeLeaf(node) } : writeLeaf(node);
  const parts = node.parts.map(write);
  if (node.mode === "none") return { not: parts.length === 1 ? parts[0] : { any: parts } };
  return node.mode === "notall" ? { not: { all: parts } } : { [node.mode]: parts };
}

function writeLeaf(found) {
  if (found.kind === "sequence") return { sequence: found.steps.map((one) => withWhere(one)), ...found.node };
  return found.kind === "event" ? withWhere(found) : found.node;
}

export function withWhere(found) {
  if (!found.where || !found.where.parts.length) return found.node;
  return { ...found.node, where: unwrapped(found.where) ? write(found.where.parts[0]) : write(found.where) };
}

// --- places ---
export function placeOfPart(parent, index, place, isRoot) {
  if (isRoot && unwrapped(parent)) return place;
  if (parent.mode === "all" || parent.mode === "any") return `${at(place, parent.mode)}[${index}]`;
  if (parent.mode === "notall") return `${at(place, "not.all")}[${index}]`;
  return parent.parts.length === 1 ? at(place, "not") : `${at(place, "not.any")}[${index}]`;
}

export const placeOfLeaf = (found, place) => (found.negated ? at(place, "not") : place);
