// Compiled, never run: what the types take and what they refuse.
import segmenthub, { type Campaign } from "segmenthub";

segmenthub.init({ account: "7d4b1c9e-3f53-4c7e-9d7b-2f6f1b8a9c01", platform: "www.example.com", apiHost: "https://a.example" });
segmenthub.init({ account: "a", consent: "required", beforeSend: (event) => (event.event === "x" ? null : event) });

const shown: Promise<Campaign[]> = segmenthub.track("addToCart", { sku: "A1", size: 42 });
const paged: Promise<Campaign[]> = segmenthub.page();
const viewed: Promise<Campaign[]> = segmenthub.product({ sku: "A1", price: 19.9 });
const bought: Promise<Campaign[]> = segmenthub.purchase({ orderId: 7, orderTotal: "1,299.90", purchasedItems: ["A1"] });
const queued: Promise<Campaign[]> = segmenthub("track", "addToCart", { sku: "A1" });
const id: string | null = segmenthub.getVisitorId();
const later: Promise<string | null> = segmenthub("getVisitorId");
const version: string = window.segmenthub.version;
segmenthub.on("impression", (campaign) => campaign.placement?.length);
segmenthub.on("error", (error) => error.message);
segmenthub.on("campaigns", (campaigns, event) => campaigns.length + event.length);
segmenthub.identify("jane@example.com", "signature").then(() => segmenthub.reset());
segmenthub.consent({ ads: true }).then(segmenthub.optOut).then(segmenthub.optIn).then(segmenthub.flush);

// @ts-expect-error an account is needed
segmenthub.init({ platform: "www.example.com" });
// @ts-expect-error a product has a sku
segmenthub.product({ price: 1 });
// @ts-expect-error an order has an orderId
segmenthub.purchase({ orderTotal: 1 });
// @ts-expect-error there is no such happening
segmenthub.on("shown", () => {});
// @ts-expect-error nor such a method
segmenthub("send", "x");
// @ts-expect-error purposes are granted or not
segmenthub.consent({ ads: "yes" });

export { bought, id, later, paged, queued, shown, version, viewed };
