// Small helpers of the panel's pages: copy buttons, questions before a change, and JSON that shows its mistakes.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  const label = button.querySelector("[data-copy-label]");
  const before = label.dataset.before || label.textContent;
  label.dataset.before = before;
  label.textContent = (await copy(source)) ? "Copied" : "Press Ctrl+C";
  setTimeout(() => { label.textContent = before; }, 2000);
});

async function copy(source) {
  const range = document.createRange();
  range.selectNodeContents(source);
  const selection = window.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    return document.execCommand("copy"); // without https there is no clipboard object
  }
}

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

document.addEventListener("input", (event) => {
  if (event.target.matches("textarea.json-editor")) check(event.target);
});

document.addEventListener("focusout", (event) => {
  const area = event.target;
  if (!area.matches || !area.matches("textarea.json-editor") || !check(area) || !area.value.trim()) return;
  area.value = JSON.stringify(JSON.parse(area.value), null, 2);
});

function check(area) {
  let message = "";
  try {
    if (area.value.trim()) JSON.parse(area.value);
  } catch (error) {
    message = error.message;
  }
  area.classList.toggle("sh-bad", Boolean(message));
  let note = area.parentElement.querySelector(".sh-json-note");
  if (!note) {
    note = document.createElement("div");
    note.className = "sh-json-note";
    note.setAttribute("role", "status");
    area.after(note);
  }
  note.textContent = message;
  return !message;
}

// What unfold and select2 leave without a name for those who hear a page: icons beside words are pictures, the search
// button is one, and the boxes that select2 draws take the label of their field.
function nameForListeners() {
  document.getElementById("searchbar-submit")?.setAttribute("aria-label", "Search");
  document.querySelector("a[x-on\\:click*=showActions]")?.setAttribute("aria-label", "More actions");
  for (const icon of document.querySelectorAll(".material-symbols-outlined")) {
    const owner = icon.closest("a, button");
    const named = !owner || owner.title || owner.ariaLabel || owner.textContent.trim() !== icon.textContent.trim();
    if (named) icon.setAttribute("aria-hidden", "true");
  }
  for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
    const label = document.querySelector(`label[for="${select.id}"]`)?.textContent.replace("*", "").trim();
    const boxes = select.nextElementSibling?.querySelectorAll("[role=combobox], [role=textbox], [role=searchbox]") || [];
    for (const box of label ? boxes : []) box.setAttribute("aria-label", label);
  }
}

window.addEventListener("load", () => setTimeout(nameForListeners)); // after select2 has drawn
