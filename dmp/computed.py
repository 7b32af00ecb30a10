"""Computed attributes: read from a person's events when asked, so that they are exact at that instant.

`computed` is {"as": one of KINDS, "event": code, "property": name, "limit": 1..100}; a standard one names itself
{"standard": name}. A person's events are those of its visitors while they were its own: a list of spans.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from accounts.models import Account, Attribute
from dmp import sql
from dmp.event_types import DOCUMENTED

SALE = "event = 'purchase' AND (order_total IS NULL OR order_total >= 0)"


class Span(NamedTuple):
    """A visitor's events in [since, until)."""

    visitor: UUID
    since: datetime
    until: datetime


def favorite(column: str) -> str:
    return f"""(SELECT array[{column}] FROM own WHERE event = 'productView' AND {column} IS NOT NULL
        GROUP BY {column} ORDER BY count(*) DESC, max(time) DESC, {column} LIMIT 1)"""


STANDARD: dict[str, tuple[str, str, bool]] = {
    "lastViewedProducts": (
        "text",
        """(SELECT array_agg(sku) FROM (SELECT sku FROM own WHERE event = 'productView' AND sku IS NOT NULL
            GROUP BY sku ORDER BY max(time) DESC, sku LIMIT 10) x)""",
        True,
    ),
    "lastPurchasedProducts": (
        "text",
        f"""(SELECT array_agg(sku) FROM (SELECT item.sku FROM own, unnest(purchased_items) WITH ORDINALITY item(sku, n)
            WHERE {SALE} GROUP BY item.sku ORDER BY max(time) DESC, min(n), item.sku LIMIT 10) x)""",
        True,
    ),
    "favoriteCategory": ("text", favorite("category"), False),
    "favoriteBrand": ("text", favorite("brand"), False),
    "totalOrders": ("number", f"(SELECT array[count(*)] FROM own WHERE {SALE})", False),
    "totalRevenue": (
        "number",
        "(SELECT array[trim_scale(coalesce(sum(order_total), 0))] FROM own WHERE event = 'purchase')",
        False,
    ),
    "averageOrderValue": (
        "number",
        f"""(SELECT array[trim_scale(sum(order_total) / nullif(count(*) FILTER (WHERE {SALE}), 0))] FROM own
            WHERE event = 'purchase')""",
        False,
    ),
    "firstSeen": ("datetime", "(SELECT array[min(time)] FROM own)", False),
    "lastSeen": ("datetime", "(SELECT array[max(time)] FROM own)", False),
}
"""name: (type, SQL over `own`, many). The SQL gives an array of values, newest first."""


def create_standard(account: Account) -> None:
    """The computed attributes that every account starts with."""
    Attribute.objects.bulk_create(
        Attribute(account=account, name=name, type=type, many=many, computed={"standard": name})
        for name, (type, _, many) in STANDARD.items()
    )


def property_sql(name: str, *, numeric: bool) -> str:
    """A property's value as text, or as number where it is one; the name of an undocumented one is a parameter."""
    documented = DOCUMENTED.get(name)
    if documented:
        return documented.column if documented.type == "number" or not numeric else "NULL::numeric"
    if numeric:
        return "(CASE WHEN jsonb_typeof(properties -> %(name)s) = 'number' THEN properties ->> %(name)s END)::numeric"
    return "(properties ->> %(name)s)"


KINDS = {
    "count": "(SELECT array[count(*)] FROM own WHERE event = ANY(%(events)s))",
    "sum": "(SELECT array[trim_scale(coalesce(sum({p}), 0))] FROM own WHERE event = ANY(%(events)s))",
    "avg": "(SELECT array[trim_scale(avg({p}))] FROM own WHERE event = ANY(%(events)s))",
    "min": "(SELECT array[trim_scale(min({p}))] FROM own WHERE event = ANY(%(events)s))",
    "max": "(SELECT array[trim_scale(max({p}))] FROM own WHERE event = ANY(%(events)s))",
    "first": "(SELECT array[{p}] FROM own WHERE event = ANY(%(events)s) AND {p} IS NOT NULL ORDER BY time LIMIT 1)",
    "last": "(SELECT array[{p}] FROM own WHERE event = ANY(%(events)s) AND {p} IS NOT NULL ORDER BY time DESC LIMIT 1)",
    "lastList": """(SELECT array_agg(v) FROM (SELECT {p} AS v FROM own WHERE event = ANY(%(events)s) AND {p} IS NOT NULL
        GROUP BY {p} ORDER BY max(time) DESC, {p} LIMIT %(limit)s) x)""",
    "uniqueCount": "(SELECT array[count(DISTINCT {p})] FROM own WHERE event = ANY(%(events)s))",
    "mostFrequent": """(SELECT array[{p}] FROM own WHERE event = ANY(%(events)s) AND {p} IS NOT NULL
        GROUP BY {p} ORDER BY count(*) DESC, max(time) DESC, {p} LIMIT 1)""",
    "timeSinceLast": "(SELECT array[extract(epoch FROM %(now)s - max(time))] FROM own WHERE event = ANY(%(events)s))",
}
NUMBERS = {"count", "sum", "avg", "min", "max", "uniqueCount", "timeSinceLast"}
NEED_NO_PROPERTY = {"count", "timeSinceLast"}


