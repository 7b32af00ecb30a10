"""Why a person is in a segment, or is not: the rule's tree, each node with its truth and what it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from dmp.segments import rules
from dmp.segments.evaluate import prepare
from dmp.segments.evaluate.computed import values
from dmp.segments.evaluate.matching import matcher, of_codes
from dmp.segments.evaluate.outcome import Outcome
from dmp.segments.evaluate.windows import span_of
from dmp.segments.facts import Attribute, Event, Facts
from dmp.segments.sentence import number, sentence

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Evidence:
    """A node of a rule: what it asks, whether it holds, until when at least it stays so by time alone (None: for ever),
    what it rests on in words, and its parts."""

    told: str
    holds: bool
    until: datetime | None
    rests_on: tuple[str, ...] = ()
    parts: "tuple[Evidence, ...]" = field(default=())


GROUPS = {rules.All: "All of these", rules.AnyOf: "At least one of these", rules.Not: "Not this"}


def explain(rule: rules.Condition, facts: Facts, now: datetime) -> Evidence:
    outcome: Outcome = prepare(rule)(facts, now)
    if isinstance(rule, rules.All | rules.AnyOf):
        parts = tuple(explain(part, facts, now) for part in rule.parts)
        return Evidence(GROUPS[type(rule)], *outcome, parts=parts)
    if isinstance(rule, rules.Not):
        return Evidence(GROUPS[rules.Not], *outcome, parts=(explain(rule.part, facts, now),))
    return Evidence(sentence(rule, facts.zone), *outcome, tuple(rests_on(rule, facts, now)))


def rests_on(leaf: Any, facts: Facts, now: datetime) -> list[str]:
    match leaf:
        case rules.AttributeIs():
            return of_attribute(leaf, facts, now)
        case rules.InSegment(name, _):
            entered_at = facts.segments.get(name)
            return [f"In “{name}” since {moment(entered_at, facts.zone)}." if entered_at else f"Not in “{name}”."]
        case rules.Did():
            return of_events(leaf, facts, now)
        case rules.Sequence():
            named = [of_codes(step.events) for step in leaf.steps]
            found = [e for e in facts.events if e.time <= now and any(is_named(e) for is_named in named)]
            return listed(found, facts.zone)
        case rules.Sample():
            return ["Drawn once for each person; it stays as it is."]
    return []


def of_attribute(leaf: rules.AttributeIs, facts: Facts, now: datetime) -> list[str]:
    known = facts.attributes.get(leaf.name)
    if leaf.computed is not None:
        known = Attribute(values(leaf.computed)(facts, now))
    if known is None or not known.values:
        told = f"“{leaf.name}” is not known."
    else:
        told = f"“{leaf.name}” is {', '.join(map(said_value, known.values))}."
    if known is None or known.changed is None:
        return [told]
    return [told, f"Unchanged since {moment(known.changed, facts.zone)}."]


def said_value(value: Any) -> str:
    return number(value) if isinstance(value, Decimal) else str(value)


def of_events(leaf: rules.Did, facts: Facts, now: datetime) -> list[str]:
    span = span_of(leaf.window, facts, now)
    is_named = of_codes(leaf.events)
    fits = matcher(leaf.where) if leaf.where is not None else None
    found = [
        event
        for event in facts.events
        if span is not None
        and span.first <= event.time <= span.last
        and is_named(event)
        and (fits is None or fits(event, facts.zone, now))
    ]
    return listed(found, facts.zone)


def listed(found: Sequence[Event], zone: tzinfo) -> list[str]:
    """The newest of the events, in words."""
    if not found:
        return ["No such event."]
    lines = [f"{event.code} on {moment(event.time, zone)}{said(event)}" for event in reversed(found[-SHOWN:])]
    count = f"{len(found)} such events" if len(found) > 1 else "One such event"
    newest = f", the newest {SHOWN}:" if len(found) > SHOWN else ":"
    return [count + newest, *lines]


def said(event: Event) -> str:
    values = [f"{name} {', '.join(str(v) for v in held)}" for name, held in event.values.items() if held]
    return f" ({'; '.join(values)[:200]})" if values else ""


def moment(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%-d %b %Y %H:%M:%S}"
