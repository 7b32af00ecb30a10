"""One person: is it in, and when could that change by time alone? Pure: plain values and `now` in, no query, no clock.

A leaf's truth is constant between the instants at which something comes into its window, leaves it or runs out, and
holds from such an instant on. So the next check is the first of them at which the truth is another; after PROBES of
them the next one is taken, which is early at most.

Groups: while a part of `all` is false and stays so, the whole is false; so it can change only when every part that is
false could have. `any` likewise with the parts that are true.
"""

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

import re2

from dmp.segments import rules
from dmp.segments.facts import Event, Facts
from dmp.segments.folding import fold
from dmp.segments.rules import RELATIVE, SESSION_GAP, Test, Values

PROBES = 20
DAY = timedelta(days=1)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
EARLIEST = datetime.min.replace(tzinfo=UTC) + 2 * DAY
LATEST = datetime.max.replace(tzinfo=UTC) - 2 * DAY
EXACT = Context(prec=450)


class Outcome(NamedTuple):
    """`next_check_at`: not later than the first instant at which `member` can change by time alone; None: never."""

    member: bool
    next_check_at: datetime | None


class Needs(NamedTuple):
    """What must be read for a rule. `events`: codes, None for all but the ad server's; `every_event`: also those that
    no condition names (sessions); `since`: how far back, None for all history."""

    events: frozenset[str] | None
    every_event: bool
    properties: frozenset[rules.Property]
    since: timedelta | datetime | None


Ask = Callable[[Facts, datetime], Outcome]
Truth = Callable[[datetime], bool]


def evaluate(rule: rules.Condition, facts: Facts, now: datetime) -> Outcome:
    return prepare(rule)(facts, now)


def prepare(rule: rules.Condition) -> Ask:
    """The rule as a function, made once."""
    match rule:
        case rules.All(parts):
            return group([prepare(part) for part in parts], wanted=True)
        case rules.AnyOf(parts):
            return group([prepare(part) for part in parts], wanted=False)
        case rules.Not(part):
            inner = prepare(part)
            return lambda facts, now: opposite(inner(facts, now))
        case rules.AttributeIs():
            return attribute(rule)
        case rules.Did():
            return did(rule)
        case rules.Sequence():
            return sequence(rule)
        case rules.InSegment(name, unchanged):
            return lambda facts, now: since(facts.segments.get(name), unchanged, now)
        case rules.Sample():
            return lambda facts, now: Outcome(sampled(rule, facts.bucket), None)
    raise TypeError(rule)


def opposite(outcome: Outcome) -> Outcome:
    return Outcome(not outcome.member, outcome.next_check_at)


def group(parts: Sequence[Ask], *, wanted: bool) -> Ask:
    """all (`wanted` True: each part must be) or any (False: not each part may be false)."""

    def ask(facts: Facts, now: datetime) -> Outcome:
        outcomes = [part(facts, now) for part in parts]
        against = [outcome.next_check_at for outcome in outcomes if outcome.member is not wanted]
        if against:
            latest = None if None in against else max(filter(None, against))
            return Outcome(not wanted, latest)
        return Outcome(wanted, earliest(outcome.next_check_at for outcome in outcomes))

    return ask


def earliest(times: Iterable[datetime | None]) -> datetime | None:
    return min((at for at in times if at is not None), default=None)


def flip(now: datetime, member: bool, truth: Truth, instants: Iterable[datetime]) -> datetime | None:
    """The first of the instants after now at which the truth is another."""
    later = sorted({at for at in instants if at > now})
    for at in later[:PROBES]:
        if truth(at) is not member:
            return at
    return later[PROBES] if len(later) > PROBES else None


# Values


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
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo and EARLIEST < found < LATEST else None


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


# Attributes, segments, samples


def attribute(rule: rules.AttributeIs) -> Ask:
    check = checker(rule.values)
    relative = rule.values.is_relative

    def ask(facts: Facts, now: datetime) -> Outcome:
        known = facts.attributes.get(rule.name)
        raw = known.values if known else ()
        member = check(raw, facts.zone, now)
        if not relative and rule.unchanged is None:
            return Outcome(member, None)
        times = value_instants(rule.values, raw, facts.zone, now)
        if rule.unchanged is None:
            return Outcome(member, flip(now, member, lambda at: check(raw, facts.zone, at), times))
        start = known.changed if known and known.changed else facts.first_seen
        if start is None:
            return Outcome(False, None)
        ripe = start + rule.unchanged
        member = member and ripe <= now
        return Outcome(member, flip(now, member, lambda at: ripe <= at and check(raw, facts.zone, at), [*times, ripe]))

    return ask


