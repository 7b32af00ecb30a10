/** A popup (modal) or a bar (at the edge of the window), apart from the page's own styles. */

import { element } from "./show.js";

// A constructed sheet: policies that forbid inline styles let it pass.
// What is not said here is the page's font and the browser's own dialog: it fits the window and scrolls.
const CSS = `dialog{padding:0;border:0;width:30em;border-radius:8px}
::backdrop{background:#0008}
.sh-bar{position:fixed;z-index:999;inset:auto 0 0;width:auto;max-width:none;outline:1px solid}
a{color:inherit;text-decoration:none}
iframe{height:50vh}
span{display:block;margin:8px 20px}
.sh-title{font-weight:700;font-size:20px;margin-right:48px}
.sh-button{width:fit-content;padding:8px 20px;background:#222;color:#fff}
.sh-close{position:sticky;top:8px;float:right;margin:8px 8px -40px;width:32px;height:32px;border:0;border-radius:50%}`;
let sheet;

/** Shows `box`; `closed` is called when the person closes it. Gives what to remove. */
export function openDialog(display, { campaign, content }, box, closed) {
  if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(CSS);
  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  const dialog = element("dialog", display);
  const close = element("button", "close", "×");
  root.adoptedStyleSheets = [sheet];
  close.ariaLabel = content.closeLabel ?? "Close";
  dialog.ariaLabel = content.title ?? content.alt ?? campaign;
  // What is clicked beside a dialog, on the backdrop, is the dialog itself.
  dialog.onclick = ({ target }) => {
    if (target == close || target == dialog) dialog.close();
  };
  dialog.onkeydown = ({ key }) => {
    if (key == "Escape") dialog.close();
  };
  dialog.onclose = closed; // the browser has given back the focus
  dialog.append(close, box);
  root.append(dialog);
  document.body.append(host);
  if (display == "popup") dialog.showModal();
  else dialog.open = true; // show() would take the focus from what the person does
  return host;
}
