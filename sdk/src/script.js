/** The script tag: takes its data-* attributes, and what the page has called meanwhile. */

import segmenthub from "./api.js";
import { config } from "./config.js";

const waiting = window.segmenthub;
const script = document.currentScript;

if (!waiting?.version) {
  window.segmenthub = segmenthub;
  config.apiHost = script.src.split("/sdk/")[0];
  for (const [name, value] of Object.entries(script.dataset))
    config[name] = value == "true" || (value == "false" ? false : value);
  const calls = waiting?.q || []; // [resolve, method, ...arguments]
  if (config.account && !calls.some((call) => call[1] == "init")) segmenthub.init();
  for (const [resolve, ...call] of calls) resolve(segmenthub(...call));
}
