"""Which stretch of time a window covers, and when something comes into it or leaves it."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dmp.segments import rules
from dmp.segments.evaluate.values import EARLIEST, day_start
from dmp.segments.facts import Facts
from dmp.segments.rules import SESSION_GAP


class Span(NamedTuple):
    """Events with first <= time <= last are in the window; None: none are."""

    first: datetime
    last: datetime


TICK = timedelta(microseconds=1)


def span_of(window: rules.Window, facts: Facts, now: datetime) -> Span | None:
    match window:
        case rules.Rolling(start, until):
            return Span(EARLIEST if start is None else now - start + TICK, now - until)
        case rules.Absolute(after, before):
            return Span(after or EARLIEST, min(now, before - TICK) if before else now)
        case rules.Calendar():
            begin, end = period(window, facts.zone, now)
            return Span(begin, min(now, end - TICK))
        case rules.Session():
            return session(facts, now)
    raise TypeError(window)


def period(window: rules.Calendar, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    today = now.astimezone(zone).date()
    return tuple(day_start(day, zone) for day in bounds(today, window.unit, window.offset))  # type: ignore[return-value]


def bounds(today: date, unit: str, offset: int) -> tuple[date, date]:
    """First day of the period, and of the one after it; a period before the year 1 or after 9999 is empty."""
    if unit in ("day", "week"):
        length = 1 if unit == "day" else 7
        first = today.toordinal() - (today.weekday() if unit == "week" else 0) + offset * length
        return ordinal(first), ordinal(first + length)
    months = 12 if unit == "year" else 1
    start = today.year * 12 + (0 if unit == "year" else today.month - 1) + offset * months
    return month(start), month(start + months)


def ordinal(number: int) -> date:
    return date.fromordinal(min(max(number, 3), date.max.toordinal()))


def month(number: int) -> date:
    number = min(max(number, 24), date.max.year * 12 + 11)
    return date(number // 12, number % 12 + 1, 1)


def session(facts: Facts, now: datetime) -> Span | None:
    start = last = None
    for event in reversed(facts.events):
        if event.time > now or event.code.startswith("$"):
            continue
        if start is None:
            if now - event.time >= SESSION_GAP:
                return None
            last = event.time
        elif start - event.time >= SESSION_GAP:
            break
        start = event.time
    return None if start is None or last is None else Span(start, last)


def window_instants(window: rules.Window, times: Sequence[datetime], facts: Facts, now: datetime) -> list[datetime]:
    """When something comes into the window or leaves it."""
    match window:
        case rules.Rolling(start, until):
            found = [at + until for at in times]
            return found if start is None else found + [at + start for at in times]
        case rules.Calendar(unit, offset):
            days = {at.astimezone(facts.zone).date() for at in times}
            edges = {edge for day in days for edge in bounds(day, unit, -offset)}
            return [*times, *(day_start(edge, facts.zone) for edge in edges)]
        case rules.Session():
            every = [event.time for event in facts.events if not event.code.startswith("$")]
            return every + [at + SESSION_GAP for at in every]
    return [*times]
