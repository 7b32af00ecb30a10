"""Messages are made of the changes that are marked in history. The mark is taken away in the same transaction, so that
each change is told once however late it was committed, and no order or clock is relied on."""

from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from uuid_utils.compat import uuid7

from accounts.clock import now
from dmp import sql
from dmp.segments.levels import levels
from dmp.webhooks.models import Delivery, Webhook

BATCH = 2000
"""Changes of one account at once: one that makes very many holds up no other."""


@cache
def statement(names: tuple[str, ...]) -> str:
    """Takes marked changes, and gives one row for each and each webhook that asked for it; of people who are gone
    nothing is told. Who does the same at the same time passes over the accounts of locked webhooks. Joined to each
    level's people by their keys alone, for their names. Account-wide: only for this job."""
    joins, told = "", ""
    for name in names:
        level = levels[name]
        alias = level.key.split(".")[0]
        joins += f" LEFT JOIN {level.table} {alias} ON {level.key} = c.person AND c.level = '{name}'"
        told += f" WHEN '{name}' THEN {level.told}"
    return f"""WITH mine AS (
            SELECT w.account_id FROM dmp_webhook w WHERE EXISTS (
                SELECT FROM dmp_membership_change c WHERE c.untold AND c.account_id = w.account_id)
            ORDER BY w.id FOR NO KEY UPDATE OF w SKIP LOCKED
        ), taken AS (
            UPDATE dmp_membership_change SET untold = false WHERE untold AND (person, id) IN (
                SELECT n.person, n.id FROM (SELECT DISTINCT account_id FROM mine) a CROSS JOIN LATERAL (
                    SELECT person, id FROM dmp_membership_change WHERE untold AND account_id = a.account_id
                    ORDER BY at LIMIT %(most)s) n)
            RETURNING person, id, segment_id, account_id, level, entered, at, cause
        ), found AS (
            SELECT c.*, w.id AS webhook, s.name AS segment, CASE c.level{told} END AS told FROM taken c
            JOIN dmp_webhook w ON w.account_id = c.account_id AND w.active AND c.at >= w.since
                AND (w.segment_id IS NULL OR w.segment_id = c.segment_id) AND w.level IN (c.level, 'both')
                AND CASE WHEN c.entered THEN w.on_enter ELSE w.on_leave END
            JOIN dmp_segment s ON s.id = c.segment_id{joins}
        )
        SELECT webhook, person, at, entered, cause, level, segment, told FROM found WHERE told IS NOT NULL
        UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, count(*)::text FROM taken"""


def collect() -> int:
    """Makes messages of a batch of changes of each account; gives of how many changes."""
    at = now()
    with transaction.atomic():
        *found, (*_, taken) = sql.run(statement(tuple(levels)), {"most": BATCH})
        Delivery.objects.bulk_create(message(Told(*row), at) for row in found)
    return int(taken)


class Told(NamedTuple):
    """A change as a webhook is told of it."""

    webhook: int
    person: UUID
    at: datetime
    entered: bool
    cause: str
    level: str
    segment: str
    name: str


def message(told: Told, now: datetime) -> Delivery:
    event = "entered" if told.entered else "left"
    who = {"level": told.level, f"{told.level}Id": told.name}
    said = {"event": event, "segment": told.segment, **who, "cause": told.cause}
    return new(told.webhook, said, told.at, now, told.person)


def test_message(webhook: Webhook, at: datetime) -> Delivery:
    """Queues a message that tells nothing, to try the address and the signature."""
    delivery = new(webhook.pk, {"event": "test"}, at, at)
    delivery.save(force_insert=True)
    return delivery


def new(webhook: int, said: dict[str, Any], at: datetime, now: datetime, person: UUID | None = None) -> Delivery:
    key = uuid7()
    payload = {"id": str(key), **said, "at": at.isoformat().replace("+00:00", "Z")}
    return Delivery(id=key, webhook_id=webhook, person=person, payload=payload, next_try_at=now, created_at=now)


def forget(people: list[UUID]) -> None:
    """What an erasure of people has to call: what was told of them goes, and what was not told yet is never told."""
    Delivery.objects.filter(person__in=people).delete()
