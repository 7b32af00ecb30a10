"""Messages are sent until they are taken.

One that is claimed belongs to its sender until the lease runs out; so any number of senders share the work, and what a
killed one had is sent again. As workers are few and servers may be slow, a sender keeps many requests open at once, and
leaves the field to one that is at it already.
"""

import logging
import time
from collections.abc import Collection, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q

from accounts.clock import now
from dmp import sql
from dmp.events import encode
from dmp.webhooks import outbox
from dmp.webhooks.models import Delivery, Webhook
from dmp.webhooks.post import Answer, post, sign

logger = logging.getLogger(__name__)
BACK_OFF = [
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
    timedelta(hours=24),
]
"""After the first, second, ... attempt, and up to a quarter more; the one after the last fails it."""
LEASE = timedelta(seconds=12)
HANDED_OVER = timedelta(seconds=6)
"""More than a request takes; less than what is left of the lease of any that a sender at work has open."""
AT_ONCE = 128
OF_ONE = 16
"""Requests at once of one webhook: a slow server leaves room for others."""
REST = timedelta(seconds=10)
TURN = 20.0
LOOK_EVERY = 0.5
KEPT = timedelta(days=30)
GIVEN_UP = timedelta(days=3)


class Claim(NamedTuple):
    id: UUID
    webhook: int
    attempts: int
    payload: str
    url: str
    secret: str
    rested: bool


CLAIM = f"""UPDATE dmp_webhook_delivery d SET lease_until = %(until)s, attempts = d.attempts + 1
    FROM dmp_webhook h WHERE h.id = d.webhook_id AND d.id IN (
        SELECT n.id FROM dmp_webhook w
        JOIN accounts_account a ON a.id = w.account_id AND a.status = 'active'
        CROSS JOIN LATERAL (
            SELECT q.id, q.next_try_at FROM dmp_webhook_delivery q
            WHERE q.webhook_id = w.id AND q.status = 'pending' AND q.next_try_at <= %(now)s
            AND (q.lease_until IS NULL OR q.lease_until <= %(now)s)
            ORDER BY q.next_try_at, q.id
            LIMIT greatest(0, CASE WHEN w.rest_until IS NULL THEN {OF_ONE} ELSE 1 END - (
                SELECT count(*) FROM dmp_webhook_delivery b WHERE b.webhook_id = w.id AND b.lease_until > %(now)s))
            FOR UPDATE SKIP LOCKED
        ) n
        WHERE w.active AND (w.rest_until IS NULL OR w.rest_until <= %(now)s)
        ORDER BY n.next_try_at, n.id LIMIT %(most)s
    ) RETURNING d.id, d.webhook_id, d.attempts, d.payload::text, h.url, h.secret, h.rest_until IS NOT NULL"""


def claim(most: int, at: datetime) -> list[Claim]:
    return [Claim(*row) for row in sql.run(CLAIM, {"now": at, "until": at + LEASE, "most": most})]


def deliver() -> int:
    """Sends what is due for a while; gives how many requests that were. Waiting for a slow server keeps no message for
    another one waiting."""
    if Delivery.objects.filter(lease_until__gt=now() + HANDED_OVER).exists():
        return 0
    count, look_at = 0, 0.0
    until = time.monotonic() + TURN
    open_: dict[Future[Answer], Claim] = {}
    with ThreadPoolExecutor(AT_ONCE) as threads:
        while (clock := time.monotonic()) < until:
            if clock >= look_at:
                outbox.collect()
                look_at = clock + LOOK_EVERY
            for claimed in claim(AT_ONCE - len(open_), now()):
                open_[threads.submit(send, claimed, int(now().timestamp()))] = claimed
            if not open_:
                return count
            count += settle(open_)
        hand_over(open_.values(), now())
        while open_:
            count += settle(open_)
    return count


