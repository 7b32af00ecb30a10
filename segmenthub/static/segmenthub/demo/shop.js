// The shop itself: what its pages tell the SDK, its cart and its login.
const METHODS = { pageView: "page", productView: "product", purchase: "purchase" };
const MOST_PIECES = 9;

function readCookie(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(name + "="));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

function writeCookie(name, value) {
  document.cookie = `${name}=${encodeURIComponent(value)}; path=/demo; SameSite=Lax; max-age=${value ? 86400 : 0}`;
}

const cart = {
  read: () => new Map(readCookie("demo_cart").split("~").filter(Boolean).map((part) => part.split("*"))),
  change(sku, by) {
    const lines = cart.read();
    const pieces = Math.min(MOST_PIECES, +(lines.get(sku) || 0) + by);
    pieces > 0 ? lines.set(sku, pieces) : lines.delete(sku);
    // Not encoded: the server reads it as it is.
    document.cookie = `demo_cart=${[...lines].map((line) => line.join("*")).join("~")}; path=/demo; SameSite=Lax`;
    const all = [...lines.values()].reduce((sum, one) => sum + +one, 0);
    for (const badge of document.querySelectorAll("[data-pieces]")) badge.textContent = all;
  },
  empty: () => writeCookie("demo_cart", ""),
};

function sendPage() {
  const { event, ...properties } = JSON.parse(document.body.dataset.event);
  if (event == "purchase") cart.empty();
  return segmenthub(METHODS[event], properties);
}

async function forget() {
  await segmenthub("reset");
  writeCookie("demo_user", "");
}

async function logIn(profile) {
  await segmenthub("identify", profile);
  document.cookie = `demo_user=${encodeURIComponent(profile)}; path=/demo; SameSite=Lax`;
  location.href = "/demo/";
}

function addToCart(button) {
  cart.change(button.dataset.add, 1);
  segmenthub("track", "addToCart", { sku: button.dataset.add, price: +button.dataset.price, quantity: 1 });
  button.textContent = "In the cart. One more?";
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { add, change, by, login, logout, renew } = button.dataset;
  if (add) addToCart(button);
  else if (change) {
    cart.change(change, +by);
    location.reload();
  } else if (login) logIn(login);
  else if (logout != null) {
    await forget();
    location.href = "/demo/";
  } else if (renew != null) {
    if (!(await segmenthub("getVisitorId"))) await segmenthub("optIn");
    await forget();
    cart.empty();
    sessionStorage.clear();
    location.href = "/demo/";
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if ("order" in form.dataset) {
    const letters = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => (byte % 36).toString(36));
    form.elements.order.value = "DEMO-" + letters.join("").toUpperCase();
  } else if ("loginForm" in form.dataset) {
    event.preventDefault();
    logIn(form.elements.profile.value);
  }
});

document.addEventListener("change", async (event) => {
  if (!event.target.matches("[data-consent]")) return;
  if (!event.target.checked) await segmenthub("optOut");
  else {
    await segmenthub("optIn");
    await sendPage();
  }
  document.dispatchEvent(new CustomEvent("demo:consent"));
});

// Each slot knows whose it is, so that the style sheet can dress it.
segmenthub("on", "campaigns", (campaigns) => {
  for (const slot of document.querySelectorAll("[data-sh-slot]")) {
    const found = campaigns.find((one) => one.placement == slot.dataset.shSlot);
    if (found) slot.dataset.campaign = found.campaign;
    else delete slot.dataset.campaign;
    slot.toggleAttribute("data-none", !found);
  }
});

addEventListener("pageshow", (event) => event.persisted && location.reload());
sendPage();
