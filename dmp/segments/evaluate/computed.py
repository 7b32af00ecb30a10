"""A computed attribute of one person: its values come from the events at that very instant."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

from dmp.segments import rules
from dmp.segments.evaluate.events import EXACT, exact_sum
from dmp.segments.evaluate.matching import matcher, of_codes, relative_instants, values_of
from dmp.segments.evaluate.outcome import Ask, Outcome, earliest, flip
from dmp.segments.evaluate.values import checker, numbers, typed, value_instants
from dmp.segments.evaluate.windows import TICK, span_of, window_instants
from dmp.segments.facts import Event, Facts

MILLION = 10**6
FARTHEST = 10**10
"""Seconds: no test of a time since is looked ahead further."""
Inside = Callable[[Facts, datetime], list[Event]]


def computed_attribute(rule: rules.AttributeIs) -> Ask:
    leaf = rule.computed
    assert leaf is not None
    asked, check = leaf, checker(rule.values)
    named, value, inside = of_codes(leaf.events), values(leaf), events_in(leaf)
    passes = leaf.kind == "timeSinceLast"
    moves = passes or rule.values.is_relative

    def ask(facts: Facts, now: datetime) -> Outcome:
        def truth(at: datetime) -> bool:
            return check(value(facts, at), facts.zone, at)

        events = [event for event in facts.events if named(event)]
        changes = window_instants(asked.window, [event.time for event in events], facts, now)
        changes += relative_instants(asked.where, events, facts, now)
        member = truth(now)
        if not moves:
            return Outcome(member, flip(now, member, truth, changes))
        # The values pass bounds by themselves, until others take their place.
        own = value_instants(rule.values, value(facts, now), facts.zone, now)
        if passes and (found := inside(facts, now)):
            own += [found[-1].time + length for length in lengths(rule.values)]
        return Outcome(member, earliest([flip(now, member, truth, own), *(at for at in changes if at > now)]))

    return ask


def lengths(wanted: rules.Values) -> Iterator[timedelta]:
    """How long after the last event the time since it reaches an operand, and how long after it is above."""
    for test in wanted.tests:
        for operand in test.operand if isinstance(test.operand, tuple) else (test.operand,):
            if isinstance(operand, Decimal) and 0 <= operand <= FARTHEST:
                reached = int((operand * MILLION).to_integral_value(ROUND_CEILING)) * TICK
                yield reached
                yield reached + TICK


def events_in(leaf: rules.Computed) -> Inside:
    """The events that the attribute is computed from, by time."""
    is_named = of_codes(leaf.events)
    fits = matcher(leaf.where) if leaf.where is not None else None

    def inside(facts: Facts, now: datetime) -> list[Event]:
        span = span_of(leaf.window, facts, now)
        return [
            event
            for event in facts.events
            if span is not None
            and span.first <= event.time <= span.last
            and is_named(event)
            and (fits is None or fits(event, facts.zone, now))
        ]

    return inside


def values(leaf: rules.Computed) -> Callable[[Facts, datetime], list[Any]]:
    """The values as an attribute's are stored, newest first."""
    inside, take = events_in(leaf), TAKE[leaf.kind]
    return lambda facts, now: [stored(value) for value in take(leaf, inside(facts, now), facts, now)]


def stored(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value  # a datetime is a date


def of_property(leaf: rules.Computed, event: Event) -> Sequence[Any]:
    assert leaf.property is not None
    return typed(leaf.type, values_of(leaf.property, event))


def all_numbers(leaf: rules.Computed, events: Sequence[Event]) -> list[Decimal]:
    assert leaf.property is not None
    return [Decimal(value) for event in events for value in numbers(values_of(leaf.property, event))]


def average(leaf: rules.Computed, events: Sequence[Event], facts: Facts, now: datetime) -> list[Any]:
    """Rounded to 6 decimals, halves away from zero."""
    found = all_numbers(leaf, events)
    count = len(found)
    if leaf.per is not None:
        counts = matcher(leaf.per)
        count = sum(1 for event in events if counts(event, facts.zone, now))
    if not found or not count:
        return []
    total = exact_sum(found)
    doubled = EXACT.multiply(EXACT.abs(total), Decimal(2 * MILLION))
    whole = EXACT.divide_int(EXACT.add(doubled, Decimal(count)), Decimal(2 * count))
    return [EXACT.scaleb(whole if total >= 0 else -whole, -6)]


def least_or_most(choose: Callable[[Sequence[Decimal]], Decimal]) -> Any:
    def take(leaf: rules.Computed, events: Sequence[Event], facts: Facts, now: datetime) -> list[Any]:
        found = all_numbers(leaf, events)
        return [choose(found)] if found else []

    return take


def different(leaf: rules.Computed, events: Sequence[Event], facts: Facts, now: datetime) -> list[Any]:
    assert leaf.property is not None
    found = leaf.property
    return [len({value for event in events for value in typed(found.type, values_of(found, event))})]


def each_value(leaf: rules.Computed, events: Sequence[Event]) -> list[tuple[datetime, int, Any]]:
    """(time, place in its event, value), by place and then value."""
    found = [(event.time, n, value) for event in events for n, value in enumerate(of_property(leaf, event))]
    return sorted(found, key=lambda one: one[1:])


def oldest(leaf: rules.Computed, events: Sequence[Event], facts: Facts, now: datetime) -> list[Any]:
    return [value for *_, value in sorted(each_value(leaf, events), key=lambda one: one[0])[:1]]


def newest(leaf: rules.Computed, events: Sequence[Event], facts: Facts, now: datetime) -> list[Any]:
    found = sorted(each_value(leaf, events), key=lambda one: one[0], reverse=True)
    return list(dict.fromkeys(value for *_, value in found))[: leaf.limit]


def most_frequent(leaf: rules.Computed, events: Sequence[Event], facts: Facts, now: datetime) -> list[Any]:
    times: dict[Any, list[datetime]] = defaultdict(list)
    for at, _, value in each_value(leaf, events):
        times[value].append(at)
    best = max(((len(found), max(found)) for found in times.values()), default=None)
    return [min(value for value, found in times.items() if (len(found), max(found)) == best)] if best else []


def since_last(leaf: rules.Computed, events: Sequence[Event], facts: Facts, now: datetime) -> list[Any]:
    return [Decimal((now - events[-1].time) // TICK) / MILLION] if events else []


TAKE: dict[str, Callable[[rules.Computed, Sequence[Event], Facts, datetime], list[Any]]] = {
    "count": lambda leaf, events, facts, now: [len(events)],
    "sum": lambda leaf, events, facts, now: [exact_sum(all_numbers(leaf, events))],
    "avg": average,
    "min": least_or_most(min),
    "max": least_or_most(max),
    "uniqueCount": different,
    "first": oldest,
    "last": newest,
    "lastList": newest,
    "mostFrequent": most_frequent,
    "timeSinceLast": since_last,
    "firstTime": lambda leaf, events, facts, now: [event.time for event in events[:1]],
    "lastTime": lambda leaf, events, facts, now: [event.time for event in events[-1:]],
}
