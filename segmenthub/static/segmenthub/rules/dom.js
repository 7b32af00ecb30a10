// Elements of the builder. Each control has a key, so that it has the focus again after a redraw, and a place, so that an
// error finds it. `ui.changed()` tells that the rule is another one, `ui.redraw()` besides that it looks different.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

export function icon(name) {
  return el("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, name);
}

export function button(key, label, onclick, { symbol, quiet, place } = {}) {
  const shown = symbol && quiet ? icon(symbol) : [symbol ? icon(symbol) : null, label];
  return el("button", {
    type: "button", class: quiet ? "sr-icon" : "sr-add", "data-key": key, "data-place": place,
    "aria-label": quiet ? label : undefined, title: quiet ? label : undefined, onclick,
  }, shown);
}

// `options`: [[value, text, group?], ...]. A value that is not offered stays to be seen.
export function select(key, label, options, value, onchange, place) {
  const node = el("select", { "data-key": key, "data-place": place, "aria-label": label, class: "sr-control" });
  const groups = new Map([[undefined, node]]);
  if (!options.some(([one]) => one === value)) {
    node.append(el("option", { value: value ?? "", selected: true }, value ? `${value} (not known)` : "choose …"));
  }
  for (const [one, text, group] of options) {
    if (!groups.has(group)) groups.set(group, node.appendChild(el("optgroup", { label: group })));
    groups.get(group).append(el("option", { value: one, selected: one === value }, text));
  }
  node.addEventListener("change", () => onchange(node.value));
  return node;
}

export function input(key, label, value, oninput, { place, type = "text", ...more } = {}) {
  const node = el("input", { type, "data-key": key, "data-place": place, "aria-label": label, class: `sr-control sr-${type}`, ...more });
  node.value = value ?? "";
  node.addEventListener("input", () => oninput(node.value, node));
  return node;
}

export function row(label, ...controls) {
  return el("div", { class: "sr-row" }, el("span", { class: "sr-label" }, label), el("div", { class: "sr-controls" }, ...controls));
}

export const word = (text) => el("span", { class: "sr-word" }, text);
