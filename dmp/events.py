"""Recording events: one statement for a batch, a request is a batch of one.

The statement is fixed text with one JSON parameter, so that it is prepared once whatever the batch. Upper layers read
what they need of the people concerned in the same statement: they append a final SELECT to `RECORD`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from dmp import sql

EVENT_ID_KEPT = timedelta(hours=24)
encode = msgspec.json.Encoder(decimal_format="number").encode


class Event(msgspec.Struct, omit_defaults=True):
    """An event as it is stored, one row of the parameter of RECORD.

    `id` is made before the statement, so that repeating it stores the event once. `once` is the key of what may be
    recorded once (order or eventId), `expires_at` until when. `identifier` is the key of the asserted identifier.
    """

    id: UUID
    visitor: UUID
    visitor_id: UUID
    time: datetime
    event: str
    once: UUID | None = None
    expires_at: datetime | None = None
    refund: bool = False
    identifier: UUID | None = None
    bot: bool = False
    platform: str | None = None
    device: str | None = None
    country: str | None = None
    language: str | None = None
    utm: dict[str, str] | None = None
    path: str | None = None
    referrer: str | None = None
    sku: str | None = None
    price: Decimal | None = None
    brand: str | None = None
    breadcrumb: str | None = None
    category: str | None = None
    order_id: str | None = None
    order_total: Decimal | None = None
    purchased_items: list[str] | None = None
    properties: dict[str, Any] | None = None


COLUMNS = {
    "id": "uuid",
    "visitor": "uuid",
    "visitor_id": "uuid",
    "time": "timestamptz",
    "event": "text",
    "once": "uuid",
    "expires_at": "timestamptz",
    "refund": "boolean",
    "identifier": "uuid",
    "bot": "boolean",
    "platform": "text",
    "device": "text",
    "country": "text",
    "language": "text",
    "utm": "jsonb",
    "path": "text",
    "referrer": "text",
    "sku": "text",
    "price": "numeric",
    "brand": "text",
    "breadcrumb": "text",
    "category": "text",
    "order_id": "text",
    "order_total": "numeric",
    "purchased_items": "text[]",
    "properties": "jsonb",
}
"""The fields of Event with their types in SQL."""

STORED = """visitor, time, id, event, identifier, bot, platform, device, path, referrer, sku, price, brand, breadcrumb,
    category, order_id, order_total, purchased_items, properties"""

ONE = "SELECT {}".format(", ".join(f"%({name})s::{kind} AS {name}" for name, kind in COLUMNS.items()))
"""One event, a parameter for each column."""

MANY = """SELECT {}, coalesce(e.bot, false) AS bot FROM json_to_recordset(%(events)s::json) AS e({})""".format(
    ", ".join(name for name in COLUMNS if name != "bot"),
    ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items()),
)
"""A batch as one JSON parameter."""

ONE_SEEN = """SELECT visitor, visitor_id, CASE WHEN bot THEN NULL ELSE time END, CASE WHEN bot THEN NULL ELSE time END,
    platform, device, country, language, utm, CASE WHEN utm IS NULL OR bot THEN NULL ELSE time END FROM fresh"""


def newest(column: str) -> str:
    return f"(array_agg({column} ORDER BY time DESC) FILTER (WHERE {column} IS NOT NULL AND NOT bot))[1]"


MANY_SEEN = f"""SELECT visitor, (array_agg(visitor_id))[1], min(time) FILTER (WHERE NOT bot),
    max(time) FILTER (WHERE NOT bot), {newest("platform")}, {newest("device")}, {newest("country")},
    {newest("language")}, {newest("utm")}, max(time) FILTER (WHERE utm IS NOT NULL AND NOT bot)
    FROM fresh GROUP BY visitor ORDER BY visitor"""

ONCE = """once AS (
    INSERT INTO dmp_once AS o (key, event, refund, expires_at)
    SELECT DISTINCT ON (once) once, id, coalesce(refund, false), expires_at FROM incoming WHERE once IS NOT NULL
    ORDER BY once, time, id
    ON CONFLICT (key) DO UPDATE SET event = EXCLUDED.event, expires_at = EXCLUDED.expires_at
        WHERE o.expires_at <= %(now)s
    RETURNING event
), fresh AS MATERIALIZED (
    SELECT * FROM incoming WHERE once IS NULL OR id IN (SELECT event FROM once)
)"""
NOT_ONCE = "fresh AS NOT MATERIALIZED (SELECT * FROM incoming)"

SEEN = """INSERT INTO dmp_visitor AS v (key, visitor_id, first_seen, last_seen, platform, device, country, language,
        utm, utm_at, account_id, created_at, attributes, segments, pins_in, pins_out)
    SELECT s.*, %(account)s::uuid, %(now)s::timestamptz, '{}'::jsonb, '{}'::bigint[], '{}'::bigint[], '{}'::bigint[]
    FROM (SEEN) s
    ON CONFLICT (key) DO UPDATE SET
        first_seen = least(v.first_seen, EXCLUDED.first_seen),
        last_seen = greatest(v.last_seen, EXCLUDED.last_seen),
        platform = CASE WHEN NEWER THEN EXCLUDED.platform ELSE v.platform END,
        device = CASE WHEN NEWER THEN EXCLUDED.device ELSE v.device END,
        country = CASE WHEN NEWER THEN coalesce(EXCLUDED.country, v.country) ELSE v.country END,
        language = CASE WHEN NEWER THEN coalesce(EXCLUDED.language, v.language) ELSE v.language END,
        utm = CASE WHEN EXCLUDED.utm_at >= coalesce(v.utm_at, EXCLUDED.utm_at) THEN EXCLUDED.utm ELSE v.utm END,
        utm_at = greatest(v.utm_at, EXCLUDED.utm_at)
    RETURNING v.key, v.profile, v.segments, v.pins_in, v.pins_out, v.due_at, v.created_at,
        v.first_seen""".replace("NEWER", "EXCLUDED.last_seen >= coalesce(v.last_seen, EXCLUDED.last_seen)")


BESIDE = "SELECT v.key FROM dmp_visitor v WHERE v.key IN (SELECT visitor FROM fresh)"


def record_statement(*, one: bool = False, once: bool = True, steady: str = "true", beside: bool = False) -> str:
    """The recording statement up to its final SELECT, for `one` event or a batch. It gives the relations

    incoming   what was sent, where the condition `steady` (over the relation e) holds
    fresh      what had not been recorded before by order or eventId (`once`: whether there may be any such)
    seen       the visitors of fresh events, after the update, whose rows are locked from here on; `beside`: those that
               are there, neither updated nor locked
    stored     the events that were not there yet
    """
    simple = one and not once  # nothing reads incoming twice: its columns are the parameters themselves
    return f"""