def problem(computed: object) -> str | None:
    """What is wrong with a description, in the user's words; None when it is fine."""
    if not isinstance(computed, dict):
        return "Give an object such as {“event”: “purchase”, “as”: “count”}."
    if set(computed) == {"standard"}:
        return None if computed["standard"] in STANDARD else "There is no standard attribute of this name."
    if unknown := set(computed) - {"as", "event", "property", "limit"}:
        return f"“{min(unknown)}” is not known here: use as, event, property and limit."
    if computed.get("as") not in KINDS:
        return f"“as” is one of {', '.join(KINDS)}."
    events = computed.get("event")
    if not (isinstance(events, str) and events) and not (
        isinstance(events, list) and events and all(isinstance(code, str) for code in events)
    ):
        return "“event” is the code of an event type, or a list of codes."
    if computed["as"] not in NEED_NO_PROPERTY and not isinstance(computed.get("property"), str):
        return f"“{computed['as']}” needs a “property”."
    limit = computed.get("limit", 10)
    if type(limit) is not int or not 1 <= limit <= 100:
        return "“limit” is a whole number from 1 to 100."
    return None


def value_type(computed: Mapping[str, Any]) -> str | None:
    """The type that a description gives by itself, None where it is the property's."""
    if "standard" in computed:
        return STANDARD[computed["standard"]][0]
    return "number" if computed["as"] in NUMBERS else None


OWN = """WITH span AS (
    SELECT * FROM unnest(%(visitors)s::uuid[], %(since)s::timestamptz[], %(until)s::timestamptz[])
        s(visitor, since, until)
), own AS MATERIALIZED (
    SELECT e.* FROM span s JOIN dmp_event e ON e.visitor = s.visitor AND e.time >= s.since AND e.time < s.until
    WHERE NOT e.bot AND e.time <= %(now)s AND e.time >= %(earliest)s AND left(e.event, 1) <> '$'
)
SELECT """


def compute(wanted: Mapping[str, Mapping[str, Any]], spans: Sequence[Span], now: datetime) -> dict[str, list[Any]]:
    """The values of computed attributes ({name: description}) over a person's events, newest first; one statement for
    the standard ones, one for each other."""
    if not wanted or not spans:
        return {}
    base: dict[str, Any] = {
        "visitors": [span.visitor for span in spans],
        "since": [span.since for span in spans],
        "until": [span.until for span in spans],
        "earliest": min(span.since for span in spans),
        "now": now,
    }
    found: dict[str, list[Any]] = {}
    standard = {name: computed["standard"] for name, computed in wanted.items() if "standard" in computed}
    if standard:
        row = sql.run(OWN + ", ".join(STANDARD[which][1] for which in standard.values()), base)[0]
        found.update(zip(standard, (cleaned(values) for values in row), strict=True))
    for name, computed in wanted.items():
        if name not in standard:
            found[name] = compute_one(computed, base)
    return {name: found[name] for name in wanted if found[name]}


def compute_one(computed: Mapping[str, Any], base: Mapping[str, Any]) -> list[Any]:
    events = computed["event"]
    statement = OWN + KINDS[computed["as"]].replace(
        "{p}", property_sql(computed.get("property", ""), numeric=computed["as"] in NUMBERS - {"uniqueCount"})
    )
    values = {
        **base,
        "events": [events] if isinstance(events, str) else list(events),
        "name": computed.get("property"),
        "limit": computed.get("limit", 10),
    }
    if "%(name)s" not in statement:
        values.pop("name")
    if "%(limit)s" not in statement:
        values.pop("limit")
    return cleaned(sql.run(statement, values)[0][0])


def cleaned(values: Iterable[Any] | None) -> list[Any]:
    return [
        value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
        for value in values or ()
        if value is not None
    ]
