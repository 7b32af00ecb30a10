"""What the ad server does beside the requests."""

from datetime import timedelta

from celery import shared_task

from accounts import snapshot
from accounts.clock import now
from accounts.models import Account
from adserver import conversions, goals, paces, rollups

LOOKED_BACK = timedelta(hours=2)


@shared_task
def pace() -> None:
    """Spreads goals over the time that is left."""
    paces.set_paces(now())


@shared_task
def attribute_orders() -> None:
    """Finds the campaigns of orders that were left out: an import's, those of a process that was killed."""
    goals.sweep(now())
    for account in Account.objects.filter(status=Account.Status.ACTIVE, campaigns__isnull=False).distinct():
        configuration = snapshot.configuration(account.pk)
        if configuration is not None:
            conversions.repair(configuration, now() - LOOKED_BACK, now())


@shared_task
def roll_up() -> None:
    """Counts what happened since the last time."""
    rollups.roll_up(rollups.RECENT, now())


@shared_task
def roll_up_late() -> None:
    """Counts the last days again, for what was known late."""
    rollups.roll_up(rollups.LATER, now())
