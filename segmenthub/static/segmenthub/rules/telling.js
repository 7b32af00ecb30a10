// What the server says of the rule while it is written: the sentence, and errors at their nodes.

import { el, icon } from "./dom.js";
import { sizing } from "./sizing.js";

const WAIT = 300;

// `asked(area)`: what the server is told besides the rule; `none`: what holds without one.
export function telling(area, canvas, { asked, none }) {
  const addresses = document.getElementById("rule-addresses").dataset;
  const sentence = el("p", { class: "sr-sentence" });
  const problem = el("p", { class: "sr-problem", hidden: true });
  const size = addresses.size ? sizing(area) : { box: null, follow() {} };
  const box = el("div", { class: "sr-told" }, el("div", { role: "status", "aria-live": "polite" }, sentence, problem), size.box);
  let timer;
  let asking;
  let errors = [];

  // `rule` undefined: what is in the textarea is no JSON.
  function ask(rule) {
    clearTimeout(timer);
    asking?.abort();
    size.follow(null);
    if (rule === undefined) return tell(null, [{ place: "", message: "This is no JSON yet." }]);
    timer = setTimeout(() => send(rule), WAIT);
    return undefined;
  }

  async function send(rule) {
    asking = new AbortController();
    try {
      const answer = await post(addresses.tell, { rule, ...asked(area) }, area.form, asking.signal);
      tell(answer.sentence, answer.errors);
      if (answer.sentence) size.follow(rule);
    } catch (error) {
      if (error.name !== "AbortError") tell(null, [{ place: "", message: "The rule could not be checked just now. It is checked again when you save." }]);
    }
  }

  function tell(text, found) {
    errors = found;
    sentence.hidden = errors.length > 0;
    sentence.replaceChildren(...(text ? [el("strong", {}, "In words: "), `${text}.`] : [none]));
    problem.hidden = !errors.length;
    problem.replaceChildren(icon("error"), el("span", {}, errors.map(({ message }) => message).join(" ")));
    mark();
  }

  const mark = () => markErrors(canvas, errors);

  return { box, ask, mark };
}

// Shows each error at the node that it belongs to.
export function markErrors(canvas, errors) {
  for (const node of canvas.querySelectorAll(".sr-wrong")) {
    node.classList.remove("sr-wrong");
    node.removeAttribute("aria-invalid");
    node.removeAttribute("aria-describedby");
  }
  for (const note of canvas.querySelectorAll(".sr-error")) note.remove();
  errors.forEach(({ place, message }, index) => {
    const node = nearest(canvas, place);
    if (!node) return;
    const note = el("p", { class: "sr-error", id: `rule-error-${index}` }, message);
    node.classList.add("sr-wrong");
    node.setAttribute("aria-invalid", "true");
    node.setAttribute("aria-describedby", note.id);
    const row = node.closest(".sr-row, .sr-line, .sr-step, .sr-card, .sr-group");
    if (row) row.append(note);
  });
}

// The control or box of a place, or of the one around it.
function nearest(canvas, place) {
  for (let inner = place; ; inner = inner.replace(/\.?[^.[]+$|\[\d+\]$/, "")) {
    const found = [...canvas.querySelectorAll(`[data-place="${CSS.escape(inner)}"]`)];
    if (found.length) return found.find((node) => node.matches("input, select, textarea")) || found[0];
    if (!inner) return null;
  }
}

export async function post(address, body, form, signal) {
  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
  const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
  const response = await fetch(address, { method: "POST", headers, body: JSON.stringify(body), signal, credentials: "same-origin" });
  if (!response.ok) throw new Error(`${response.status}`);
  return response.json();
}

export const nameOf = (area) => area.form.querySelector("[name=name]")?.value || area.dataset.rule;
