"""Which campaign led to an order: the last click within its click_days, else the last viewable view within its
view_days, over all devices of the person; once per order.

A campaign that counts only what it showed (`match` product) needs a `sku`, or `skus`, in the JSON content of the
creative, and one of them among the purchased items. A purchase without an orderId leads back to nothing: it could not
be told from a repeated one. A refund (its orderId begins with that of the order: O1-refund) takes back from the
campaign of its order.

Attributed right after the purchase is committed; `repair` finds what was left out: imports (at their end, however old
their orders are), a process that was killed.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q

from accounts.snapshot import Configuration
from adserver import state
from adserver.live import Attribution, offers
from adserver.models import CampaignStat, Conversion
from adserver.models.offers import MOST_DAYS
from adserver.state import OF_PERSON
from dmp import sql
from dmp.keys import key
from dmp.models import Event, Visitor

CLICK, VIEW = "$click", "$viewable"
MOST = 1_000
TOUCHES = (
    """SELECT (e.properties -> '$ids' ->> 0)::bigint, (e.properties -> '$ids' ->> 1)::bigint,
    (e.properties -> '$ids' ->> 2)::bigint, e.event, e.time, e.device
FROM {people} JOIN dmp_event e ON e.visitor = s.visitor AND e.time >= s.since AND e.time < s.until
WHERE NOT e.bot AND e.time > %(since)s AND e.time <= %(at)s AND e.event IN ('$click', '$viewable')
    AND e.properties ? '$ids'
ORDER BY e.time DESC LIMIT """
    + f"{MOST}"
)
ORDER = """SELECT c.campaign, c.creative, c.placement, c.device, c.cause, c.touched_at
FROM {people} JOIN adserver_conversion c ON c.visitor = s.visitor
WHERE c.key = ANY(%(keys)s) AND NOT c.refund LIMIT 1"""
STORE = """INSERT INTO adserver_conversion (visitor, key, account_id, order_id, campaign, creative, placement, device,
    cause, refund, revenue, touched_at, at)
VALUES (%(visitor)s, %(key)s, %(account)s, %(order_id)s, %(campaign)s, %(creative)s, %(placement)s, %(device)s,
    %(cause)s, %(refund)s, %(revenue)s::numeric, %(touched_at)s, %(at)s) ON CONFLICT DO NOTHING RETURNING campaign"""


class Purchase(NamedTuple):
    """An order as it was recorded; `total` None when it was not told, `profile` the visitor's."""

    visitor: UUID
    profile: UUID | None
    order_id: str
    at: datetime
    total: Decimal | None
    items: Sequence[str]


class Touch(NamedTuple):
    """What the person did with a campaign, newest first."""

    campaign: int
    creative: int
    placement: int
    event: str
    at: datetime
    device: str | None


def attribute(configuration: Configuration, purchase: Purchase) -> int | None:
    """Stores the conversion of a purchase; gives its campaign, None for none, or for one that is stored already."""
    if not offers.of(configuration).attribution:
        return None
    refund = purchase.total is not None and purchase.total < 0
    found = refunded(configuration, purchase) if refund else touch(configuration, purchase)
    if found is None:
        return None
    last, cause = found
    order = key(configuration.id, "o", purchase.order_id)
    values = {
        "visitor": purchase.visitor,
        "key": order,
        "account": configuration.id,
        "order_id": purchase.order_id,
        "campaign": last.campaign,
        "creative": last.creative,
        "placement": last.placement,
        "device": last.device or "",
        "cause": cause,
        "refund": refund,
        "revenue": str(purchase.total or 0),
        "touched_at": last.at,
        "at": purchase.at,
    }
    if not sql.run(STORE, values):
        return None
    if not refund:
        unit = state.unit_of(configuration.id, purchase.visitor)
        state.happened(unit, last.campaign, state.KINDS["purchase"], order, purchase.at)
    return last.campaign


def touch(configuration: Configuration, purchase: Purchase) -> tuple[Touch, str] | None:
    """The touch that a purchase goes back to, with its cause."""
    values = {"since": purchase.at - timedelta(days=MOST_DAYS), "at": purchase.at}
    touches = [Touch(*row) for row in of_person(TOUCHES, purchase, values)]
    known = offers.of(configuration).attribution
    for event, cause in ((CLICK, Conversion.Cause.CLICK), (VIEW, Conversion.Cause.VIEW)):
        for one in touches:
            terms = known.get(one.campaign)
            if one.event == event and terms and counts(terms, one, purchase):
                return one, cause.value
    return None


def counts(terms: Attribution, one: Touch, purchase: Purchase) -> bool:
    days = terms.click_days if one.event == CLICK else terms.view_days
    if purchase.at - one.at > timedelta(days=days):
        return False
    return terms.products is None or not terms.products.get(one.creative, frozenset()).isdisjoint(purchase.items)


def refunded(configuration: Configuration, purchase: Purchase) -> tuple[Touch, str] | None:
    """What the order that is paid back went to."""
    orders = [key(configuration.id, "o", order) for order in beginnings(purchase.order_id)]
    rows = of_person(ORDER, purchase, {"keys": orders}) if orders else []
    if not rows:
        return None
    campaign, creative, placement, device, cause, touched_at = rows[0]
    return Touch(campaign, creative, placement, "", touched_at, device), cause


def beginnings(order_id: str) -> list[str]:
    """The orders that a refund may be of: "A-1-refund" of "A-1" or "A"."""
    return [order_id[: found.start()] for found in re.finditer(r"[^0-9A-Za-z]+", order_id) if found.start()][:20]


def of_person(statement: str, purchase: Purchase, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    people = OF_PERSON[purchase.profile is not None]
    who = {"visitor": purchase.visitor, "profile": purchase.profile}
    return sql.run(statement.format(people=people), values | who)


def repair(configuration: Configuration, since: datetime, until: datetime) -> int:
    """Attributes the purchases of a time that have no conversion; gives how many it found a campaign for."""
    return sum(attribute(configuration, purchase) is not None for purchase in unattributed(configuration, since, until))


def first_touch(account: UUID) -> datetime | None:
    """The hour from which on orders may go back to campaigns, as statistics know it; None for no touch until now."""
    touched = CampaignStat.objects.filter(Q(clicks__gt=0) | Q(viewable__gt=0), account=account)
    return touched.order_by("hour").values_list("hour", flat=True).first()


def unattributed(configuration: Configuration, since: datetime, until: datetime) -> Iterator[Purchase]:
    if not offers.of(configuration).attribution:
        return
    found = Event.objects.filter(
        account=configuration.id, event="purchase", bot=False, time__gte=since, time__lt=until, order_id__isnull=False
    ).order_by("time")
    columns = ("visitor", "order_id", "time", "order_total", "purchased_items")
    page: list[Any] = []
    for row in found.values_list(*columns).iterator(chunk_size=MOST):
        page.append(row)
        if len(page) == MOST:
            yield from without_conversion(configuration, page)
            page.clear()
    yield from without_conversion(configuration, page)


def without_conversion(configuration: Configuration, rows: Sequence[Any]) -> Iterator[Purchase]:
    visitors = {row[0] for row in rows}
    keys = [key(configuration.id, "o", row[1]) for row in rows]
    known = set(Conversion.objects.filter(visitor__in=visitors, key__in=keys).values_list("key", flat=True))
    profiles = dict(Visitor.objects.filter(key__in=visitors).values_list("key", "profile"))
    for (visitor, order_id, at, total, items), order in zip(rows, keys, strict=True):
        if order not in known:
            yield Purchase(visitor, profiles.get(visitor), order_id, at, total, items or ())
