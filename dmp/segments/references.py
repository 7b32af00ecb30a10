"""Segments whose rules name other segments: what may not be named, and what uses a segment.

Rules are looked at as JSON, so that one that can no longer be read does not hide what it names.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Model

from dmp.models import Segment
from dmp.segments.operands import RuleError, at

MAX_REFERENCES = 5
Uses = Callable[[UUID, str], Iterable[Model]]
"""(account, name of a segment) -> what uses it."""


def segments_in(rule: Any) -> Iterator[tuple[str, str]]:
    """(name, place) of each segment that a rule names, from left to right."""
    return named_in(rule, "segment")


def attributes_in(rule: Any) -> set[str]:
    return {name for name, _ in named_in(rule, "attribute")}


def named_in(rule: Any, leaf: str) -> Iterator[tuple[str, str]]:
    """(name, place) of what the conditions of a kind name, from left to right."""
    waiting = [(rule, "")]
    while waiting:
        node, place = waiting.pop()
        if not isinstance(node, dict):
            continue
        if isinstance(node.get(leaf), str):
            yield node[leaf], at(place, leaf)
        parts = [(node["not"], at(place, "not"))] if "not" in node else []
        for kind in ("all", "any"):
            found = node.get(kind)
            parts += [
                (part, f"{at(place, kind)}[{n}]") for n, part in enumerate(found if isinstance(found, list) else ())
            ]
        waiting += reversed(parts)


def check_references(name: str, rule: Any, rules_by_name: Mapping[str, Any]) -> None:
    """Refuses a rule for the segment `name` that would make a segment contain itself, or a chain of references of more
    than MAX_REFERENCES. Raises RuleError with the place of the first segment of the path."""
    known = {**rules_by_name, name: rule}
    named = {one: tuple(dict.fromkeys(found for found, _ in segments_in(known[one]))) for one in known}
    places: dict[str, str] = {}
    for found, place in segments_in(rule):
        places.setdefault(found, place)
    below: dict[str, list[str]] = {}
    longest: list[str] = []
    for found in named[name]:
        if circle := path(found, name, named):
            raise RuleError(places[found], f"A segment cannot contain itself: {arrows([name, *circle])}.")
        longest = max(longest, chain(found, named, below), key=len)
    users = {one: tuple(other for other in named if one in named[other]) for one in named}
    whole = [*reversed(chain(name, users, {})), *longest]
    if longest and len(whole) - 1 > MAX_REFERENCES:
        message = f"Segments name each other at most {MAX_REFERENCES} deep: {arrows(whole)}."
        raise RuleError(places[longest[0]], message)


def path(start: str, end: str, named: Mapping[str, Iterable[str]]) -> list[str]:
    """A way from one segment to another over what they name; empty when there is none."""
    came: dict[str, str | None] = {start: None}
    waiting = [start]
    while waiting and end not in came:
        one = waiting.pop()
        for other in named.get(one, ()):
            if other not in came:
                came[other] = one
                waiting.append(other)
    found: list[str] = []
    step = end if end in came else None
    while step is not None:
        found.append(step)
        step = came[step]
    return found[::-1]


def chain(name: str, named: Mapping[str, Iterable[str]], known: dict[str, list[str]]) -> list[str]:
    """The longest chain of references from `name` on, which is its first."""
    if name not in known:
        known[name] = [name]  # stops at a circle that stands elsewhere
        known[name] = [name, *max((chain(other, named, known) for other in named.get(name, ())), key=len, default=[])]
    return known[name]


def arrows(names: Iterable[str]) -> str:
    return " → ".join(f"“{name}”" for name in names)


# What uses a segment

_uses: list[Uses] = []


def register(uses: Uses) -> None:
    """A layer adds what of its own uses segments, once, when it is ready."""
    if uses not in _uses:
        _uses.append(uses)


def users_of(account: UUID, name: str) -> list[Model]:
    """What uses a segment: segments whose rules name it, then what each layer says."""
    return [*segments_naming(account, name), *(row for uses in _uses for row in uses(account, name))]


def segments_asking(account: UUID, attribute: str) -> list[Segment]:
    """Segments whose rules name an attribute."""
    rows = Segment.objects.filter(account=account, rule__isnull=False)
    return [row for row in rows if attribute in attributes_in(row.rule)]


def segments_naming(account: UUID, name: str) -> list[Segment]:
    rows = Segment.objects.filter(account=account, rule__isnull=False).exclude(name=name)
    return [row for row in rows if any(found == name for found, _ in segments_in(row.rule))]