def settle(open_: dict[Future[Answer], Claim]) -> int:
    """Waits for answers, some at a time."""
    done, _ = wait(open_, timeout=LOOK_EVERY, return_when=FIRST_COMPLETED)
    if done:
        record([(open_.pop(future), future.result()) for future in done], now())
    return len(done)


def hand_over(open_: Collection[Claim], at: datetime) -> None:
    """The turn is over: another sender may begin while the last answers are waited for."""
    mine = Delivery.objects.filter(pk__in=[claimed.id for claimed in open_], lease_until__gt=at + HANDED_OVER)
    mine.update(lease_until=at + HANDED_OVER)


def send(claimed: Claim, at: int) -> Answer:
    body = claimed.payload.encode()
    headers = {"X-SegmentHub-Id": str(claimed.id), "X-SegmentHub-Signature": sign(claimed.secret, body, at)}
    try:
        return post(claimed.url, body, headers)
    except Exception as error:  # one message never stops the others
        logger.exception("sending %s", claimed.id)
        return Answer(None, f"It could not be sent: {type(error).__name__}.")


RECORD = """UPDATE dmp_webhook_delivery d SET lease_until = NULL, status = r.status, answer = r.answer, error = r.error,
        next_try_at = r.next_try_at, delivered_at = r.delivered_at
    FROM json_to_recordset(%(rows)s::json) r(id uuid, attempts int, status text, answer smallint, error text,
        next_try_at timestamptz, delivered_at timestamptz)
    WHERE d.id = r.id AND d.attempts = r.attempts AND d.status = 'pending'"""


def record(answers: Collection[tuple[Claim, Answer]], at: datetime) -> None:
    """Only while the claim is ours: who had a lost lease has nothing to say any more."""
    sql.run(RECORD, {"rows": encode([outcome(*answered, at) for answered in answers]).decode()})
    silent = {claimed.webhook for claimed, answer in answers if answer.status in (None, 429, 503)}
    awake = {claimed.webhook for claimed, _ in answers if claimed.rested} - silent
    for webhooks, rest_until in ((silent, at + REST), (awake, None)):
        if webhooks:
            Webhook.objects.filter(pk__in=webhooks).update(rest_until=rest_until)


def outcome(claimed: Claim, answer: Answer, at: datetime) -> dict[str, Any]:
    """What is to be written of a delivery."""
    again = None
    if answer.taken:
        status = Delivery.Status.DELIVERED
    elif claimed.attempts > len(BACK_OFF):
        status = Delivery.Status.FAILED
    else:
        status, again = Delivery.Status.PENDING, at + back_off(claimed)
    return {
        **{"id": claimed.id, "attempts": claimed.attempts, "status": status.value, "next_try_at": again},
        **{"answer": answer.status, "error": answer.error[:255], "delivered_at": at if answer.taken else None},
    }


def back_off(claimed: Claim) -> timedelta:
    """Spread by the message's id, whose last byte is random, so that what failed together does not come together."""
    return BACK_OFF[claimed.attempts - 1] * (1 + (claimed.id.int & 255) / 1024)


def send_again(deliveries: Iterable[Delivery], at: datetime) -> int:
    """Queues messages anew that are done with."""
    done = Delivery.objects.filter(pk__in=[row.pk for row in deliveries]).exclude(status=Delivery.Status.PENDING)
    return done.update(status=Delivery.Status.PENDING, attempts=0, next_try_at=at, lease_until=None, delivered_at=None)


def clean(at: datetime) -> None:
    """Forgets what was done with 30 days ago. What was due for three days and not tried, as its webhook never answers
    or was switched off, has failed."""
    pending = Q(status=Delivery.Status.PENDING)
    stale = Delivery.objects.filter(pending, next_try_at__lt=at - GIVEN_UP)
    stale.update(status=Delivery.Status.FAILED, next_try_at=None, error="It was not sent within three days.")
    while keys := list(Delivery.objects.filter(~pending, created_at__lt=at - KEPT).values_list("pk", flat=True)[:5000]):
        Delivery.objects.filter(pk__in=keys).delete()
