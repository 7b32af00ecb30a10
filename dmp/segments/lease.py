"""A part of a build is one worker's while its lease lasts."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

from django.db import connection

from accounts.clock import now
from dmp.models import BuildPart

LEASE = timedelta(seconds=30)


@contextmanager
def kept(part: BuildPart) -> Iterator[None]:
    """Lengthens the part's lease while the block runs, so that a worker that dies lets go of it soon."""
    done = Event()

    def keep() -> None:
        while not done.wait(LEASE.total_seconds() / 3):
            BuildPart.objects.filter(pk=part.pk).update(lease_until=now() + LEASE)
        connection.close()

    keeper = Thread(target=keep, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()