def since(entered_at: datetime | None, unchanged: timedelta | None, now: datetime) -> Outcome:
    if entered_at is None or unchanged is None:
        return Outcome(entered_at is not None, None)
    ripe = entered_at + unchanged
    return Outcome(ripe <= now, ripe if ripe > now else None)


def sampled(rule: rules.Sample, bucket: str) -> bool:
    digest = hashlib.sha256(f"{rule.salt}:{bucket}".encode()).digest()
    value = int.from_bytes(digest[:8], "big") % 10_000
    return rule.start <= Decimal(value) / 100 < rule.end


# Events

Match = Callable[[Event, ZoneInfo, datetime], bool]


def values_of(found: rules.Property, event: Event) -> Sequence[Any]:
    if found.declared_by is not None and event.code not in found.declared_by:
        return ()
    return event.values.get(found.name, ())


def matcher(where: Any) -> Match:
    match where:
        case rules.All(parts):
            all_of = [matcher(part) for part in parts]
            return lambda event, zone, now: all(part(event, zone, now) for part in all_of)
        case rules.AnyOf(parts):
            any_of = [matcher(part) for part in parts]
            return lambda event, zone, now: any(part(event, zone, now) for part in any_of)
        case rules.Not(part):
            inner = matcher(part)
            return lambda event, zone, now: not inner(event, zone, now)
        case rules.Where(found, wanted):
            check = checker(wanted)
            return lambda event, zone, now: check(values_of(found, event), zone, now)
    raise TypeError(where)


def prepare_where(where: Any) -> Callable[[Event], bool]:
    """Whether an event can fit a `where`; one that looks at now may come to fit."""
    if any(leaf.values.is_relative for leaf in rules.leaves(where)):
        return lambda event: True
    check = matcher(where)
    return lambda event: check(event, ZoneInfo("UTC"), event.time)


def of_codes(events: tuple[str, ...] | None) -> Callable[[Event], bool]:
    if events is None:
        return lambda event: not event.code.startswith("$")
    codes = frozenset(events)
    return lambda event: event.code in codes


def relative_instants(where: Any, events: Iterable[Event], facts: Facts, now: datetime) -> list[datetime]:
    leaves = [leaf for leaf in rules.leaves(where) if leaf.values.is_relative]
    return [
        at
        for leaf in leaves
        for event in events
        for at in value_instants(leaf.values, values_of(leaf.property, event), facts.zone, now)
    ]


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
    """First day of the period, and of the one after it; a period before the year 1 is empty."""
    if unit in ("day", "week"):
        length = 1 if unit == "day" else 7
        first = today.toordinal() - (today.weekday() if unit == "week" else 0) + offset * length
        return date.fromordinal(max(first, 3)), date.fromordinal(max(first + length, 3))
    months = 12 if unit == "year" else 1
    start = today.year * 12 + (0 if unit == "year" else today.month - 1) + offset * months
    return month(start), month(start + months)


def month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1) if number >= 24 else date(2, 1, 1)


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
            found = [*times]
            at = now
            for _ in range(min(1 - offset, PROBES + 1)):
                _, at = period(rules.Calendar(unit), facts.zone, at)
                found.append(at)
            return found
        case rules.Session():
            every = [event.time for event in facts.events if not event.code.startswith("$")]
            return every + [at + SESSION_GAP for at in every]
    return [*times]


