// Before the SDK: its settings for this shop, and a look at what it sends, for the side panel. A shop needs none of this:
// the script tag alone is enough.
(() => {
  const calls = [];
  window.segmenthub = Object.assign((...call) => new Promise((resolve) => calls.push([resolve, ...call])), { q: calls });
  segmenthub("init", {
    autoPage: false, // each page sends what it is: a page, a product, an order
    beforeSend: (event) => ({ ...event, path: event.path.replace(/^\/demo\//, "/") }), // as if the shop had a host
  });

  const LOG = "demo_log";
  const MOST = 40;
  const real = window.fetch;

  const demoLog = {
    read: () => JSON.parse(sessionStorage.getItem(LOG) || "[]"),
    clear: () => sessionStorage.removeItem(LOG),
    /** Adds an entry, or brings up to date the one of the same `id`. */
    put(entry) {
      const rest = demoLog.read().filter((one) => one.id != entry.id);
      sessionStorage.setItem(LOG, JSON.stringify([entry, ...rest].slice(0, MOST)));
      document.dispatchEvent(new CustomEvent("demo:log", { detail: entry }));
    },
  };
  window.demoLog = demoLog;

  window.fetch = async (...given) => {
    const path = new URL(given[0].url || given[0], location.href).pathname;
    if (path == "/campaigns/query") return watched(given);
    const response = await real.apply(window, given);
    const [, kind, token] = path.match(/^\/([ivx])\/(.+)/) || [];
    if (kind) demoLog.put({ id: kind + token, kind, token, at: Date.now() });
    return response;
  };

  async function watched(given) {
    const sent = JSON.parse(given[1].body);
    const entry = { id: sent.eventId, kind: "event", at: Date.now(), sent };
    demoLog.put(entry);
    const begun = performance.now();
    const response = await real.apply(window, given);
    const ms = Math.round(performance.now() - begun);
    response
      .clone()
      .json()
      .then((answer) => demoLog.put({ ...entry, answer, status: response.status, ms }));
    return response;
  }
})();
