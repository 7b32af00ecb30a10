/** What `init` was told, the events that a page listens to, and what is said when something goes wrong. */

/** The defaults; what is absent here is off. */
export const config = {
  autoPage: true,
  persistence: "cookie",
  cookieDomain: "auto",
  respectGpc: true,
  render: true,
  timeout: 5000, // ms
};

const bus = new EventTarget();

export let begin;
export const started = new Promise((resolve) => (begin = resolve));

export function on(name, listener) {
  if (name == "ready") started.then(listener);
  bus.addEventListener(name, (event) => listener(...event.detail));
}

/** A listener that throws stops nothing of ours: the browser reports it. */
export function emit(name, ...detail) {
  if (config.debug) console.log("segmenthub", name, ...detail);
  bus.dispatchEvent(new CustomEvent(name, { detail }));
}

export function fail(message) {
  console.warn("segmenthub", message);
  emit("error", Error(message));
}

/** The result, or nothing where it throws. */
export function quietly(action) {
  try {
    return action();
  } catch {}
}
