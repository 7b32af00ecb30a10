"""Spreading a goal over the time that is left: the chance with which a campaign takes part in a draw, each minute anew.

What is still to come is forecast from the same hours of last week, set right by how the last hour or two went against
theirs. Without such history the last hours' rate is taken to go on (flat).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
EARLY = 0.02
"""So much before its end a campaign should be done: nothing can be caught up after it."""
UNKNOWN = 0.1
"""The chance of the first minutes, while no rate is known."""
Hours = Mapping[datetime, float]
"""Decisions in which the campaign could have been drawn, by UTC hour."""


class Pace(NamedTuple):
    """`expected`: decisions that the campaign may win until its end; `flat`: taken from the last hours alone."""

    probability: float
    expected: float
    flat: bool


def pace(seen: Hours, zone: ZoneInfo, now: datetime, end: datetime, remaining: float, shown: float = 1.0) -> Pace:
    """`seen` are the hours of the last eight days, the current one included; `remaining` what is left of the goal;
    `shown` the part of those that took part which became what the goal counts."""
    if remaining <= 0 or now >= end:
        return Pace(0.0, 0.0, False)
    begin = now.replace(minute=0, second=0, microsecond=0) - HOUR
    actual = sum(count for hour, count in seen.items() if hour >= begin)
    usual = between(seen, zone, begin, now)
    flat = not any(hour < now - WEEK + HOUR for hour in seen) or usual <= 0
    if flat:
        first = max(begin, min(seen, default=now))
        hours = max((now - first) / HOUR, 1 / 60)
        coming = actual / hours * ((end - now) / HOUR)
    else:
        coming = between(seen, zone, now, end) * actual / usual
    if actual <= 0:
        return Pace(UNKNOWN if flat else 1.0, coming, flat)
    expected = coming * (1 - EARLY) * max(shown, 0.01)
    return Pace(min(1.0, remaining / expected) if expected > 0 else 1.0, coming, flat)


def between(seen: Hours, zone: ZoneInfo, begin: datetime, end: datetime) -> float:
    """What the same hours of last week brought, by the clock on the wall; longer times repeat that week."""
    total, at = 0.0, begin
    while at < end:
        until = min(at.replace(minute=0, second=0, microsecond=0) + HOUR, end)
        total += seen.get(last_week(at, zone), 0.0) * ((until - at) / HOUR)
        at = until
    return total


def last_week(at: datetime, zone: ZoneInfo) -> datetime:
    """The UTC hour in which the clock on the wall showed the same a week ago."""
    local = at.astimezone(zone).replace(tzinfo=None) - WEEK
    return local.replace(tzinfo=zone).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
