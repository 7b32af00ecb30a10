/** The surface: one callable with methods. What is called before `init` waits for it. */

import { begin, config, fail, on, started } from "./config.js";
import { consent, isNew, optOut, reset, track, trackPage } from "./events.js";
import { flush, startQueue } from "./queue.js";
import { identify, refused, visitorId } from "./visitor.js";

let initialised;

function init(options) {
  if (initialised) return; // the first call counts
  Object.assign(config, options);
  if (!config.account || !config.apiHost) return fail("account or apiHost missing");
  config.apiHost = config.apiHost.replace(/\/$/, "");
  config.platform ||= location.hostname;
  initialised = true;
  // A page that is rendered ahead may never be looked at.
  if (document.prerendering) document.addEventListener("prerenderingchange", start);
  else start();
}

/** Three tasks, between which the page goes on: the script, then cookies and storage, then the page view. */
function start() {
  begin();
  setTimeout(() => {
    if (config.autoPage) watchPages(); // its task comes before the one that forgets the cookies that were read
    if (refused()) optOut(); // on another subdomain
    visitorId();
    startQueue();
  });
}

function watchPages() {
  // A task later: what is called beside init comes first, and of two changes in one go the last one counts.
  const check = () => setTimeout(() => isNew() && trackPage());
  if (window.navigation) navigation.addEventListener("currententrychange", check);
  else {
    for (const name of ["pushState", "replaceState"]) {
      const original = history[name];
      history[name] = function (...given) {
        original.apply(this, given);
        check();
      };
    }
    addEventListener("popstate", check);
  }
  addEventListener("pageshow", (event) => event.persisted && trackPage());
  check();
}

async function segmenthub(method, ...given) {
  return typeof segmenthub[method] == "function" ? segmenthub[method](...given) : fail("No method " + method);
}

const later = {
  track,
  page: trackPage,
  product: (properties) => track("productView", properties),
  purchase: (properties) => track("purchase", properties),
  identify,
  reset,
  consent,
  optOut,
  optIn: () => consent(true),
  flush,
};
for (const name in later)
  segmenthub[name] = async (...given) => {
    await started;
    return later[name](...given);
  };

export default Object.assign(segmenthub, {
  init,
  on,
  version: VERSION,
  getVisitorId: () => (initialised ? visitorId() : null),
});
