/** Who it is and what they allowed: visitor id, profile, consent. Read anew each time, as other tabs change it too. */

import { config, quietly } from "./config.js";
import { read, write } from "./store.js";

const ID = "sh_id";
const PROFILE = "sh_profile"; // in no cookie: no request of the shop carries it
const CONSENT = "sh_consent"; // "0" refused, else the purposes as JSON, with a "+" while no event has told them
const UUID4 = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

/** crypto.randomUUID exists on https only; random values everywhere. */
export const uuid = () =>
  "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
    (digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4)))).toString(16)
  );

const choice = () => read(CONSENT, /^(0|\+?{.+})$/);

export const refused = () => choice() == "0";

/** Whether anything may be sent and stored. A browser that signals a wish not to be tracked asks for consent. */
export const allowed = (chosen = choice()) =>
  chosen
    ? chosen != "0"
    : config.consent != "required" &&
      !(config.respectGpc && navigator.globalPrivacyControl) &&
      !(config.respectDnt && navigator.doNotTrack == 1);

let written;

/** Written once a page: it lasts from the last one on, and what is damaged is mended. */
export function visitorId() {
  if (!allowed()) return null;
  const id = read(ID, UUID4) || uuid();
  if (id != written) write(ID, (written = id));
  return id;
}

let named; // not stored yet

export function identify(profileId, profileSignature) {
  named = JSON.stringify({ profileId, profileSignature });
  if (allowed()) profile();
}

/** What an event says of it. */
export function profile() {
  if (named) write(PROFILE, named, true);
  named = "";
  return quietly(() => JSON.parse(read(PROFILE) || null));
}

export function forget() {
  named = "";
  write(ID, "");
  write(PROFILE, "", true);
}

export const refuse = () => write(CONSENT, "0");

/** `purposes` as JSON. What was chosen before need not be told again. */
export const grant = (purposes) => choice() != purposes && write(CONSENT, "+" + purposes);

/** The purposes that no event has told yet. */
export const untold = () => quietly(() => JSON.parse(read(CONSENT, /^\+/)?.slice(1) || null));

export const told = () => write(CONSENT, choice().replace("+", ""));
