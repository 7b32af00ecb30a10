// The column beside the shop: who SegmentHub takes this browser for, its segments as they change, why each campaign came,
// and all that was sent.
const $ = (name) => document.querySelector(`#seen [data-${name}]`);
const EVERY = 1000; // ms
const SOON = 3600_000; // ms; what changes later needs no countdown
const INSIDE = "demo_inside";
const KINDS = { i: "Shown", v: "Seen for a second", x: "Closed" };
let skew = 0; // ms that the server's clock is ahead of ours
const flash = new Map(); // name of a segment -> when it was entered or left

function made(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content.filter((one) => one != null && one !== ""));
  return element;
}

const clock = (at) => new Date(at).toLocaleTimeString("en-GB");

// --- segments ---

async function look() {
  const visitor = await segmenthub("getVisitorId");
  $("consent").checked = !!visitor;
  $("visitor").textContent = visitor ? visitor.slice(0, 8) : "";
  if (!visitor) {
    $("who").textContent = "Refused: nothing is sent, nothing is stored";
    return drawSegments([]);
  }
  const response = await fetch("/demo/seen?visitor=" + visitor);
  if (!response.ok) return;
  const seen = await response.json();
  skew = Date.parse(seen.at) - Date.now();
  $("who").textContent = seen.profile || (seen.known ? "Anonymous visitor" : "New visitor");
  $("panel").href = "/panel/visitors/?q=" + visitor;
  compare(visitor, seen.segments);
  drawSegments(seen.segments);
}

/** Notes who entered and left since the last look. */
function compare(visitor, segments) {
  const before = JSON.parse(sessionStorage.getItem(INSIDE) || "{}");
  const inside = segments.filter((one) => one.inside.length).map((one) => one.name);
  const was = before.visitor == visitor ? before.inside : [];
  for (const name of inside) if (!was.includes(name)) moved("entered", name);
  for (const name of was) if (!inside.includes(name)) moved("left", name);
  sessionStorage.setItem(INSIDE, JSON.stringify({ visitor, inside }));
}

function moved(kind, name) {
  flash.set(name, kind);
  setTimeout(() => flash.delete(name), 4000);
  demoLog.put({ id: kind + name + Date.now(), kind, name, at: Date.now() });
  $("told").textContent = (kind == "entered" ? "Entered “" : "Left “") + name + "”";
  $("told").dataset.kind = kind;
  $("told").classList.remove("shown");
  requestAnimationFrame(() => $("told").classList.add("shown"));
}

function drawSegments(segments) {
  const list = $("segments");
  const sorted = [...segments].sort((a, b) => !!b.inside.length - !!a.inside.length);
  list.replaceChildren(...sorted.map(drawSegment));
  const number = segments.filter((one) => one.inside.length).length;
  $("summary").textContent = number == 1 ? "in 1 segment" : `in ${number} segments`;
  countDown();
}

function drawSegment(segment) {
  const inside = segment.inside.length > 0;
  const item = made("li", inside ? "in" : "out");
  item.dataset.segment = segment.name;
  if (flash.has(segment.name)) item.classList.add(flash.get(segment.name));
  const when = made("time");
  when.dataset.at = segment.changes_at || "";
  when.dataset.inside = inside ? "1" : "";
  const by = inside ? (segment.inside.includes("profile") ? "profile" : "visitor") : "";
  item.append(
    made("i", "mark"),
    made("div", "", made("b", "", segment.name), by && made("em", "", by), when, made("p", "", segment.description)),
  );
  if (!inside && segment.step?.needed > 1) when.after(drawStep(segment.step));
  return item;
}

function drawStep({ done, needed }) {
  const meter = made("meter");
  meter.max = needed;
  meter.value = Math.min(done, needed);
  meter.ariaLabel = `${done} of ${needed}`;
  return made("span", "step", meter, `${Math.round(done)} of ${needed}`);
}

function countDown() {
  for (const time of document.querySelectorAll("#seen time[data-at]")) {
    const left = Date.parse(time.dataset.at) - Date.now() - skew;
    const seconds = Math.max(0, Math.ceil(left / 1000));
    const said = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    time.textContent = left < SOON ? (time.dataset.inside ? "leaves in " : "enters in ") + said : "";
  }
}

// --- the tour: what to try next ---

