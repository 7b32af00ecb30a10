"""A segment's rule as a tree of frozen nodes. `parse` makes it, `evaluate` and `compile` give it its meaning.

Every attribute and property is a list of typed values; missing is the empty list. Operands are typed as the definition
says: text str, number Decimal, boolean bool, date date, datetime datetime (UTC). Durations are fixed lengths.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

Scalar = str | Decimal | bool | date | datetime
NUMERIC = ("eq", "ne", "gt", "gte", "lt", "lte")
BOUNDS = ("gt", "gte", "lt", "lte")
RELATIVE = ("last", "next", "anniversary")
"""Tests whose answer changes as time goes by."""
SESSION_GAP = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Test:
    """One operator with its operand. `in`, `nin`, `hasAll` hold a tuple of scalars; `size` a tuple of tests of a
    number; `last`, `next`, `anniversary` a timedelta; `exists` a bool; `matches` the text of a regular expression; all
    others a scalar."""

    op: str
    operand: Any


@dataclass(frozen=True, slots=True)
class Values:
    """The tests of one attribute or property of `type`. All must hold. The bounds (gt gte lt lte) must hold on one and
    the same value; each other test looks for a value of its own."""

    type: str
    tests: tuple[Test, ...]

    @property
    def bounds(self) -> tuple[Test, ...]:
        return tuple(test for test in self.tests if test.op in BOUNDS)

    @property
    def is_relative(self) -> bool:
        return any(test.op in RELATIVE for test in self.tests)

    @property
    def others(self) -> tuple[Test, ...]:
        return tuple(test for test in self.tests if test.op not in BOUNDS)


Numbers = tuple[Test, ...]
"""One or two tests (eq ne gt gte lt lte) of one number."""


@dataclass(frozen=True, slots=True)
class Property:
    """A property of events: `column` of the event table, or None where it stands in the JSON `properties`. Only events
    whose code is in `declared_by` have a value for it; None: all have (path, referrer, platform, device)."""

    name: str
    type: str
    many: bool
    column: str | None
    declared_by: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class All:
    parts: "tuple[Any, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: "tuple[Any, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    part: Any


@dataclass(frozen=True, slots=True)
class Where:
    """A leaf of a `where`: tests of a property of the same event. Groups are All, AnyOf, Not."""

    property: Property
    values: Values


@dataclass(frozen=True, slots=True)
class OfEvent:
    """The event itself is one of these (None: any of the shop's) and fits `where`: what a campaign's conditions ask
    besides properties."""

    events: tuple[str, ...] | None
    where: Any


@dataclass(frozen=True, slots=True)
class Rolling:
    """(now - since, now - until]; `since` None: from the beginning; `until` zero: now."""

    since: timedelta | None
    until: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Absolute:
    """[after, before); None: open."""

    after: datetime | None
    before: datetime | None


@dataclass(frozen=True, slots=True)
class Calendar:
    """The day, week (from Monday), month or year of now in the account's zone, moved by `offset` <= 0 of them."""

    unit: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """The run of the person's events of any type (but the ad server's own) with gaps of less than 30 minutes, while now
    is less than 30 minutes after its last; else empty."""


Window = Rolling | Absolute | Calendar | Session
EVER = Rolling(None)


@dataclass(frozen=True, slots=True)
class Count:
    tests: Numbers = (Test("gte", Decimal(1)),)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """sum, avg, min or max over all values of a numeric property. Over no value: sum is 0, the others are false."""

    function: str
    property: Property
    tests: Numbers


@dataclass(frozen=True, slots=True)
class UniqueValues:
    """How many different values of the property."""

    property: Property
    tests: Numbers


@dataclass(frozen=True, slots=True)
class UniquePeriods:
    """How many different days, weeks (from Monday) or months of the account's zone have an event."""

    period: str
    tests: Numbers


@dataclass(frozen=True, slots=True)
class Edge:
    """The values of the first or last event; events of that same instant count as one with the values of all. False
    without an event; an event without the property has the empty list of values."""

    last: bool
    property: Property
    values: Values


ZERO_OF_NOTHING = ("count", "sum", "uniqueCount")
"""Computed attributes that have a value without any event."""
Measure = Count | Aggregate | UniqueValues | UniquePeriods | Edge


@dataclass(frozen=True, slots=True)
class Computed:
    """A computed attribute: what `kind` takes of the person's events of the codes (`events` None: any but the ad
    server's own) that fit `where` and lie in the window. Its values are of `type`, newest first.

    count timeSinceLast firstTime lastTime   of the events, without a property; timeSinceLast in seconds
    sum avg min max                          over all numbers of the property; an average is rounded to 6 decimals
    uniqueCount                              how many different values
    first last lastList                      the oldest or the newest value, the `limit` newest different ones; of one
                                             instant those that come first in their event, then the least
    mostFrequent                             of equally frequent ones the newest, then the least

    count, sum and uniqueCount of nothing are 0, all others have no value then. `per`: an average divides by the events
    that fit it, not by the number of values."""

    kind: str
    type: str
    events: tuple[str, ...] | None
    where: Any
    window: Window
    property: Property | None = None
    limit: int = 1
    per: Any = None


@dataclass(frozen=True, slots=True)
class AttributeIs:
    """`attribute`: tests of a person's attribute; `unchanged`: and its whole list of values has been the same for so
    long (counted from first seen where it was never written). `computed`: how the values come from events."""

    name: str
    values: Values
    unchanged: timedelta | None = None
    computed: Computed | None = None


@dataclass(frozen=True, slots=True)
class Did:
    """`event`: a measure over the person's events of the codes (`events` None: any but the ad server's own) that fit
    `where` (All | AnyOf | Not | Where) and lie in the window."""

    events: tuple[str, ...] | None
    where: Any
    window: Window
    measure: Measure


@dataclass(frozen=True, slots=True)
class Step:
    """`within`: at most so long after the step before (inclusive). `absent` (the last only): no match strictly after
    the step before, within that time; true once it has passed; without `within`: none until now."""

    events: tuple[str, ...] | None
    where: Any
    within: timedelta | None
    absent: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    """Steps, each strictly later than the one before, all but an absent one in the window. `same`: properties whose
    values are present and equal in all steps' events, the absent one's included; per property and step, where the
    events named there declare it differently, `same` has the step's own view of it: same[i][k] is property i at step
    k."""

    steps: tuple[Step, ...]
    window: Window
    same: tuple[tuple[Property, ...], ...]


@dataclass(frozen=True, slots=True)
class InSegment:
    """Effective membership of the same person; `unchanged`: since at least so long, by the recorded entered_at."""

    name: str
    unchanged: timedelta | None


@dataclass(frozen=True, slots=True)
class Sample:
    """sha256(salt + ":" + bucket), first 8 bytes as big-endian integer mod 10,000 = value; start <= value/100 < end."""

    start: Decimal
    end: Decimal
    salt: str


Condition = All | AnyOf | Not | AttributeIs | Did | Sequence | InSegment | Sample


def leaves(node: Any) -> Iterator[Any]:
    """The leaves of a condition or of a `where`, from left to right."""
    if isinstance(node, All | AnyOf):
        for part in node.parts:
            yield from leaves(part)
    elif isinstance(node, Not):
        yield from leaves(node.part)
    elif node is not None:
        yield node


def event_leaves(rule: Condition) -> Iterator[Any]:
    """What a rule asks of events: Did, Sequence, and the Computed of attributes that come from events."""
    for leaf in leaves(rule):
        if isinstance(leaf, AttributeIs):
            if leaf.computed is not None:
                yield leaf.computed
        elif isinstance(leaf, Did | Sequence):
            yield leaf


def segments_named(rule: Condition) -> set[str]:
    return {leaf.name for leaf in leaves(rule) if isinstance(leaf, InSegment)}


def attributes_named(rule: Condition) -> set[str]:
    return {leaf.name for leaf in leaves(rule) if isinstance(leaf, AttributeIs)}


def only_gains(rule: Condition) -> bool:
    """Whether one more event never takes anybody out, now or at any later instant: a rule of at-least conditions."""
    match rule:
        case All(parts) | AnyOf(parts):
            return all(only_gains(part) for part in parts)
        case Did(window=window, measure=measure):
            return not isinstance(window, Session) and is_at_least(measure)
        case Sequence(steps, window):
            return not isinstance(window, Session) and not any(step.absent for step in steps)
        case Not() | AttributeIs():  # a reserved attribute is what the newest event says
            return not any(event_leaves(rule)) and not any(name.startswith("$") for name in attributes_named(rule))
    return True


GROWS, SHRINKS = {"gt", "gte"}, {"lt", "lte"}


def is_at_least(measure: Measure) -> bool:
    match measure:
        case Count(tests) | UniqueValues(_, tests) | UniquePeriods(_, tests):
            return GROWS.issuperset(test.op for test in tests)
        case Aggregate("max" | "min" as function, _, tests):
            return (GROWS if function == "max" else SHRINKS).issuperset(test.op for test in tests)
    return False
