"""Computed attributes: what of a person's events they are. Their values are read when asked (`dmp.segments.computed`),
so that they are exact at that instant; in rules they stand like any other attribute.

A definition is {"as": one of KINDS, "event": code, list of codes or "*", "where"?, "within"?, "property"?, "limit"?};
`where` and `within` are those of rules. A standard one names itself: {"standard": name}.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from accounts.models import Account, Attribute

AGGREGATES = ("sum", "avg", "min", "max")
KINDS = (*("count", *AGGREGATES, "first", "last", "lastList", "uniqueCount", "mostFrequent", "timeSinceLast"),)
NUMBERS = {"count", *AGGREGATES, "uniqueCount", "timeSinceLast"}
NEED_NO_PROPERTY = {"count", "timeSinceLast"}
LIMIT = 10
MAX_LIMIT = 100
SALE = {"not": {"property": "orderTotal", "lt": 0}}


class Span(NamedTuple):
    """A visitor's events in [since, until)."""

    visitor: UUID
    since: datetime
    until: datetime


class Standard(NamedTuple):
    type: str
    definition: dict[str, Any]


def newest(event: str, property: str, **more: Any) -> Standard:
    return Standard("text", {"as": "lastList", "event": event, "property": property, "limit": 10, **more})


STANDARD = {
    "lastViewedProducts": newest("productView", "sku"),
    "lastPurchasedProducts": newest("purchase", "purchasedItems", where=SALE),
    "favoriteCategory": Standard("text", {"as": "mostFrequent", "event": "productView", "property": "category"}),
    "favoriteBrand": Standard("text", {"as": "mostFrequent", "event": "productView", "property": "brand"}),
    "totalOrders": Standard("number", {"as": "count", "event": "purchase", "where": SALE}),
    "totalRevenue": Standard("number", {"as": "sum", "event": "purchase", "property": "orderTotal"}),
    "averageOrderValue": Standard("number", {"as": "avg", "event": "purchase", "property": "orderTotal", "per": SALE}),
    "firstSeen": Standard("datetime", {"as": "firstTime", "event": "*"}),
    "lastSeen": Standard("datetime", {"as": "lastTime", "event": "*"}),
}
"""What every account has. Refunds are no orders, but lessen the revenue. `per` and the two kinds of times are for these
alone."""


def create_standard(account: Account) -> None:
    """The computed attributes that every account starts with."""
    Attribute.objects.bulk_create(
        Attribute(
            account=account, name=name, type=type, many=definition["as"] == "lastList", computed={"standard": name}
        )
        for name, (type, definition) in STANDARD.items()
    )


def value_type(computed: Mapping[str, Any]) -> str | None:
    """The type that a definition gives by itself, None where it is the property's."""
    if "standard" in computed:
        return STANDARD[computed["standard"]].type
    return "number" if computed.get("as") in NUMBERS else None
