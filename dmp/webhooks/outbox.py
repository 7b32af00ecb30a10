"""Messages are made of the history of memberships, each change once for each webhook.

Changes become visible out of order: a transaction may commit long after the time that it wrote. So each second the last
seconds are read again, and twice a minute the last minutes; what has a message already is left out, and of two that
make one at the same time the table takes one.
"""

from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from accounts.clock import now
from accounts.models import Account
from dmp import sql
from dmp.segments.levels import levels
from dmp.webhooks.models import Delivery, Progress, Webhook

OVERLAP = timedelta(seconds=15)
LATE = timedelta(minutes=10)
"""No transaction of ours stays open that long: see the limits of statements and of idle transactions."""
SWEEP_EVERY = timedelta(seconds=30)
BATCH = 2000


class Told(NamedTuple):
    """A change as it is told."""

    change: UUID
    person: UUID
    at: datetime
    entered: bool
    cause: str
    level: str
    segment: str
    name: str


def collect() -> int:
    """Makes a batch of new messages of each webhook; gives how many there were."""
    webhooks = Webhook.objects.filter(active=True, account__status=Account.Status.ACTIVE)
    return sum(collect_of(webhook, now()) for webhook in webhooks)


def collect_of(webhook: Webhook, at: datetime) -> int:
    start = {"read_to": webhook.since, "swept_at": webhook.since}
    progress, _ = Progress.objects.get_or_create(webhook=webhook, defaults=start)
    mine = Progress.objects.filter(pk=webhook.pk)
    sweep = progress.swept_at <= at - SWEEP_EVERY
    found = changes(webhook, progress.read_to - (LATE if sweep else OVERLAP), at)
    Delivery.objects.bulk_create((message(webhook, told, at) for told in found), ignore_conflicts=True)
    if len(found) < BATCH:
        mine.filter(read_to__lt=at).update(read_to=at)
        if sweep:
            mine.update(swept_at=at)
    elif not sweep:
        mine.filter(read_to__lt=found[-1].at).update(read_to=found[-1].at)
    return len(found)


@cache
def statement(names: tuple[str, ...]) -> str:
    """Joined to each level's people, by their keys alone, for their names. Account-wide: only for this job."""
    joins, told = "", ""
    for name in names:
        level = levels[name]
        alias = level.key.split(".")[0]
        joins += f" LEFT JOIN {level.table} {alias} ON {level.key} = c.person AND c.level = '{name}'"
        told += f" WHEN '{name}' THEN {level.told}"
    return f"""SELECT * FROM (
            SELECT c.id, c.person, c.at, c.entered, c.cause, c.level, s.name, CASE c.level{told} END AS told
            FROM dmp_segment s JOIN dmp_membership_change c ON c.segment_id = s.id{joins}
            WHERE s.account_id = %(account)s AND (%(segment)s::bigint IS NULL OR s.id = %(segment)s::bigint)
            AND c.account_id = %(account)s AND c.at >= %(low)s AND c.at <= %(high)s
            AND c.level = ANY(%(levels)s) AND c.entered = ANY(%(entered)s)
            AND NOT EXISTS (
                SELECT 1 FROM dmp_webhook_delivery d WHERE d.webhook_id = %(webhook)s AND d.change = c.id)
        ) found WHERE told IS NOT NULL ORDER BY at, id LIMIT {BATCH}"""


def changes(webhook: Webhook, low: datetime, high: datetime) -> list[Told]:
    """The first changes of a time that have no message yet; of people who are gone nothing is told."""
    values: dict[str, Any] = {
        "account": webhook.account_id,
        "segment": webhook.segment_id,
        "webhook": webhook.pk,
        "low": max(low, webhook.since),
        "high": high,
        "levels": webhook.levels,
        "entered": [entered for entered, on in ((True, webhook.on_enter), (False, webhook.on_leave)) if on],
    }
    return [Told(*row) for row in sql.run(statement(tuple(levels)), values)]


def message(webhook: Webhook, told: Told, at: datetime) -> Delivery:
    key = uuid7()
    payload = {
        "id": str(key),
        "event": "entered" if told.entered else "left",
        "segment": told.segment,
        "level": told.level,
        f"{told.level}Id": told.name,
        "at": told.at.isoformat().replace("+00:00", "Z"),
        "cause": told.cause,
    }
    return Delivery(
        id=key,
        webhook=webhook,
        change=told.change,
        person=told.person,
        payload=payload,
        next_try_at=at,
        created_at=at,
    )


def test_message(webhook: Webhook, at: datetime) -> Delivery:
    """Queues a message that tells nothing, to try the address and the signature."""
    key = uuid7()
    payload = {"id": str(key), "event": "test", "at": at.isoformat().replace("+00:00", "Z")}
    return Delivery.objects.create(id=key, webhook=webhook, payload=payload, next_try_at=at, created_at=at)
