/** The browser SDK of SegmentHub. What each option means stands in README.md. */

/** One element of the answer to an event: what is shown to this person right now. */
export interface Campaign {
  /** A signed token of this showing. */
  id: string;
  /** The campaign's slug. */
  campaign: string;
  /** Null for campaigns that are answered as data. */
  placement: string | null;
  /** The creative's name. */
  variant: string;
  type: "html" | "image" | "json";
  /** html: {html}. image: {src, alt, width, height}. json: what the marketer wrote. */
  content: any;
  /** Counts the click and leads on; null for a creative without a link. */
  link: string | null;
  /** Counts the impression; called by the SDK for what it shows. */
  beacon: string;
}

export interface Options {
  /** The account's id. */
  account: string;
  /** The platform's code in the panel. Default: the host of the page. */
  platform?: string;
  /** Where the service is. Default: where the script came from; needed with the module. */
  apiHost?: string;
  autoPage?: boolean;
  consent?: "required" | "";
  persistence?: "cookie" | "localStorage" | "memory";
  /** "auto" is the widest domain that takes cookies, "" the host alone. */
  cookieDomain?: string;
  respectGpc?: boolean;
  respectDnt?: boolean;
  /** May change an event, or drop it by giving null. Runs once for each event. */
  beforeSend?: (event: Event) => Event | null | undefined | false;
  render?: boolean;
  /** Milliseconds that an event waits for its campaigns. */
  timeout?: number;
  debug?: boolean;
}

/** What is known of an event beyond its type. Properties that are not listed here are kept, too. */
export interface Properties {
  path?: string;
  referrer?: string;
  device?: "desktop" | "tablet" | "mobile";
  [name: string]: unknown;
}

export interface Product extends Properties {
  sku: string | number;
  price?: number | string;
  brand?: string;
  category?: string;
  breadcrumb?: string;
}

export interface Purchase extends Properties {
  orderId: string | number;
  orderTotal?: number | string;
  purchasedItems?: (string | number)[];
}

/** An event as it is sent. */
export interface Event extends Properties {
  account: string;
  visitorId: string;
  platform: string;
  event: string;
  eventId: string;
  profileId?: string;
  consent?: Record<string, boolean>;
}

export interface Happenings {
  ready: () => void;
  /** Each answer that came in time. */
  campaigns: (campaigns: Campaign[], event: string) => void;
  impression: (campaign: Campaign) => void;
  click: (campaign: Campaign) => void;
  close: (campaign: Campaign) => void;
  error: (error: Error) => void;
}

export interface Methods {
  /** To be called once. Everything else waits for it. */
  init(options: Options): void;
  page(properties?: Properties): Promise<Campaign[]>;
  product(properties: Product): Promise<Campaign[]>;
  purchase(properties: Purchase): Promise<Campaign[]>;
  /** An event of any type that was made in the panel. Never fails: without an answer it gives []. */
  track(event: string, properties?: Properties): Promise<Campaign[]>;
  /** Who it is, until `reset`. The signature of your server lets personal attributes be shown. */
  identify(profileId: string, profileSignature?: string): Promise<void>;
  /** After a logout: another visitor, without a name. */
  reset(): Promise<void>;
  /** Null before `init`, and while nothing may be stored. */
  getVisitorId(): string | null;
  /** true, or each purpose with what was chosen. No purpose granted is a refusal. */
  consent(granted: boolean | Record<string, boolean>): Promise<void>;
  optOut(): Promise<void>;
  optIn(): Promise<void>;
  on<Name extends keyof Happenings>(name: Name, listener: Happenings[Name]): void;
  /** Sends at once what waits. */
  flush(): Promise<void>;
}

/** All methods, and a function that calls one by its name: `segmenthub("track", "addToCart")`. */
export interface SegmentHub extends Methods {
  <Name extends keyof Methods>(
    method: Name,
    ...given: Parameters<Methods[Name]>
  ): Promise<Awaited<ReturnType<Methods[Name]>>>;
  readonly version: string;
}

declare const segmenthub: SegmentHub;
export default segmenthub;

declare global {
  interface Window {
    segmenthub: SegmentHub;
  }
}
