"""The one clock: every module that needs the time asks here, so that a test can move it."""

from datetime import UTC, datetime, timedelta

from django.conf import settings

_offset = timedelta(seconds=settings.NOW_OFFSET)


def now() -> datetime:
    """The time, aware, in UTC, shifted by SEGMENTHUB_NOW_OFFSET seconds."""
    return datetime.now(UTC) + _offset