def did(rule: rules.Did) -> Ask:
    is_named = of_codes(rule.events)
    fits = matcher(rule.where) if rule.where is not None else None
    relative = rule.where is not None and any(leaf.values.is_relative for leaf in rules.leaves(rule.where))
    measure = measured(rule.measure)
    simple = at_least(rule)

    def ask(facts: Facts, now: datetime) -> Outcome:
        zone = facts.zone
        named = [event for event in facts.events if is_named(event)]
        if not relative:
            matching = [event for event in named if fits is None or fits(event, zone, now)]
            times = [event.time for event in matching]
            if simple and (not times or times[-1] <= now):
                return counted(times, *simple, now)

            def truth(at: datetime) -> bool:
                span = span_of(rule.window, facts, at)
                inside = matching[bisect_left(times, span.first) : bisect_right(times, span.last)] if span else []
                return measure(inside, zone, at)

            changes = window_instants(rule.window, times, facts, now)
        else:
            assert fits is not None
            matches = fits

            def truth(at: datetime) -> bool:
                span = span_of(rule.window, facts, at)
                return measure(
                    [e for e in named if span and span.first <= e.time <= span.last and matches(e, zone, at)], zone, at
                )

            changes = window_instants(rule.window, [event.time for event in named], facts, now)
            changes += relative_instants(rule.where, named, facts, now)
        if isinstance(rule.measure, rules.Edge) and rule.measure.values.is_relative:
            for event in named:
                raw = values_of(rule.measure.property, event)
                changes += value_instants(rule.measure.values, raw, zone, now)
        member = truth(now)
        return Outcome(member, flip(now, member, truth, changes))

    return ask


def at_least(rule: rules.Did) -> tuple[int, timedelta | None] | None:
    """The count and the length of “at least so many in a rolling window until now”, which is most rules."""
    window, measure = rule.window, rule.measure
    if not isinstance(window, rules.Rolling) or window.until or not isinstance(measure, rules.Count):
        return None
    [test, *more] = measure.tests
    if more or test.op != "gte" or test.operand < 1 or test.operand != int(test.operand):
        return None
    return int(test.operand), window.since


def counted(times: Sequence[datetime], least: int, length: timedelta | None, now: datetime) -> Outcome:
    if len(times) < least:
        return Outcome(False, None)
    if length is None:
        return Outcome(True, None)
    leaves_at = times[-least] + length
    return Outcome(True, leaves_at) if leaves_at > now else Outcome(False, None)


Measured = Callable[[Sequence[Event], ZoneInfo, datetime], bool]


def measured(measure: rules.Measure) -> Measured:
    match measure:
        case rules.Count(tests):
            return lambda events, zone, now: compares(len(events), tests)
        case rules.Aggregate():
            return aggregate(measure)
        case rules.UniqueValues(found, tests):
            return lambda events, zone, now: compares(
                len({v for event in events for v in typed(found.type, values_of(found, event))}), tests
            )
        case rules.UniquePeriods(unit, tests):
            return lambda events, zone, now: compares(
                len({bounds(event.time.astimezone(zone).date(), unit, 0)[0] for event in events}), tests
            )
        case rules.Edge():
            return edge(measure)
    raise TypeError(measure)


def aggregate(measure: rules.Aggregate) -> Measured:
    def check(events: Sequence[Event], zone: ZoneInfo, now: datetime) -> bool:
        found = [Decimal(v) for event in events for v in numbers(values_of(measure.property, event))]
        if measure.function == "sum":
            return compares(exact_sum(found), measure.tests)
        if not found:
            return False
        if measure.function == "avg":  # the sum against bound times count: exact
            scaled = [Test(test.op, EXACT.multiply(test.operand, Decimal(len(found)))) for test in measure.tests]
            return compares(exact_sum(found), scaled)
        return compares(min(found) if measure.function == "min" else max(found), measure.tests)

    return check