WITH incoming AS {"NOT MATERIALIZED" if simple else "MATERIALIZED"} (
    SELECT * FROM ({ONE if one else MANY}) e WHERE {steady}
), {ONCE if once else NOT_ONCE}, seen AS (
    {BESIDE if beside else SEEN.replace("(SEEN)", f"({ONE_SEEN if one else MANY_SEEN})")}
), stored AS (
    INSERT INTO dmp_event (account_id, {STORED})
    SELECT %(account)s::uuid, {STORED} FROM {f"({ONE})" if simple else ""} fresh
    WHERE visitor IN (SELECT key FROM seen)
    ON CONFLICT (visitor, time, id) DO NOTHING
    RETURNING visitor, id
)
"""


RECORD = record_statement()
COUNT = RECORD + "SELECT id FROM stored"
RECORD_BESIDE = record_statement(one=True, beside=True) + "SELECT id FROM stored"
RECORD_ALL_BESIDE = record_statement(beside=True) + "SELECT id FROM stored"


def parameters(account: UUID, events: Sequence[Event], now: datetime) -> dict[str, Any]:
    """The parameters of a batch."""
    return {"account": account, "events": encode(events).decode(), "now": now}


def one_parameters(account: UUID, event: Event, now: datetime) -> dict[str, Any]:
    """The parameters of one event. What may be null goes as text, so that the statement has one form."""
    values: dict[str, Any] = {name: getattr(event, name) for name in Event.__struct_fields__}
    for name in TEXTUAL:
        if values[name] is not None:
            values[name] = str(values[name])
    for name in JSON:
        if values[name] is not None:
            values[name] = encode(values[name]).decode()
    values["account"], values["now"] = account, now
    return values


TEXTUAL = ("once", "expires_at", "identifier", "price", "order_total")
JSON = ("utm", "properties")


def record_events(account: UUID, events: Sequence[Event], now: datetime) -> set[UUID]:
    """Stores a batch of one account's events, each once; gives the ids of those that were not there before."""
    return {row[0] for row in sql.run(COUNT, parameters(account, events, now))}


def record_beside(account: UUID, event: Event, now: datetime) -> bool:
    """Stores an event that is not the visitor's own doing (the ad server's), once: the visitor is not seen by it, nor
    made when it is unknown. Gives whether it was stored."""
    return bool(sql.run(RECORD_BESIDE, one_parameters(account, event, now)))


def record_all_beside(account: UUID, events: Sequence[Event], now: datetime) -> None:
    """As `record_beside`, of many at once."""
    sql.run(RECORD_ALL_BESIDE, parameters(account, events, now))


def partition_missing(error: Exception) -> bool:
    """Whether an event found no partition: `partitions.ensure` makes it, then the transaction may be repeated."""
    return isinstance(error, psycopg.errors.CheckViolation) and "no partition" in str(error)


def recorded_refund(keys: Sequence[UUID]) -> dict[UUID, bool]:
    """Of the orders recorded under these keys: whether each was a refund."""
    return dict(sql.run("SELECT key, refund FROM dmp_once WHERE key = ANY(%(keys)s)", {"keys": list(keys)}))
