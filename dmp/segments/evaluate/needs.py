"""What must be read of a person before a rule can be asked."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from dmp.segments import rules
from dmp.segments.evaluate.values import DAY


class Needs(NamedTuple):
    """What must be read for a rule. `events`: codes, None for all but the ad server's; `every_event`: also those that
    no condition names (sessions); `since`: how far back, None for all history."""

    events: frozenset[str] | None
    every_event: bool
    properties: frozenset[rules.Property]
    since: timedelta | datetime | None


def needs(rule: rules.Condition) -> Needs:
    codes: set[str] = set()
    properties: set[rules.Property] = set()
    every = any_code = False
    oldest: list[timedelta | datetime | None] = []
    for leaf in rules.event_leaves(rule):
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


def asked(leaf: rules.Did | rules.Sequence | rules.Computed) -> list[tuple[tuple[str, ...] | None, Any]]:
    if not isinstance(leaf, rules.Sequence):
        return [(leaf.events, leaf.where)]
    return [(step.events, step.where) for step in leaf.steps]


def properties_of(leaf: rules.Did | rules.Sequence | rules.Computed) -> list[rules.Property]:
    if isinstance(leaf, rules.Sequence):
        return [view for views in leaf.same for view in views]
    if isinstance(leaf, rules.Computed):
        return [*([leaf.property] if leaf.property else []), *(part.property for part in rules.leaves(leaf.per))]
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
