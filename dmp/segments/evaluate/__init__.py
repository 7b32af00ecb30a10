"""One person: is it in, and when could that change by time alone? Pure: plain values and `now` in, no query, no clock.

A leaf's truth is constant between the instants at which something comes into its window, leaves it or runs out, and
holds from such an instant on. So the next check is the first of them at which the truth is another; after PROBES of
them the next one is taken, which is early at most.

Groups: while a part of `all` is false and stays so, the whole is false; so it can change only when every part that is
false could have. `any` likewise with the parts that are true.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from dmp.segments import rules
from dmp.segments.evaluate.computed import computed_attribute
from dmp.segments.evaluate.events import did
from dmp.segments.evaluate.outcome import Ask, Outcome, earliest, flip
from dmp.segments.evaluate.sequences import sequence
from dmp.segments.evaluate.values import checker, value_instants
from dmp.segments.facts import Facts


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
            return attribute(rule) if rule.computed is None else computed_attribute(rule)
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
