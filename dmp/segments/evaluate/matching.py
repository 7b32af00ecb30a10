"""Which events a condition looks at."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dmp.segments import rules
from dmp.segments.evaluate.values import checker, value_instants
from dmp.segments.facts import Event, Facts

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
        case rules.OfEvent(events, None):
            is_one = of_codes(events)
            return lambda event, zone, now: is_one(event)
        case rules.OfEvent(events, more):
            is_one, fits = of_codes(events), matcher(more)
            return lambda event, zone, now: is_one(event) and fits(event, zone, now)
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
