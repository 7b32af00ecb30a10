/** Shows campaigns in the page's slots, as a popup or as a bar, and tells what became of them: each thing once. */

import { emit, fail, quietly } from "./config.js";
import { openDialog } from "./dialog.js";
import { enqueue } from "./queue.js";

const shown = new Map(); // slot, "popup" or "bar" -> {campaign, box, node, timer, seen}
const waiting = new Map(); // placement -> campaign whose slot is not there yet
let policy;

export const report = (kind, campaign) => enqueue("/" + kind + "/" + campaign.id, "");

/** The address, where it is one of the web; of anything else, such as javascript:, nothing. */
const safe = (address) =>
  quietly(() => {
    const { href } = new URL(address, location.href);
    return address && /^https?:/.test(href) && href;
  });

export function element(tag, name, text) {
  const made = document.createElement(tag);
  made.className = made.part = "sh-" + name;
  made.textContent = text;
  return made;
}

export function show(campaigns) {
  for (const campaign of campaigns) if (campaign.placement) waiting.set(campaign.placement, campaign);
  finder.observe(document, { childList: true, subtree: true });
  place();
}

const finder = new MutationObserver(place);

/** Puts what waits into its slots. A slot may come later: the page is still read, or a framework draws it. */
function place() {
  for (const [placement, campaign] of waiting) {
    const slot = document.querySelector(`[data-sh-slot="${CSS.escape(placement)}"]`);
    const target = /^(popup|bar)\b/.exec(campaign.content?.display || (!slot && placement))?.[0] || slot;
    if (!target || !document.body) continue;
    waiting.delete(placement);
    try {
      fill(target, campaign, target == slot);
    } catch (failure) {
      remove(target);
      fail(campaign.campaign + " cannot be shown: " + failure);
    }
  }
  if (!waiting.size) finder.disconnect();
}

/** Takes down all that is shown, with what watches it. */
export function clear() {
  waiting.clear();
  for (const target of [...shown.keys()]) remove(target);
}

function remove(target) {
  const entry = shown.get(target);
  if (!entry) return;
  shown.delete(target);
  clearTimeout(entry.timer);
  watcher.unobserve(entry.box);
  entry.node?.remove();
}

function fill(target, campaign, inSlot) {
  const before = shown.get(target)?.campaign;
  // One popup at a time; what a slot shows already is not shown again.
  if (before && (!inSlot || (before.campaign == campaign.campaign && before.variant == campaign.variant))) return;
  remove(target);
  const entry = { campaign };
  shown.set(target, entry);
  const [box, image] = build(campaign);
  entry.box = box;
  if (!image) return appear();
  image.onload = appear;
  image.onerror = () => {
    image.remove();
    if (campaign.type != "image") return appear();
    remove(target);
    fail(campaign.campaign + " cannot be shown: picture");
  };

  function appear() {
    if (shown.get(target) != entry) return; // the page was left meanwhile
    if (inSlot) {
      entry.node = box;
      target.style.overflow = "hidden"; // a slot keeps its size, whatever is in it
      target.append(box);
    } else
      entry.node = openDialog(target, campaign, box, () => {
        remove(target);
        report("x", campaign);
        emit("close", campaign);
      });
    report("i", campaign);
    emit("impression", campaign);
    watcher.observe(box);
  }
}

/** The creative as an element, as a link where it has one, and the picture that it waits for. */
function build(campaign) {
  const content = campaign.content || {};
  const link = safe(campaign.link || content.link);
  const box = element(link ? "a" : "div", "card");
  box.style.cssText = "display:block;max-height:100%;overflow-wrap:anywhere";
  if (link) {
    box.href = link;
    box.onclick = () => emit("click", campaign);
  }
  if (campaign.type == "html") {
    box.append(frame(campaign.campaign, content.html, link));
    return [box];
  }
  const source = safe(content.src || content.image);
  let image;
  if (source) {
    image = element("img", "image");
    image.alt = content.alt ?? "";
    image.style.cssText = "display:block;max-width:100%;height:auto";
    image.src = source;
    box.append(image);
  }
  for (const name of ["title", "text", "button"])
    if (content[name] != null) box.append(element("span", name, content[name]));
  return [box, image];
}

/** HTML runs no script and reaches nothing of the page. With a link the whole of it is the link. */
function frame(title, html, link) {
  const createHTML = (text) => text;
  policy ||= window.trustedTypes?.createPolicy("segmenthub", { createHTML }) || { createHTML };
  const made = element("iframe", "frame");
  made.sandbox = "allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation";
  made.title = title;
  made.width = made.height = "100%";
  made.marginWidth = made.marginHeight = 0; // in the frame the page's policy forbids inline styles, too
  made.srcdoc = policy.createHTML('<!doctype html><base target="_top">' + html);
  made.style.cssText = "display:block;border:0";
  // A click inside a frame is not seen from outside: it goes to the link around it.
  if (link) made.style.pointerEvents = "none";
  return made;
}

/** Of half of a box, or of the window where the box is larger, that is in view for a second. */
const watcher = new IntersectionObserver(
  (looks) => {
    for (const { target, intersectionRatio, intersectionRect } of looks) {
      const { width, height } = intersectionRect;
      const entry = [...shown.values()].find(({ box }) => box == target);
      const enough = intersectionRatio >= 0.5 || width * height * 2 >= innerWidth * innerHeight;
      if (!entry || entry.seen) continue;
      if (enough && !document.hidden)
        entry.timer ||= setTimeout(() => {
          entry.seen = true;
          report("v", entry.campaign);
        }, 1000);
      else entry.timer = clearTimeout(entry.timer);
    }
  },
  { threshold: [0, 0.1, 0.2, 0.3, 0.4, 0.5] }
);

addEventListener("visibilitychange", () => {
  for (const entry of shown.values()) {
    entry.timer = clearTimeout(entry.timer);
    watcher.unobserve(entry.box);
    watcher.observe(entry.box); // looks again when the tab is back
  }
});
