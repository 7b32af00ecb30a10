"""A sequence: events one after the other, the last perhaps missing."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dmp.segments import rules
from dmp.segments.evaluate.matching import matcher, of_codes, relative_instants, values_of
from dmp.segments.evaluate.outcome import Ask, Outcome, flip
from dmp.segments.evaluate.values import typed
from dmp.segments.evaluate.windows import span_of, window_instants
from dmp.segments.facts import Event, Facts

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
