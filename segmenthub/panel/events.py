"""Recorded events, newest first, a page at a time. Never counted: the table may hold billions."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.db import connection
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.clock import now
from accounts.models import Account, Platform, Role
from cdp import identifiers
from cdp.models import Device, Identifier
from dmp.attributes import decode
from dmp.event_types import AD_EVENTS
from dmp.keys import key, visitor_key
from dmp.models import EventType, Once
from dmp.partitions import AHEAD, EARLIEST
from dmp.segments.preview import TooSlow, at_most
from segmenthub.panel.pages import Page, asked

PER_PAGE = 50
MOST_DEVICES = 200
WINDOWS = (timedelta(hours=1), timedelta(days=1), timedelta(days=7), timedelta(days=35), timedelta(days=400), None)
"""How far back is looked, step by step, until a page is full: a busy account is answered from its last hour."""

COLUMNS = """visitor, time, id, event, bot, platform, device, path, referrer, sku, price, brand, category, breadcrumb,
    order_id, order_total, purchased_items, properties"""
NEWEST = f"""SELECT {COLUMNS} FROM dmp_event
    WHERE account_id = %(account)s AND time <= %(before)s AND time >= %(since)s
        AND (time < %(before)s OR id < %(before_id)s)
        AND (%(event)s::text IS NULL OR event = %(event)s) AND (%(platform)s::text IS NULL OR platform = %(platform)s)
    ORDER BY time DESC, id DESC LIMIT %(limit)s"""
OF_VISITORS = f"""SELECT {COLUMNS} FROM dmp_event
    WHERE visitor = ANY(%(visitors)s) AND account_id = %(account)s AND time <= %(before)s AND time >= %(since)s
        AND (time < %(before)s OR id < %(before_id)s)
        AND (%(event)s::text IS NULL OR event = %(event)s) AND (%(platform)s::text IS NULL OR platform = %(platform)s)
    ORDER BY time DESC, id DESC LIMIT %(limit)s"""
ORDER = f"""SELECT {COLUMNS} FROM dmp_event
    WHERE account_id = %(account)s AND event = 'purchase' AND NOT bot AND time >= %(since)s AND order_id = %(order)s
    ORDER BY time DESC, id DESC LIMIT %(limit)s"""
PATIENCE = 5
"""Seconds in which an order must be found: of an account's purchases there is an index, of their numbers none."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An event as a page shows it."""

    visitor: UUID
    time: datetime
    id: UUID
    event: str
    bot: bool
    platform: str | None
    device: str | None
    path: str | None
    details: list[tuple[str, Any]]
    campaign: int | None = None
    """That an event of the ad server is of."""

    @property
    def icon(self) -> str:
        return ICONS.get(self.event, "bolt")

    @property
    def told(self) -> str:
        return AD_WORDS.get(self.event, self.event)

    @property
    def where(self) -> str:
        return " · ".join(part for part in (self.platform, self.device, self.path and self.path[:200]) if part)


ICONS = {
    "pageView": "visibility",
    "productView": "sell",
    "purchase": "shopping_bag",
    "$impression": "ads_click",
    "$viewable": "preview",
    "$click": "touch_app",
    "$dismiss": "cancel",
}
AD_WORDS = {
    "$impression": "Was shown a campaign",
    "$viewable": "Had a campaign in view",
    "$click": "Clicked a campaign",
    "$dismiss": "Closed a campaign",
}
DETAILS = {
    "sku": "sku",
    "price": "price",
    "brand": "brand",
    "category": "category",
    "breadcrumb": "breadcrumb",
    "order_id": "orderId",
    "order_total": "orderTotal",
    "purchased_items": "purchasedItems",
    "referrer": "referrer",
}


SHOWN = ("visitor", "time", "id", "event", "bot", "platform", "device", "path")


def shown(row: dict[str, Any]) -> Shown:
    details = [(name, plain(row[column])) for column, name in DETAILS.items() if row[column] is not None]
    properties = dict(row["properties"] or {})
    ids = properties.pop("$ids", None) if row["event"] in AD_WORDS else None
    details += [(name, plain(value)) for name, value in properties.items()]
    return Shown(**{name: row[name] for name in SHOWN}, details=details, campaign=ids[0] if ids else None)


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return value.normalize().__format__("f") if hasattr(value, "normalize") else value


def read(statement: str, values: dict[str, Any]) -> list[Shown]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        if isinstance(row["properties"], str):
            row["properties"] = decode(row["properties"])
    return [shown(row) for row in rows]


