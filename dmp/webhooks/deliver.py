"""Messages are sent until they are taken.

One that is claimed belongs to its sender until the lease runs out; so any number of senders share the work, and what a
killed one had is sent again. As workers are few and servers may be slow, a sender keeps many requests open at once, and
leaves the field to one that is at it already.
"""

import json
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q

from accounts.clock import now
from dmp import sql
from dmp.webhooks.models import Delivery, Progress
from dmp.webhooks.post import Answer, post, sign

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
"""After the first, second, ... attempt; the one after the last fails it."""
LEASE = timedelta(seconds=20)
AT_ONCE = 32
OF_ONE = 8
"""Requests at once of one webhook: a slow server leaves room for others."""
REST = timedelta(seconds=10)
TURN = 20.0
KEPT = timedelta(days=30)
GIVEN_UP = timedelta(days=3)
ORDER = ("id", "event", "segment", "level", "visitorId", "profileId", "at", "cause")


class Claim(NamedTuple):
    id: UUID
    webhook: int
    attempts: int
    payload: str
    url: str
    secret: str


CLAIM = f"""UPDATE dmp_webhook_delivery d SET lease_until = %(until)s, attempts = d.attempts + 1
    FROM dmp_webhook h WHERE h.id = d.webhook_id AND d.id IN (
        SELECT n.id FROM dmp_webhook w
        JOIN accounts_account a ON a.id = w.account_id AND a.status = 'active'
        LEFT JOIN dmp_webhook_progress p ON p.webhook_id = w.id
        CROSS JOIN LATERAL (
            SELECT q.id, q.next_try_at FROM dmp_webhook_delivery q
            WHERE q.webhook_id = w.id AND q.status = 'pending' AND q.next_try_at <= %(now)s
            AND (q.lease_until IS NULL OR q.lease_until <= %(now)s)
            ORDER BY q.next_try_at, q.id
            LIMIT greatest(0, {OF_ONE} - (SELECT count(*) FROM dmp_webhook_delivery b
                WHERE b.webhook_id = w.id AND b.status = 'pending' AND b.lease_until > %(now)s))
            FOR UPDATE SKIP LOCKED
        ) n
        WHERE w.active AND (p.rest_until IS NULL OR p.rest_until <= %(now)s)
        ORDER BY n.next_try_at, n.id LIMIT %(most)s
    ) RETURNING d.id, d.webhook_id, d.attempts, d.payload::text, h.url, h.secret"""


def claim(most: int, at: datetime) -> list[Claim]:
    return [Claim(*row) for row in sql.run(CLAIM, {"now": at, "until": at + LEASE, "most": most})]


def deliver() -> int:
    """Sends what is due for a while; gives how many requests that were. Waiting for a slow server keeps no message for
    another one waiting."""
    if Delivery.objects.filter(status=Delivery.Status.PENDING, lease_until__gt=now()).exists():
        return 0
    count = 0
    until = time.monotonic() + TURN
    open_: dict[Future[Answer], Claim] = {}
    with ThreadPoolExecutor(AT_ONCE) as threads:
        while True:
            room = AT_ONCE - len(open_)
            for claimed in claim(room, now()) if room and time.monotonic() < until else ():
                open_[threads.submit(send, claimed, int(now().timestamp()))] = claimed
            if not open_:
                return count
            done, _ = wait(open_, timeout=1, return_when=FIRST_COMPLETED)
            for future in done:
                record(open_.pop(future), future.result(), now())
            count += len(done)


def send(claimed: Claim, at: int) -> Answer:
    payload: dict[str, Any] = json.loads(claimed.payload)
    body = json.dumps({name: payload[name] for name in ORDER if name in payload}).encode()
    headers = {"X-SegmentHub-Id": str(claimed.id), "X-SegmentHub-Signature": sign(claimed.secret, body, at)}
    return post(claimed.url, body, headers)


def record(claimed: Claim, answer: Answer, at: datetime) -> None:
    """Only while the claim is ours: who had a lost lease has nothing to say any more."""
    outcome: dict[str, Any] = {"answer": answer.status, "error": answer.error[:255], "lease_until": None}
    if answer.taken:
        outcome |= {"status": Delivery.Status.DELIVERED, "delivered_at": at, "next_try_at": None}
    elif claimed.attempts > len(BACK_OFF):
        outcome |= {"status": Delivery.Status.FAILED, "next_try_at": None}
    else:
        outcome |= {"next_try_at": at + BACK_OFF[claimed.attempts - 1]}
    mine = Delivery.objects.filter(pk=claimed.id, attempts=claimed.attempts, status=Delivery.Status.PENDING)
    mine.update(**outcome)
    if answer.status in (None, 429, 503):
        Progress.objects.filter(pk=claimed.webhook).update(rest_until=at + REST)


def send_again(deliveries: Iterable[Delivery], at: datetime) -> int:
    """Queues failed messages anew."""
    failed = Delivery.objects.filter(pk__in=[row.pk for row in deliveries], status=Delivery.Status.FAILED)
    return failed.update(status=Delivery.Status.PENDING, attempts=0, next_try_at=at, lease_until=None)


def clean(at: datetime) -> None:
    """Forgets what was done with 30 days ago. What was due for three days and not tried, as its webhook never answers
    or was switched off, has failed."""
    pending = Q(status=Delivery.Status.PENDING)
    stale = Delivery.objects.filter(pending, next_try_at__lt=at - GIVEN_UP)
    stale.update(status=Delivery.Status.FAILED, next_try_at=None, error="It was not sent within three days.")
    while keys := list(Delivery.objects.filter(~pending, created_at__lt=at - KEPT).values_list("pk", flat=True)[:5000]):
        Delivery.objects.filter(pk__in=keys).delete()
