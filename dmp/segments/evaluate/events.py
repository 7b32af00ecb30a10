"""A condition on events: what they come to within a window."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Context, Decimal
from zoneinfo import ZoneInfo

from dmp.segments import rules
from dmp.segments.evaluate.matching import matcher, of_codes, relative_instants, values_of
from dmp.segments.evaluate.outcome import Ask, Outcome, flip
from dmp.segments.evaluate.values import checker, compares, numbers, typed, value_instants
from dmp.segments.evaluate.windows import bounds, span_of, window_instants
from dmp.segments.facts import Event, Facts
from dmp.segments.rules import Test

EXACT = Context(prec=450)


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
