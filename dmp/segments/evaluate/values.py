"""What a test asks of a list of stored values, and when time alone can change that."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

import re2

from dmp.segments.folding import fold
from dmp.segments.rules import RELATIVE, Test, Values

DAY = timedelta(days=1)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?(Z|[+-](0\d|1[0-5]):?[0-5]\d)", re.ASCII
)
"""What `dmp_time` of the database takes, too."""
EARLIEST = datetime.min.replace(tzinfo=UTC) + 2 * DAY
LATEST = datetime.max.replace(tzinfo=UTC) - 2 * DAY


def typed(type: str, raw: Sequence[Any]) -> Sequence[Any]:
    """The stored values of the type; others are no values."""
    return CONVERT[type](raw)


def numbers(raw: Sequence[Any]) -> list[Any]:
    return [Decimal(str(v)) if type(v) is float else v for v in raw if type(v) in (int, Decimal, float)]


def days(raw: Sequence[Any]) -> list[date]:
    return [found for v in raw if type(v) is str and (found := as_date(v)) is not None]


def instants(raw: Sequence[Any]) -> list[datetime]:
    return [found for v in raw if type(v) is str and (found := as_instant(v)) is not None]


@lru_cache(maxsize=8192)
def as_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if DATE.fullmatch(text) else None
    except ValueError:
        return None


@lru_cache(maxsize=8192)
def as_instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if INSTANT.fullmatch(text) else None
    except ValueError:
        return None
    return found.astimezone(UTC) if found and EARLIEST < found < LATEST else None


CONVERT: dict[str, Callable[[Sequence[Any]], Sequence[Any]]] = {
    "text": lambda raw: [v for v in raw if type(v) is str],
    "number": numbers,
    "boolean": lambda raw: [v for v in raw if type(v) is bool],
    "date": days,
    "datetime": instants,
}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


def compares(number: Any, tests: Sequence[Test]) -> bool:
    return all(COMPARE[test.op](number, test.operand) for test in tests)


TEST: dict[str, Callable[[Sequence[Any], Any], bool]] = {
    "eq": lambda values, operand: operand in values,
    "ne": lambda values, operand: operand not in values,
    "in": lambda values, operand: any(v in operand for v in values),
    "nin": lambda values, operand: not any(v in operand for v in values),
    "hasAll": lambda values, operand: all(v in values for v in operand),
    "exists": lambda values, operand: bool(values) is operand,
    "size": lambda values, operand: compares(len(values), operand),
    "contains": lambda values, operand: any(fold(operand) in fold(v) for v in values),
    "startsWith": lambda values, operand: any(v.startswith(operand) for v in values),
    "endsWith": lambda values, operand: any(v.endswith(operand) for v in values),
    "matches": lambda values, operand: any(finds(operand, v) for v in values),
}
Check = Callable[[Sequence[Any], ZoneInfo, datetime], bool]


@lru_cache(maxsize=1024)
def expression(pattern: str) -> Any:
    return re2.compile(pattern)


def finds(pattern: str, text: str) -> bool:
    return expression(pattern).search(text) is not None


def checker(wanted: Values) -> Check:
    """Whether a list of stored values satisfies all tests."""
    bounds = wanted.bounds
    plain = [(TEST[t.op], frozenset(t.operand) if t.op in ("in", "nin") else t.operand)
             for t in wanted.others if t.op not in RELATIVE]  # fmt: skip
    relative = [test for test in wanted.others if test.op in RELATIVE]
    convert = CONVERT[wanted.type]
    if len(plain) == 1 and not bounds and not relative:  # most of what is asked of events
        [(test_of, only)] = plain
        return lambda raw, zone, now: test_of(convert(raw), only)

    def check(raw: Sequence[Any], zone: ZoneInfo, now: datetime) -> bool:
        values = convert(raw)
        if bounds and not any(compares(v, bounds) for v in values):
            return False
        if not all(test(values, operand) for test, operand in plain):
            return False
        return all(any(holds(test, v, zone, now) for v in values) for test in relative)

    return check


def holds(test: Test, value: date | datetime, zone: ZoneInfo, now: datetime) -> bool:
    if test.op == "anniversary":
        return near_anniversary(local_date(value, zone), test.operand, zone, now)
    at, length = instant_of(value, zone), cast(timedelta, test.operand)
    return now - length < at <= now if test.op == "last" else now < at <= now + length


def instant_of(value: date | datetime, zone: ZoneInfo) -> datetime:
    return value if isinstance(value, datetime) else day_start(value, zone)


def moved(at: datetime, length: timedelta) -> datetime:
    """Moved, but not beyond the years that there are."""
    try:
        return at + length
    except OverflowError:
        return LATEST if length > timedelta(0) else EARLIEST


def local_date(value: date | datetime, zone: ZoneInfo) -> date:
    return value.astimezone(zone).date() if isinstance(value, datetime) else value


@lru_cache(maxsize=8192)
def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant that carries the date in the zone."""
    try:
        return datetime.combine(day, time(), zone).astimezone(UTC)
    except OverflowError:  # on the first or the last day of all
        return LATEST if day.year > 1 else EARLIEST


def anniversary_in(value: date, year: int) -> date:
    return date(year, 3, 1) if (value.month, value.day) == (2, 29) else value.replace(year=year)


def near_anniversary(value: date, ahead: timedelta, zone: ZoneInfo, now: datetime) -> bool:
    today, end = now.astimezone(zone).date(), (now + ahead).astimezone(zone).date()
    if (end - today).days >= 366:
        return True
    return any(today <= anniversary_in(value, year) <= end for year in range(today.year, end.year + 1))


def value_instants(wanted: Values, raw: Sequence[Any], zone: ZoneInfo, now: datetime) -> list[datetime]:
    """When tests that look at now can change for these values."""
    found: list[datetime] = []
    for test in wanted.tests:
        for value in typed(wanted.type, raw) if test.op in RELATIVE else ():
            if test.op == "anniversary":
                found += anniversary_instants(local_date(value, zone), test.operand, zone, now)
            else:
                at = instant_of(value, zone)
                found += [at, moved(at, test.operand)] if test.op == "last" else [moved(at, -test.operand), at]
    return found


def anniversary_instants(value: date, ahead: timedelta, zone: ZoneInfo, now: datetime) -> list[datetime]:
    if ahead >= timedelta(days=366):
        return []
    year = now.astimezone(zone).year
    found = []
    for one in (year - 1, year, year + 1, year + 2):
        day = anniversary_in(value, one)
        found += [day_start(day, zone) - ahead, day_start(day + DAY, zone)]
    return found