const entered = (name) => (log) => log.some((entry) => entry.kind == "entered" && entry.name == name);
const shown = (slug) => (log) => log.some((entry) => entry.kind == "i" && campaignOf(entry.token) == slug);
const TOUR = [
  ["Look at two jackets", "/demo/jackets", entered("Jackets right now")],
  ["See what the front page shows now", "/demo/", shown("jackets-now")],
  ["Put a tent into the cart, and wait for 20 seconds", "/demo/camping", entered("Cart abandoner")],
  ["Order for 600 or more", "/demo/cart", entered("VIP")],
  ["Back to the front page, as a VIP", "/demo/", shown("vip-early-access")],
];

function drawTour() {
  const log = demoLog.read();
  let next = +sessionStorage.getItem("demo_tour");
  while (TOUR[next]?.[2](log)) next++;
  sessionStorage.setItem("demo_tour", next);
  if (!TOUR[next]) return $("tour").replaceChildren("That was the tour. Log in as somebody, or become a new visitor.");
  const [text, address] = TOUR[next];
  const link = made("a", "", text);
  link.href = address;
  $("tour").replaceChildren(made("b", "", `${next + 1} of ${TOUR.length}`), link);
}

// --- why ---

async function askWhy(entry) {
  const shown = entry.answer.campaigns.map((one) => one.campaign);
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ ...entry.sent, shown });
  const response = await fetch("/demo/why", { method: "POST", headers, body });
  if (response.ok) drawWhy((await response.json()).placements);
}

function drawWhy(placements) {
  const here = placements.filter((one) => document.querySelector(`[data-sh-slot="${one.placement}"]`));
  const drawn = here.map((one) => {
    const won = one.shown.map((campaign) =>
      made("p", "won", made("b", "", campaign.name), "Shown because " + because(campaign)),
    );
    const rest = one.others.map((campaign) =>
      made("li", "", made("b", "", campaign.name), campaign.reason + needs(campaign)),
    );
    const count = rest.length == 1 ? "1 other was not" : `${rest.length} others were not`;
    const others = made("details", "", made("summary", "", count), made("ul", "", ...rest));
    if (!won.length) won.push(made("p", "won none", "Nothing fits here now"));
    return made("article", "", made("h4", "", one.name), ...won, rest.length ? others : null);
  });
  if (!drawn.length) drawn.push(made("p", "none", "This page has no slot."));
  $("why").replaceChildren(...drawn);
}

const quoted = (names) => names.map((name) => `“${name}”`).join(" or ");
const because = ({ segments }) => (segments.length ? `this person is in ${quoted(segments)}` : "it is for everybody");
const needs = ({ segments, reason }) =>
  segments.length && reason.includes("none of its segments") ? `: ${quoted(segments)}` : "";

// --- what happened ---

function drawEntry(entry) {
  const item = made("li", entry.kind);
  item.dataset.id = entry.id;
  const time = made("time", "", clock(entry.at));
  if (entry.kind == "event") item.append(drawEvent(entry, time));
  else if (entry.name) item.append(made("span", "", entry.kind == "entered" ? "Entered " : "Left ", made("b", "", entry.name)), time);
  else item.append(made("span", "", KINDS[entry.kind] + ": ", made("b", "", campaignOf(entry.token))), time);
  return item;
}

function drawEvent({ sent, answer, status, ms }, time) {
  const about = sent.sku || sent.orderId || sent.path;
  const state = answer ? `${status}, ${ms} ms` : "sent";
  const summary = made("summary", "", made("b", "", sent.event), made("span", "", about), made("small", "", state), time);
  const told = (title, json) => [made("h5", "", title), made("pre", "", JSON.stringify(json, null, 1))];
  const parts = [...told("Sent", sent), ...(answer ? told("Answered", answer) : [])];
  for (const part of parts) if (part.tagName == "PRE") part.tabIndex = 0; // it scrolls
  return made("details", "", summary, ...parts);
}

function campaignOf(token) {
  const all = demoLog.read().flatMap((entry) => entry.answer?.campaigns || []);
  return all.find((one) => one.id == token)?.campaign || "a campaign";
}

document.addEventListener("demo:log", ({ detail: entry }) => {
  const item = drawEntry(entry);
  const before = $("log").querySelector(`[data-id="${CSS.escape(entry.id)}"]`);
  if (before) before.replaceWith(item);
  else $("log").prepend(item);
  drawTour();
  if (entry.kind == "event" && entry.answer?.campaigns) {
    look();
    askWhy(entry);
  }
});
document.addEventListener("demo:consent", look);
document.querySelector("#seen .sheet").addEventListener("click", ({ currentTarget: button }) => {
  const open = document.getElementById("seen").classList.toggle("open");
  button.ariaExpanded = open;
});

$("log").append(...demoLog.read().map(drawEntry));
drawTour();
segmenthub("on", "ready", look);
setInterval(() => !document.hidden && look(), EVERY);
