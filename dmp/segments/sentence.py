"""A rule told as one English sentence, for those who never look at its JSON."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, NamedTuple

from dmp.segments import rules
from dmp.segments.rules import BOUNDS, Numbers, Test, Values


class Words(NamedTuple):
    """How an operator is said of a value, and how it is said that it does not hold."""

    holds: str
    fails: str


TESTS = {
    "eq": Words("is {}", "is not {}"),
    "ne": Words("is not {}", "is {}"),
    "in": Words("is one of {}", "is none of {}"),
    "nin": Words("is none of {}", "is one of {}"),
    "gt": Words("is more than {}", "is not more than {}"),
    "gte": Words("is at least {}", "is not at least {}"),
    "lt": Words("is less than {}", "is not less than {}"),
    "lte": Words("is at most {}", "is not at most {}"),
    "contains": Words("contains {}", "does not contain {}"),
    "startsWith": Words("starts with {}", "does not start with {}"),
    "endsWith": Words("ends with {}", "does not end with {}"),
    "matches": Words("matches the pattern {}", "does not match the pattern {}"),
    "hasAll": Words("has all of {}", "does not have all of {}"),
    "size": Words("has {}", "does not have {}"),
    "last": Words("is in the last {}", "is not in the last {}"),
    "next": Words("is in the next {}", "is not in the next {}"),
    "anniversary": Words("has its anniversary in the next {}", "does not have its anniversary in the next {}"),
}
KNOWN = Words("is known", "is not known")
TIMES = {
    "gt": Words("is after {}", "is not after {}"),
    "gte": Words("is {} or later", "is not {} or later"),
    "lt": Words("is before {}", "is not before {}"),
    "lte": Words("is {} or earlier", "is not {} or earlier"),
}
"""Said of a date or datetime instead."""
NUMBERS = {
    "eq": "exactly {}",
    "ne": "not exactly {}",
    "gt": "more than {}",
    "gte": "at least {}",
    "lt": "less than {}",
    "lte": "at most {}",
}
AGGREGATES = {"sum": "a sum of", "avg": "an average of", "min": "a smallest", "max": "a largest"}
CALENDAR = {
    "day": ("today", "yesterday"),
    **{unit: (f"this {unit}", f"last {unit}") for unit in ("week", "month", "year")},
}
UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
LISTED = 8
"""Of a longer list the first of so many are said."""
PLAIN = re.compile(r"[\w$./@:#&%+-]+")
"""A text that needs no quotes."""


def sentence(rule: rules.Condition, zone: tzinfo = UTC) -> str:
    """What must be true of a person, such as “did purchase in the last 30 days, and country is none of tr”. Times are
    told in `zone`."""
    return Teller(zone).condition(rule, outermost=True)


def conditions_in_words(node: Any, zone: tzinfo = UTC) -> str:
    """What must be true of an event, such as “price is at least 50 and brand is Acme”."""
    return Teller(zone).part(node, outermost=True)


def computed_in_words(leaf: rules.Computed, zone: tzinfo = UTC) -> str:
    """What a computed attribute is, such as “Sum of orderTotal over all purchase events in the last 30 days”."""
    teller = Teller(zone)
    events = f"{events_said(leaf.events)} events" if leaf.events else "events of any kind"
    told = TAKEN[leaf.kind].format(of=leaf.property.name if leaf.property else "", events=events, limit=leaf.limit)
    return joined(told, teller.window(leaf.window), teller.where(leaf.where))


TAKEN = {
    "count": "How many {events}",
    "sum": "Sum of {of} over all {events}",
    "avg": "Average of {of} over all {events}",
    "min": "Smallest {of} of all {events}",
    "max": "Largest {of} of all {events}",
    "first": "{of} of the first {events}",
    "last": "{of} of the newest {events}",
    "lastList": "{of} of the newest {events}, up to {limit}, each once",
    "uniqueCount": "How many different {of} in all {events}",
    "mostFrequent": "The most frequent {of} of all {events}",
    "timeSinceLast": "Seconds since the newest of the {events}",
    "firstTime": "When the first of the {events} came",
    "lastTime": "When the newest of the {events} came",
}


class Teller:
    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone

    # Conditions

    def condition(self, node: rules.Condition, *, outermost: bool = False) -> str:
        match node:
            case rules.All(parts) | rules.AnyOf(parts) if len(parts) == 1:
                return self.condition(parts[0], outermost=outermost)
            case rules.All(parts):
                return bracketed(", and ".join(map(self.condition, parts)), outermost)
            case rules.AnyOf(parts):
                return bracketed(f"either {', or '.join(map(self.condition, parts))}", outermost)
            case rules.Not(rules.Not(part)):
                return self.condition(part, outermost=outermost)
            case rules.Not(part):
                return self.opposite(part)
            case rules.Sequence():
                return bracketed(self.sequence(node), outermost)
            case _:
                return self.leaf(node)

    def leaf(self, node: Any) -> str:
        match node:
            case rules.AttributeIs(name, values, None):
                return f"{name} {self.values(values)}"
            case rules.AttributeIs(name, values, timedelta() as unchanged):
                return f"{name} {self.values(values)} and has not changed for {length(unchanged)}"
            case rules.InSegment(name, None):
                return f"is in the segment {quoted(name)}"
            case rules.InSegment(name, timedelta() as unchanged):
                return f"has been in the segment {quoted(name)} for {length(unchanged)}"
            case rules.Sample(start, end, salt):
                share, of = number(end - start), f", salt {quoted(salt)}" if salt else ""
                return f"is in a random {share}% of people (from {number(start)} to {number(end)}{of})"
            case _:
                return self.did(node)

    def opposite(self, node: Any) -> str:
        """Of a condition that must not hold; in brackets where no shorter words say it exactly."""
        match node:
            case rules.AttributeIs(name, Values(_, (test,)) as values, None):
                return f"{name} {self.test(test, values.type, holds=False)}"
            case rules.InSegment(name, None):
                return f"is not in the segment {quoted(name)}"
            case rules.Did(_, where, window, measure) if measure == rules.Count():
                no = "no " + events_said(node.events) if node.events else "nothing"
                told = f"never did {events_said(node.events)}" if window == rules.EVER else f"did {no}"
                return joined(told, self.window(window), self.where(where))
            case rules.All((part,)) | rules.AnyOf((part,)):
                return self.condition(rules.Not(part))
            case _:
                return f"not ({self.condition(node, outermost=True)})"

    # Events

    def did(self, node: rules.Did) -> str:
        events, window, where = events_said(node.events), self.window(node.window), self.where(node.where)
        match node.measure:
            case rules.Count(tests):
                often = "" if node.measure == rules.Count() else counted(tests, "time")
                return joined("did", events, often, window, where)
            case rules.Aggregate(function, property, tests):
                told = f"has {AGGREGATES[function]} {property.name} of {numbers(tests)}"
                return joined(told, "over", events, window, where)
            case rules.UniqueValues(property, tests):
                told = f"has {counted(tests, 'different value')} of {property.name}"
                return joined(told, "over", events, window, where)
            case rules.UniquePeriods(period, tests):
                on = "on" if period == "day" else "in"
                return joined("did", events, on, counted(tests, f"different {period}"), window, where)
            case rules.Edge(last, property, values):
                end = "last" if last else "first"
                told = joined(f"in the {end}", events, window, where and f"({where})")
                return f"{told} {property.name} {self.values(values)}"

    def sequence(self, node: rules.Sequence) -> str:
        told = f"did {', then '.join(map(self.step, node.steps))}"
        same = words([views[0].name for views in node.same])
        return ", ".join(
            part for part in (told, same and f"all with the same {same}", self.window(node.window)) if part
        )

    def step(self, node: rules.Step) -> str:
        within = f"within {length(node.within)}" if node.within else ""
        events = events_said(node.events)
        if node.absent:
            return joined("no", events, within or "since", self.where(node.where))
        return joined(events, within, self.where(node.where))

    def where(self, node: Any) -> str:
        return f"where {self.part(node)}" if node else ""

    def part(self, node: Any, *, outermost: bool = False) -> str:
        """A part of a `where`."""
        match node:
            case rules.All((part,)) | rules.AnyOf((part,)) | rules.Not(rules.Not(part)):
                return self.part(part, outermost=outermost)
            case rules.All(parts):
                return bracketed(" and ".join(map(self.part, parts)), outermost)
            case rules.AnyOf(parts):
                return bracketed(" or ".join(map(self.part, parts)), outermost)
            case rules.Not(rules.Where(property, Values(type, (test,)))):
                return f"{property.name} {self.test(test, type, holds=False)}"
            case rules.Not(part):
                return f"not ({self.part(part, outermost=True)})"
            case rules.Where(property, values):
                return f"{property.name} {self.values(values)}"
            case rules.OfEvent(events, where):
                return joined(f"the event is {events_said(events)}", self.where(where))
        raise TypeError(node)

    def window(self, node: rules.Window) -> str:
        match node:
            case rules.Session():
                return "in this session"
            case rules.Rolling(None, until):
                return f"{length(until)} ago or earlier" if until else ""
            case rules.Rolling(timedelta() as since, until):
                return f"between {length(since)} and {length(until)} ago" if until else f"in the last {length(since)}"
            case rules.Absolute(after, before):
                start = f"from {self.instant(after)} {'and' if before else 'on'}" if after else ""
                return joined(start, f"before {self.instant(before)}" if before else "")
            case rules.Calendar(unit, offset) if offset >= -1:
                return CALENDAR[unit][-offset]
            case rules.Calendar(unit, offset):
                return f"in the calendar {unit} {plural(Decimal(-offset), unit)} ago"
        raise TypeError(node)

    # Values

    def values(self, values: Values) -> str:
        return " and ".join(self.test(test, values.type) for test in values.tests)

    def test(self, test: Test, type: str, *, holds: bool = True) -> str:
        if test.op == "exists":
            return KNOWN.holds if test.operand is holds else KNOWN.fails
        table = TIMES if type in ("date", "datetime") and test.op in BOUNDS else TESTS
        said = table[test.op].holds if holds else table[test.op].fails
        return said.format(self.operand(test))

    def operand(self, test: Test) -> str:
        if test.op == "size":
            return counted(test.operand, "value")
        if isinstance(test.operand, tuple):
            return words([self.scalar(item) for item in test.operand])
        return self.scalar(test.operand)

    def scalar(self, value: Any) -> str:
        match value:
            case bool():
                return "true" if value else "false"
            case Decimal():
                return number(value)
            case timedelta():
                return length(value)
            case datetime():
                return self.instant(value)
            case date():
                return day(value)
            case _:
                return quoted(str(value))

    def instant(self, value: datetime) -> str:
        local = value.astimezone(self.zone)
        if (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0):
            return day(local)
        clock = "minutes" if not (local.second or local.microsecond) else "auto"
        return f"{day(local)} {local.time().isoformat(clock)}"


# Pieces


def joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def bracketed(text: str, outermost: bool) -> str:
    return text if outermost else f"({text})"


def words(items: Sequence[str]) -> str:
    rest = len(items) - LISTED
    return ", ".join(items) if rest <= 0 else f"{', '.join(items[:LISTED])} and {rest:,} more"


def quoted(text: str) -> str:
    return text if PLAIN.fullmatch(text) else f"“{text}”"


def events_said(codes: Sequence[str] | None) -> str:
    return "anything" if codes is None else " or ".join(codes)


def number(value: Decimal) -> str:
    return f"{value.normalize():,f}" if abs(value.adjusted()) < 20 else str(value)


def numbers(tests: Numbers) -> str:
    return " and ".join(NUMBERS[test.op].format(number(test.operand)) for test in tests)


def plural(value: Decimal, noun: str) -> str:
    return f"{number(value)} {noun}{'' if value == 1 else 's'}"


def counted(tests: Numbers, noun: str) -> str:
    """“at least 2 and at most 4 values”."""
    return f"{numbers(tests)} {noun}{'' if tests[-1].operand == 1 else 's'}"


def day(value: date) -> str:
    return f"{value.day} {value:%B} {value.year}"


def length(span: timedelta) -> str:
    """In the largest unit that says it exactly: 90 days, 36 hours, 1 minute."""
    seconds = span.days * 86400 + span.seconds
    noun, size = next((noun, size) for noun, size in UNITS if seconds % size == 0)
    return plural(Decimal(seconds // size), noun)
