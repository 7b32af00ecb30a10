/**
 * What is to be sent: in localStorage until an answer is known, so that a closed tab or a server that is away loses
 * nothing. Each entry has a key of its own that names its page: tabs never overwrite each other, and only its page
 * sends it. What a page left behind is taken over by another one under a lock. The server takes an event twice as once.
 */

import { config, fail } from "./config.js";
import { local } from "./store.js";
import { allowed } from "./visitor.js";

const PREFIX = "sh_q.";
const LIMIT = 100; // entries of all tabs
const KEPT = 864e5; // ms; the server knows an eventId for 24 hours
const SETTLE = 1000; // ms until what was left behind is taken over: its page may just be starting
const ABANDONED = 6e4; // ms, where no lock tells whether a page lives
const locks = navigator.locks;
const page = Math.random().toString(36).slice(2);
const mine = new Map();
let number = 0;
let failures = 0;
let timer;
let leave;

/** `done` is called once: with the answer, or without where there will be none. */
export function enqueue(path, body, done, at = Date.now()) {
  const entry = { path, body, done, at, key: PREFIX + at + "." + page + "." + number++ };
  mine.set(entry.key, entry);
  entry.stored = local((storage) => (storage.setItem(entry.key, path + "\n" + body), true));
  const all = keys();
  if (all[LIMIT]) drop(all[0]);
  if (!timer) attempt(entry);
}

/** Of all tabs, oldest first. */
const keys = () =>
  [...new Set([...mine.keys(), ...(local(Object.keys) || [])])].filter((key) => key.startsWith(PREFIX)).sort();

function drop(key, answer) {
  const entry = mine.get(key);
  mine.delete(key);
  local((storage) => storage.removeItem(key));
  entry?.done?.(answer);
}

export const empty = () => keys().forEach((key) => drop(key));

/** Whether the next entry may be sent. */
const attempt = (entry) => (entry.sending ||= send(entry).finally(() => (entry.sending = null)));

async function send(entry) {
  const { key, path, body } = entry;
  const gone = entry.stored && !local((storage) => storage.getItem(key)); // another tab has sent or dropped it
  if (gone || Date.now() - entry.at > KEPT) {
    drop(key);
    return true;
  }
  let response, answer;
  try {
    response = await fetch(config.apiHost + path, {
      method: "POST",
      credentials: "omit",
      // Browsers refuse it where more than 64 KiB are under way: what failed is tried again without.
      keepalive: !entry.failed,
      ...(body && { body, headers: { "content-type": "application/json" } }),
    });
    answer = body && (await response.json());
  } catch {
    if (response?.ok) response = null; // no JSON: not our server's answer
  }
  const status = response?.status || 500;
  if (status == 429 || status >= 500) {
    entry.failed = true;
    later(Math.min(response?.headers.get("retry-after") * 1000 || 0, KEPT)); // timers take no more than 24 days
    return false;
  }
  failures = 0;
  if (status >= 400) fail(answer?.message || status);
  drop(key, response.ok && answer);
  return true;
}

/** Tries all again after a pause (ms) that doubles up to a minute, of which a part is left to chance. */
function later(pause) {
  timer ||= setTimeout(flush, pause + Math.min(60, 2 ** failures++) * (1 + Math.random()) * 500);
}

/** Sends what waits, oldest first and one at a time. */
async function pump() {
  timer = clearTimeout(timer);
  for (const entry of [...mine.values()]) if (!(await attempt(entry))) return;
}

/** Takes over what pages that are gone have left behind. */
async function adopt() {
  if (!allowed()) return;
  const take = (alive) => {
    for (const key of keys()) {
      const [, at, owner] = key.split(".");
      const value = local((storage) => storage.getItem(key));
      if (!value || mine.has(key) || alive?.has(owner) || Date.now() - at < (alive ? SETTLE : ABANDONED)) continue;
      drop(key);
      const [path, body] = value.split("\n");
      enqueue(path, body, null, +at);
    }
  };
  try {
    await locks.request(PREFIX, async () => take(new Set((await locks.query()).held.map((lock) => lock.name))));
  } catch {
    take(); // none here, or not for this frame
  }
}

/** Sends at once what waits here and what was left behind. */
export async function flush() {
  await adopt();
  await pump();
}

/** A page that lives holds a lock of its name; not in the back/forward cache, which takes no page with locks. */
const live = () => locks?.request(page, () => new Promise((resolve) => (leave = resolve))).catch(() => {});

export function startQueue() {
  setTimeout(live, SETTLE / 2); // not while the page is busy starting
  addEventListener("pagehide", () => leave?.());
  addEventListener("pageshow", (event) => event.persisted && live());
  addEventListener("online", flush);
  setTimeout(adopt, 2 * SETTLE);
}
