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


COLUMNS = """id uuid, visitor uuid, visitor_id uuid, time timestamptz, event text, once uuid, expires_at timestamptz,
    refund boolean, identifier uuid, bot boolean, platform text, device text, country text, language text, utm jsonb,
    path text, referrer text, sku text, price numeric, brand text, breadcrumb text, category text, order_id text,
    order_total numeric, purchased_items text[], properties jsonb"""

STORED = """visitor, time, id, event, identifier, platform, device, path, referrer, sku, price, brand, breadcrumb,
    category, order_id, order_total, purchased_items, properties"""


def record_statement(steady: str = "true") -> str:
    """The statement up to its final SELECT. It gives the relations

    incoming   what was sent, where the condition `steady` holds
    fresh      what had not been recorded before by order or eventId
    seen       the visitors of fresh events, after the update, whose rows are locked from here on
    stored     the events that were not there yet
    """
    return f"""
WITH incoming AS MATERIALIZED (
    SELECT e.*, coalesce(e.bot, false) AS is_bot FROM json_to_recordset(%(events)s::json) AS e({COLUMNS}) WHERE {steady}
), once AS (
    INSERT INTO dmp_once AS o (key, event, refund, expires_at)
    SELECT DISTINCT ON (once) once, id, coalesce(refund, false), expires_at FROM incoming WHERE once IS NOT NULL
    ORDER BY once, time, id
    ON CONFLICT (key) DO UPDATE SET event = EXCLUDED.event, expires_at = EXCLUDED.expires_at
        WHERE o.expires_at <= %(now)s
    RETURNING event
), fresh AS MATERIALIZED (
    SELECT * FROM incoming WHERE once IS NULL OR id IN (SELECT event FROM once)
), seen AS (
    INSERT INTO dmp_visitor AS v (key, account_id, visitor_id, created_at, attributes, segments, pins_in, pins_out,
        first_seen, last_seen, platform, device, country, language, utm, utm_at)
    SELECT visitor, %(account)s::uuid, (array_agg(visitor_id))[1], %(now)s, '{{}}', '{{}}', '{{}}', '{{}}',
        min(time) FILTER (WHERE NOT is_bot), max(time) FILTER (WHERE NOT is_bot),
        (array_agg(platform ORDER BY time DESC) FILTER (WHERE NOT is_bot))[1],
        (array_agg(device ORDER BY time DESC) FILTER (WHERE NOT is_bot))[1],
        (array_agg(country ORDER BY time DESC) FILTER (WHERE NOT is_bot))[1],
        (array_agg(language ORDER BY time DESC) FILTER (WHERE NOT is_bot))[1],
        (array_agg(utm ORDER BY time DESC) FILTER (WHERE utm IS NOT NULL AND NOT is_bot))[1],
        max(time) FILTER (WHERE utm IS NOT NULL AND NOT is_bot)
    FROM fresh GROUP BY visitor ORDER BY visitor
    ON CONFLICT (key) DO UPDATE SET
        first_seen = least(v.first_seen, EXCLUDED.first_seen),
        last_seen = greatest(v.last_seen, EXCLUDED.last_seen),
        platform = CASE WHEN {{newer}} THEN EXCLUDED.platform ELSE v.platform END,
        device = CASE WHEN {{newer}} THEN EXCLUDED.device ELSE v.device END,
        country = CASE WHEN {{newer}} THEN coalesce(EXCLUDED.country, v.country) ELSE v.country END,
        language = CASE WHEN {{newer}} THEN coalesce(EXCLUDED.language, v.language) ELSE v.language END,
        utm = CASE WHEN EXCLUDED.utm_at >= coalesce(v.utm_at, EXCLUDED.utm_at) THEN EXCLUDED.utm ELSE v.utm END,
        utm_at = greatest(v.utm_at, EXCLUDED.utm_at)
    RETURNING v.*
), stored AS (
    INSERT INTO dmp_event (account_id, bot, {STORED})
    SELECT %(account)s::uuid, is_bot, {STORED} FROM fresh
    WHERE visitor IN (SELECT key FROM seen)
    ON CONFLICT (visitor, time, id) DO NOTHING
    RETURNING visitor, id
)
""".replace("{newer}", "EXCLUDED.last_seen >= coalesce(v.last_seen, EXCLUDED.last_seen)")


RECORD = record_statement()
COUNT = RECORD + "SELECT id FROM stored"


def parameters(account: UUID, events: Sequence[Event], now: datetime) -> dict[str, Any]:
    return {"account": account, "events": encode(events).decode(), "now": now}


def record_events(account: UUID, events: Sequence[Event], now: datetime) -> set[UUID]:
    """Stores a batch of one account's events, each once; gives the ids of those that were not there before."""
    return {row[0] for row in sql.run(COUNT, parameters(account, events, now))}


def partition_missing(error: Exception) -> bool:
    """Whether an event found no partition: `partitions.ensure` makes it, then the transaction may be repeated."""
    return isinstance(error, psycopg.errors.CheckViolation) and "no partition" in str(error)


def recorded_refund(keys: Sequence[UUID]) -> dict[UUID, bool]:
    """Of the orders recorded under these keys: whether each was a refund."""
    return dict(sql.run("SELECT key, refund FROM dmp_once WHERE key = ANY(%(keys)s)", {"keys": list(keys)}))
