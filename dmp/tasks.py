"""What runs beside the requests: partitions made ahead, expired rows swept."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings

from accounts.clock import now
from dmp import partitions
from dmp.models import Once


@shared_task
def make_partitions() -> None:
    """Makes the months ahead, and drops those that EVENT_RETENTION has passed."""
    partitions.ensure(now())
    if settings.EVENT_RETENTION:
        partitions.drop_before(now() - timedelta(days=settings.EVENT_RETENTION))


@shared_task
def sweep_expired() -> None:
    """Forgets the eventIds of more than 24 hours ago, some thousands at a time."""
    while True:
        keys = list(Once.objects.filter(expires_at__lt=now()).values_list("pk", flat=True)[:5000])
        if not keys:
            return
        Once.objects.filter(pk__in=keys, expires_at__lt=now()).delete()