def exact_sum(found: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for value in found:
        total = EXACT.add(total, value)
    return total


def edge(measure: rules.Edge) -> Measured:
    check = checker(measure.values)

    def holds(events: Sequence[Event], zone: ZoneInfo, now: datetime) -> bool:
        if not events:
            return False
        at = events[-1 if measure.last else 0].time
        raw = [v for event in events if event.time == at for v in values_of(measure.property, event)]
        return check(raw, zone, now)

    return holds


# Sequences

Key = tuple[Any, ...]


def sequence(rule: rules.Sequence) -> Ask:
    named = [of_codes(step.events) for step in rule.steps]
    fits = [matcher(step.where) if step.where is not None else None for step in rule.steps]
    absent = rule.steps[-1].absent

    def key_of(event: Event, step: int) -> Key | None:
        values = tuple(tuple(typed(views[step].type, values_of(views[step], event))) for views in rule.same)
        return values if all(values) else None

    def ask(facts: Facts, now: datetime) -> Outcome:
        zone = facts.zone
        candidates = [[event for event in facts.events if is_named(event)] for is_named in named]

        def truth(at: datetime) -> bool:
            span = span_of(rule.window, facts, at)
            if span is None:
                return False
            steps: list[list[tuple[datetime, Key]]] = []
            for index, events in enumerate(candidates):
                check = fits[index]
                in_window = not (absent and index == len(candidates) - 1)
                steps.append([
                    (event.time, key)
                    for event in events
                    if event.time <= at
                    and (not in_window or span.first <= event.time <= span.last)
                    and (check is None or check(event, zone, at))
                    and (key := key_of(event, index)) is not None
                ])  # fmt: skip
            return any_way(rule, steps, at)

        every = [event for events in candidates for event in events]
        changes = window_instants(rule.window, [event.time for event in every], facts, now)
        changes += [event.time for event in every]
        changes += [event.time + step.within for step in rule.steps if step.within for event in every]
        for step, events in zip(rule.steps, candidates, strict=True):
            if step.where is not None:
                changes += relative_instants(step.where, events, facts, now)
        member = truth(now)
        return Outcome(member, flip(now, member, truth, changes))

    return ask


def any_way(rule: rules.Sequence, steps: Sequence[Sequence[tuple[datetime, Key]]], now: datetime) -> bool:
    """Whether some events make the sequence: what can be reached, step by step; only neighbours bind each other."""
    last = rule.steps[-1]
    reached = set(steps[0])
    for step, events in zip(rule.steps[1:], steps[1:], strict=True):
        if step.absent:
            break
        before: dict[Key, list[datetime]] = {}
        for at, key in sorted(reached):
            before.setdefault(key, []).append(at)
        reached = {(at, key) for at, key in events if follows(before.get(key, ()), at, step.within)}
    if not last.absent:
        return bool(reached)
    against: dict[Key, list[datetime]] = {}
    for at, key in sorted(steps[-1]):
        against.setdefault(key, []).append(at)
    for at, key in reached:
        end = at + last.within if last.within else now
        times = against.get(key, [])
        if end <= now and bisect_right(times, at) == bisect_right(times, end):
            return True
    return False


def follows(before: Sequence[datetime], at: datetime, within: timedelta | None) -> bool:
    index = bisect_left(before, at)
    return index > 0 and (within is None or at - before[index - 1] <= within)


# What must be read


def needs(rule: rules.Condition) -> Needs:
    codes: set[str] = set()
    properties: set[rules.Property] = set()
    every = any_code = False
    oldest: list[timedelta | datetime | None] = []
    for leaf in rules.leaves(rule):
        if not isinstance(leaf, rules.Did | rules.Sequence):
            continue
        oldest.append(reach(leaf.window))
        every = every or isinstance(leaf.window, rules.Session)
        for named, where in asked(leaf):
            any_code = any_code or named is None
            codes.update(named or ())
            properties.update(part.property for part in rules.leaves(where))
        properties.update(properties_of(leaf))
    lengths = [length for length in oldest if isinstance(length, timedelta)]
    all_rolling = len(lengths) == len(oldest)
    return Needs(
        None if any_code else frozenset(codes),
        every,
        frozenset(properties),
        max(lengths, default=timedelta(0)) if all_rolling else None,
    )


def asked(leaf: rules.Did | rules.Sequence) -> list[tuple[tuple[str, ...] | None, Any]]:
    if isinstance(leaf, rules.Did):
        return [(leaf.events, leaf.where)]
    return [(step.events, step.where) for step in leaf.steps]


def properties_of(leaf: rules.Did | rules.Sequence) -> list[rules.Property]:
    if isinstance(leaf, rules.Sequence):
        return [view for views in leaf.same for view in views]
    found = getattr(leaf.measure, "property", None)
    return [found] if found else []


def reach(window: rules.Window) -> timedelta | None:
    """How far back a window reaches at most, by a rolling length; None: any time."""
    match window:
        case rules.Rolling(length, _):
            return length
        case rules.Calendar(unit, offset):
            return {"day": 2, "week": 9, "month": 33, "year": 368}[unit] * DAY * (1 - offset)
    return None
