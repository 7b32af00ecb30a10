// How many people a rule holds for: estimated while it is written, counted and named when asked.

import { button, el } from "./dom.js";
import { nameOf, post } from "./telling.js";

const WAIT = 400;

export function sizing(area) {
  const addresses = document.getElementById("rule-addresses").dataset;
  const size = el("p", { class: "sr-size", role: "status" });
  const list = el("ul", { class: "sr-people" });
  const exact = button("exact", "Count exactly", () => count(), { symbol: "functions" });
  const people = addresses.people ? button("people", "Show some people", () => show(), { symbol: "group" }) : null;
  const box = el("div", { class: "sr-sizing" }, size, el("div", { class: "sr-foot" }, exact, people), list);
  box.hidden = true;
  let rule = null;
  let timer;
  let asking;

  // `next` null: nothing to count.
  function follow(next) {
    rule = next;
    clearTimeout(timer);
    asking?.abort();
    list.replaceChildren();
    box.hidden = rule === null;
    size.textContent = rule === null ? "" : "Estimating …";
    if (rule !== null) timer = setTimeout(() => ask(addresses.size, {}, sizes), WAIT);
  }

  function count() {
    size.textContent = "Counting …";
    ask(addresses.size, { exact: true }, sizes);
  }

  function show() {
    ask(addresses.people, {}, ({ people: found }) => {
      const line = ({ name, level, link }) => el("li", {}, el("a", { href: link, target: "_blank", rel: "noopener" }, name), ` ${level}`);
      list.replaceChildren(...(found.length ? found.map(line) : [el("li", {}, "Nobody in the sample: count exactly to be sure.")]));
    });
  }

  async function ask(address, more, use) {
    clearTimeout(timer);
    asking?.abort();
    asking = new AbortController();
    try {
      const answer = await post(address, { rule, name: nameOf(area), ...more }, area.form, asking.signal);
      if (answer.problem) size.textContent = answer.problem;
      else use(answer);
    } catch (error) {
      if (error.name !== "AbortError") size.textContent = "This cannot be counted just now.";
    }
  }

  function sizes({ sizes: found }) {
    const shown = found.map(({ level, members, people: all, exact: sure }) => (sure
      ? `${number(members)} of ${number(all)} ${level}s`
      : `about ${number(rounded(members))} of about ${number(rounded(all))} ${level}s`));
    const sure = found.every((one) => one.exact);
    size.textContent = `${shown.join(", ")}${sure ? "." : ", estimated from a sample."}`;
  }

  return { box, follow };
}

const number = (value) => value.toLocaleString("en-US");

// Two digits are what a sample is good for.
function rounded(value) {
  const unit = 10 ** Math.max(0, String(value).length - 2);
  return Math.round(value / unit) * unit;
}
