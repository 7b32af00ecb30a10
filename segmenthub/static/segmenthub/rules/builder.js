// The builder of a segment's rule and of a campaign's conditions. The textarea stays what is saved; without this script
// it is all there is.

import { card, fresh } from "./cards.js";
import { conditionCard, newCondition, ticked } from "./conditions.js";
import { button, el, icon, select } from "./dom.js";
import { groupBox } from "./groups.js";
import { leaf, readConditions, readRule, writeRule } from "./model.js";
import { nameOf, telling } from "./telling.js";

const RULE = {
  read: readRule,
  part: card,
  newPart: (ui) => leaf("event", fresh(ui, "event")),
  asked: (area) => ({ name: nameOf(area) }),
  empty: "Add a condition, or start from a template.",
  none: "Nobody by a rule: those that were put in by hand or through the API.",
  json: "The rule as JSON",
};
const CONDITIONS = {
  read: readConditions,
  part: conditionCard,
  newPart: newCondition,
  asked: (area) => ({ events: ticked(area.form) }),
  empty: "Add what the event itself must say, such as its price.",
  none: "Whatever the event says.",
  json: "The conditions as JSON",
};
const area = document.querySelector("textarea[data-rule], textarea[data-conditions]");
const offered = document.getElementById("rule-offer");
if (area && offered) build(area, JSON.parse(offered.textContent));

function build(area, offer) {
  const said = area.value.trim();
  const kind = area.matches("[data-rule]") ? RULE : CONDITIONS;
  const ui = { offer, form: area.form, changed, redraw, part: (...more) => kind.part(ui, ...more), newPart: () => kind.newPart(ui), noun: "condition" };
  const canvas = el("div", { class: "sr-canvas" });
  const undo = button("undo", "Undo", back, { symbol: "undo" });
  const whole = el("div", { class: "sr-builder" });
  const result = telling(area, canvas, kind);
  const views = tabs(whole, [["builder", "Builder", el("div", {}, toolbar(), canvas)], ["json", "JSON", wrapJson()]], enter);
  let root = read(said);
  let past = [];
  let current = said;
  undo.disabled = true;
  whole.append(result.box);
  area.addEventListener("input", (event) => { if (event.isTrusted) typed(); });
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input")) event.preventDefault(); // does not save the segment
  });
  if (kind === CONDITIONS) area.form.addEventListener("change", ({ target }) => { if (target.name === "events" && root) redraw(); });
  if (root) draw();
  else views.show("json");
  result.ask(root ? writeRule(root) : undefined);

  function read(text) {
    try {
      return kind.read(text.trim() ? JSON.parse(text) : null);
    } catch {
      return null;
    }
  }

  // The rule is another one: the textarea and the sentence follow.
  function changed() {
    const rule = writeRule(root);
    const text = rule === null ? "" : JSON.stringify(rule, null, 2);
    if (text !== current) {
      past.push(current);
      past = past.slice(-100);
    }
    put(text, rule);
  }

  function put(text, rule) {
    current = text;
    area.value = text;
    undo.disabled = !past.length;
    area.dispatchEvent(new Event("input", { bubbles: true })); // the page warns before it loses changes
    result.ask(rule);
  }

  // The rule looks different: draws it anew and gives the focus back, or to the control whose key begins with `focus`.
  function redraw(focus) {
    const key = focus || document.activeElement?.dataset?.key;
    draw();
    changed();
    const found = key && (canvas.querySelector(`[data-key="${CSS.escape(key)}"]`) || canvas.querySelector(`[data-key^="${CSS.escape(key)}"]`));
    if (found) found.focus();
  }

  function draw() {
    const empty = el("p", { class: "sr-empty" }, kind.empty);
    canvas.replaceChildren(...[root.parts.length ? null : empty, groupBox(ui, root, "", { isRoot: true })].filter(Boolean));
    result.mark();
  }

  function back() {
    const text = past.pop();
    root = read(text) || root;
    put(text, writeRule(root));
    draw();
    undo.focus();
  }

  function typed() {
    const next = read(area.value);
    if (next) root = next;
    past.push(current);
    current = area.value;
    undo.disabled = false;
    result.ask(next ? writeRule(next) : undefined);
  }

  function enter(view) {
    if (view !== "builder") return true;
    const next = read(area.value);
    if (!next) return false;
    root = next;
    draw();
    return true;
  }

  function toolbar() {
    const names = (kind === RULE ? offer.templates : []).map(({ name, description }) => [name, `${name}: ${description}`]);
    const choose = select("template", "Start from a template", names, "", () => { use.disabled = false; });
    choose.options[0].textContent = "Start from a template …";
    const use = button("use", "Use", () => {
      const template = offer.templates.find(({ name }) => name === choose.value);
      if (!template) return;
      root = readRule(template.rule);
      redraw("use");
    });
    use.disabled = true;
    return el("div", { class: "sr-toolbar" }, names.length ? [choose, use] : null, undo);
  }

  function wrapJson() {
    const holder = el("div", { class: "sr-jsonview" });
    area.closest(".grow")?.parentElement.classList.add("sr-wide");
    area.closest("fieldset")?.classList.add("sr-fieldset");
    area.before(whole);
    holder.append(area);
    area.setAttribute("aria-label", kind.json);
    return holder;
  }
}

// Two views of one rule; `enter(view)` says whether it can be shown.
function tabs(whole, views, enter) {
  const note = el("p", { class: "sr-error", role: "status", hidden: true }, "This is no JSON yet: the builder shows it once it is.");
  const list = el("div", { class: "sr-tabs", role: "tablist", "aria-label": "How the rule is shown" });
  const shown = new Map();
  for (const [id, label, body] of views) {
    const tab = el("button", { type: "button", role: "tab", id: `rule-tab-${id}`, "aria-controls": `rule-${id}`, onclick: () => show(id, true) }, icon(id === "json" ? "data_object" : "account_tree"), label);
    const panel = el("div", { role: "tabpanel", id: `rule-${id}`, "aria-labelledby": tab.id }, body);
    list.append(tab);
    shown.set(id, { tab, panel });
  }
  list.addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const other = views.map(([id]) => id).find((id) => shown.get(id).tab.getAttribute("aria-selected") !== "true");
    if (show(other, true)) shown.get(other).tab.focus();
  });
  whole.append(list, note, ...[...shown.values()].map(({ panel }) => panel));
  set(views[0][0]);

  function set(id) {
    for (const [one, { tab, panel }] of shown) {
      tab.setAttribute("aria-selected", String(one === id));
      tab.tabIndex = one === id ? 0 : -1;
      panel.hidden = one !== id;
    }
  }

  function show(id, asked) {
    const fits = !asked || enter(id);
    note.hidden = fits;
    if (fits) set(id);
    return fits;
  }

  return { show };
}
