/** What is kept in the browser: a first-party cookie, mirrored to localStorage; memory where neither can be written. */

import { config, quietly } from "./config.js";

const KEPT = 34128000; // seconds, about 13 months
const memory = {};
let domain; // of our cookies; found once
let jar; // "; " and document.cookie, for the rest of the task: to look asks another process

/** Does something with localStorage, where there is one, it may be used and is not full. */
export const local = (action) => quietly(() => config.persistence != "memory" && action(localStorage));

/** The value of a cookie; none where it is damaged, or not allowed in this frame. */
const cookie = (name) =>
  quietly(() => {
    if (!jar) setTimeout(() => (jar = ""));
    jar ||= "; " + document.cookie;
    const found = config.persistence == "cookie" && jar.match(`; ${name}=([^;]*)`);
    return found && decodeURIComponent(found[1]);
  });

/** "" forgets it. */
const setCookie = (name, value, domain) =>
  quietly(() => {
    const pair = `; ${name}=` + encodeURIComponent(value);
    jar &&= pair + jar;
    document.cookie =
      pair.slice(2) +
      ";path=/;samesite=lax;max-age=" +
      (value ? KEPT : 0) +
      (domain ? ";domain=" + domain : "") +
      (location.protocol == "https:" ? ";secure" : "");
  });

/** The widest domain that takes cookies: browsers refuse those under which anybody can register. */
function widest() {
  const parts = location.hostname.split(".");
  for (let labels = 2; labels <= parts.length; labels++) {
    const candidate = parts.slice(-labels).join(".");
    setCookie("sh_try", 1, candidate);
    jar = ""; // was it taken?
    if (cookie("sh_try")) {
      setCookie("sh_try", "", candidate);
      return candidate;
    }
  }
}

/** The first kept value that fits the pattern: a damaged cookie gives way to its mirror. */
export const read = (name, valid = /./) =>
  [cookie(name), local((storage) => storage.getItem(name)), memory[name]].find((value) => value && valid.test(value));

/** Keeps a value; "" forgets it. `aside`: in no cookie. */
export function write(name, value, aside) {
  if (config.persistence == "cookie" && !aside) {
    domain ??= config.cookieDomain == "auto" ? widest() : config.cookieDomain;
    setCookie(name, value, domain);
  }
  const kept = local((storage) => (value ? storage.setItem(name, value) : storage.removeItem(name), true));
  memory[name] = kept ? "" : value;
}
