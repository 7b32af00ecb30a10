"""What runs beside the requests: partitions made ahead, expired rows swept, segments built, the clock, webhooks."""

import time
from datetime import timedelta

from celery import shared_task
from django.conf import settings

from accounts.clock import now
from dmp import partitions
from dmp.models import MembershipChange, Once
from dmp.segments import build, clock, retired
from dmp.webhooks import deliver, outbox

TURN = 5.0
"""Seconds that a task which comes each second may go on while there is work."""


@shared_task
def make_partitions() -> None:
    """Makes the months ahead, and drops those that EVENT_RETENTION has passed."""
    partitions.ensure(now())
    if settings.EVENT_RETENTION:
        partitions.drop_before(now() - timedelta(days=settings.EVENT_RETENTION))


@shared_task
def sweep_expired() -> None:
    """Forgets the eventIds of more than 24 hours ago and old messages of webhooks, some thousands at a time."""
    deliver.clean(now())
    while True:
        keys = list(Once.objects.filter(expires_at__lt=now()).values_list("pk", flat=True)[:5000])
        if not keys:
            return
        Once.objects.filter(pk__in=keys, expires_at__lt=now()).delete()


@shared_task
def tick() -> None:
    """Evaluates the people whose time has come. Several at once do different people."""
    until = time.monotonic() + TURN
    while clock.tick() and time.monotonic() < until:
        pass
    if MembershipChange.objects.filter(untold=True).exists():  # the two waits for beat would add up
        deliver_webhooks.apply_async(expires=1.0)


@shared_task
def build_segments() -> None:
    """Begins the builds of edited segments, and does parts of them. Several at once do different parts."""
    for account in build.accounts_to_build():
        build.start(account)
    until = time.monotonic() + TURN
    while build.work() and time.monotonic() < until:
        pass
    retired.clean(seconds=TURN)


@shared_task
def deliver_webhooks() -> None:
    """Makes the messages of new changes, and sends what is due. Several at once send different messages."""
    until = time.monotonic() + TURN
    while outbox.collect() and time.monotonic() < until:
        pass
    deliver.deliver()