LAST_ID = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: those before (`before`, `before_id`) in the order of the page, not older than `since`."""

    limit: int = PER_PAGE
    before: datetime | None = None
    before_id: UUID = LAST_ID
    since: datetime | None = None
    event: str | None = None
    platform: str | None = None

    def values(self, account: UUID, since: datetime | None = None) -> dict[str, Any]:
        end = self.before or now() + AHEAD
        start = since or self.since or EARLIEST
        return {**asdict(self), "account": account, "before": end, "since": start}


EVERYTHING = Wanted()


def newest_events(account: UUID, wanted: Wanted = EVERYTHING) -> list[Shown]:
    """The newest events of an account."""
    end = wanted.before or now() + AHEAD
    earliest = wanted.since or EARLIEST
    found: list[Shown] = []
    for window in WINDOWS:
        start = max(earliest, end - window) if window else earliest
        found = read(NEWEST, wanted.values(account, start))
        if len(found) >= wanted.limit or start <= earliest:
            break
    return found


def events_of(account: UUID, visitors: Sequence[UUID], wanted: Wanted = EVERYTHING) -> list[Shown]:
    """The newest events of some visitors, read by their keys."""
    if not visitors:
        return []
    return read(OF_VISITORS, {**wanted.values(account), "visitors": list(visitors)})


def order_of(account: UUID, number: str) -> list[Shown]:
    """The purchase of an orderId, newest first where older data have several. Raises TooSlow."""
    if not Once.objects.filter(key=key(account, "o", number)).exists():
        return []
    values = {"account": account, "order": number, "since": EARLIEST, "limit": PER_PAGE}
    with at_most(PATIENCE):
        return read(ORDER, values)


def kinds_of(account: Account) -> list[tuple[str, str]]:
    """Codes of event types, each in words."""
    codes = [*EventType.objects.filter(account=account).values_list("code", flat=True), *AD_EVENTS]
    return [(code, AD_WORDS.get(code, code)) for code in codes]


def devices_named(account: UUID, who: str) -> list[UUID] | None:
    """Keys of the visitors that a visitorId, or a name of a profile, stands for; None where it can be neither."""
    named = Identifier.objects.filter(account=account, key=identifiers.name(account, who).key).first()
    if named is not None:
        devices = Device.objects.filter(profile=named.profile).order_by("-linked_at")
        return list(devices.values_list("visitor", flat=True)[:MOST_DEVICES])
    try:
        return [visitor_key(account, UUID(who))]
    except ValueError:
        return None


class EventsPage(Page):
    least = Role.ANALYST
    template = "panel/events.html"
    title = "Recorded events"
    filters: ClassVar[tuple[str, ...]] = ("event", "platform", "visitor", "order", "from", "to")

    def context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        filters = {name: asked(request, name) for name in self.filters}
        found, problem = self.find(filters, request.GET.get("before", ""))
        last = found[PER_PAGE - 1] if len(found) > PER_PAGE else None
        kept = {name: value for name, value in filters.items() if value}
        return {
            "events": found[:PER_PAGE],
            "asked": {**filters, "since": filters["from"]},
            "filtered": bool(kept) or "before" in request.GET,
            "problem": problem,
            "kinds": kinds_of(self.account),
            "platforms": Platform.objects.filter(account=self.account),
            "older": urlencode({**kept, "before": f"{last.time.isoformat()}~{last.id}"}) if last else "",
            "newest": urlencode(kept) if "before" in request.GET else "",
            "zone": self.account.timezone,
        }

    def find(self, filters: dict[str, str], before: str) -> tuple[list[Shown], str]:
        """The events that fit, and what is wrong with what was asked."""
        if filters["order"]:
            try:
                return order_of(self.account.pk, filters["order"]), ""
            except TooSlow:
                return [], "There are too many orders to look for one by its number. Find the person's events instead."
        time, id = place(before)
        wanted = Wanted(
            limit=PER_PAGE + 1,
            before=time or instant(filters["to"]),
            before_id=id,
            since=instant(filters["from"]),
            event=filters["event"] or None,
            platform=filters["platform"] or None,
        )
        if not filters["visitor"]:
            return newest_events(self.account.pk, wanted), ""
        visitors = devices_named(self.account.pk, filters["visitor"])
        if visitors is None:
            return [], f"Nobody is known as “{filters['visitor']}”. Give a whole visitorId, profileId or e-mail."
        return events_of(self.account.pk, visitors, wanted), ""


def place(before: str) -> tuple[datetime | None, UUID]:
    """Where a page goes on: "<time>~<id>" of the last event shown."""
    time, _, id = before.partition("~")
    try:
        return instant(time), UUID(id)
    except ValueError:
        return None, LAST_ID


def instant(text: str) -> datetime | None:
    """The time that a field says, in the account's zone where it names none."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    if found is not None and timezone.is_naive(found):
        found = timezone.make_aware(found)
    return found
