/** From `track` to the queue, and from the answer to what is shown. What a page waits for ends with the page. */

import { config, emit, fail } from "./config.js";
import { empty, enqueue } from "./queue.js";
import { clear, show } from "./show.js";
import { allowed, forget, grant, profile, refuse, refused, told, untold, uuid, visitorId } from "./visitor.js";

let page = 0; // counts pages: a late answer does not render on the next one
let held = []; // events of this page that wait for consent
let referrer = document.referrer;
let href; // of the last page view

const here = () => location.href.split("#")[0];
export const isNew = () => href != here();

const LONGEST = 8192; // characters that the API takes

export const track = (event, properties) =>
  new Promise((resolve) => {
    if (allowed()) send(event, properties, resolve);
    else if (refused()) resolve([]);
    else held.push([event, properties, resolve]);
  });

/** A page view: what was shown belongs to the page before, and so does what waits. */
export function trackPage(properties) {
  page++;
  clear();
  release(true);
  if (href && isNew()) referrer = href;
  href = here();
  return track("pageView", properties);
}

function send(event, properties, resolve) {
  const consent = untold();
  let body = {
    path: (location.pathname + location.search).slice(0, LONGEST),
    referrer: referrer.slice(0, LONGEST),
    ...profile(),
    ...properties,
    account: config.account,
    visitorId: visitorId(),
    platform: config.platform,
    event,
    eventId: uuid(),
    consent,
  };
  try {
    if (config.beforeSend) body = config.beforeSend(body);
    body &&= JSON.stringify(body);
  } catch (failure) {
    body = fail("Not sent: " + failure);
  }
  if (new TextEncoder().encode(body).length > 6e4) body = fail("Not sent: over 60 kB");
  if (!body) return resolve([]);
  if (consent) told();
  const asked = page;
  let late = setTimeout(() => resolve([], (late = 0)), config.timeout);
  enqueue("/campaigns/query", body, (answer) => {
    const campaigns = answer?.campaigns || [];
    if (!late) return;
    clearTimeout(late);
    resolve(campaigns);
    if (!answer) return;
    emit("campaigns", campaigns, event);
    if (config.render && asked == page) show(campaigns);
  });
}

/** Lets go of the events that wait for consent: they are sent, or never. */
function release(never) {
  for (const [event, properties, resolve] of held.splice(0))
    never ? resolve([]) : send(event, properties, resolve);
}

/** `true`, or {purpose: true or false}; where no purpose is granted it is a refusal. */
export function consent(granted) {
  const purposes = JSON.stringify(granted === true ? { tracking: true } : granted, (name, value) =>
    name ? !!value : value
  );
  if (!/:true/.test(purposes)) return optOut();
  grant(purposes);
  visitorId();
  release();
}

export function optOut() {
  release(true);
  empty();
  forget();
  clear();
  refuse();
}

export function reset() {
  empty();
  forget();
  visitorId();
}
