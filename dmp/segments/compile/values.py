"""Tests of values in SQL. A list of values is an SQL array of its type, the empty one when missing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import re2

from dmp.segments.folding import LOWER, fold
from dmp.segments.rules import RELATIVE, Property, Test, Values

KINDS = {"text": "text", "number": "numeric", "boolean": "boolean", "date": "date", "datetime": "timestamptz"}
"""Types of values in SQL."""
FROM_JSON = {
    "text": "CASE WHEN jsonb_typeof(j) = 'string' THEN j #>> '{}' END",
    "number": "CASE WHEN jsonb_typeof(j) = 'number' THEN (j #>> '{}')::numeric END",
    "boolean": "CASE WHEN jsonb_typeof(j) = 'boolean' THEN (j #>> '{}')::boolean END",
    "date": "CASE WHEN jsonb_typeof(j) = 'string' THEN dmp_date(j #>> '{}') END",
    "datetime": "CASE WHEN jsonb_typeof(j) = 'string' THEN dmp_time(j #>> '{}') END",
}
SIGNS = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
NEVER = "NULL::timestamptz"


@dataclass
class Names:
    """Collects the parameters of a statement. `now` and `zone` are always there. `settled`: no event lies ahead."""

    now: datetime
    zone: ZoneInfo
    values: dict[str, Any] = field(default_factory=dict)
    settled: bool = False

    def __post_init__(self) -> None:
        self.values |= {"now": self.now, "zone": self.zone.key}

    def add(self, value: Any, kind: str) -> str:
        """A new parameter, typed."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"%({name})s::{kind}"


def from_json(expression: str, type: str) -> str:
    """The values of a JSON list or scalar; those of another type are none."""
    return f"""ARRAY(SELECT v FROM (SELECT {FROM_JSON[type]} AS v FROM jsonb_array_elements(
        CASE jsonb_typeof({expression}) WHEN 'array' THEN {expression} WHEN 'null' THEN '[]'::jsonb
        ELSE coalesce(jsonb_build_array({expression}), '[]') END) j) x WHERE v IS NOT NULL)"""


def of_property(found: Property, names: Names, event: str = "e") -> str:
    """The values of an event's property."""
    if found.column is None:
        name = names.add(found.name, "text")
        values = (
            f"CASE WHEN {event}.properties ? {name} THEN {from_json(f'({event}.properties -> {name})', found.type)} END"
        )
        values = f"coalesce({values}, '{{}}'::{KINDS[found.type]}[])"
    elif found.column == "purchased_items":
        values = f"coalesce({event}.purchased_items, '{{}}'::text[])"
    else:
        values = f"array_remove(ARRAY[{event}.{found.column}::{KINDS[found.type]}], NULL)"
    if found.declared_by is None:
        return values
    codes = names.add(sorted(found.declared_by), "text[]")
    return f"CASE WHEN {event}.event = ANY({codes}) THEN {values} ELSE '{{}}' END"


def is_scalar(found: Property) -> bool:
    return found.column is not None and found.column != "purchased_items"


def scalar_of(found: Property, names: Names, codes: Sequence[str] | None, event: str = "e") -> str:
    """A property with a column of its own; NULL when missing. `codes`: the event codes that are asked anyway."""
    column = f"{event}.{found.column}"
    if found.declared_by is None or (codes is not None and set(codes) <= found.declared_by):
        return column
    declared = names.add(sorted(found.declared_by), "text[]")
    return f"(CASE WHEN {event}.event = ANY({declared}) THEN {column} END)"


def operand(test: Test, type: str, names: Names) -> str:
    kind = KINDS[type]
    if isinstance(test.operand, tuple):
        return names.add(list(test.operand), f"{kind}[]")
    return names.add(test.operand, kind)


def bounded(value: str, tests: Sequence[Test], kind: str, names: Names) -> str:
    """Whether one value satisfies comparisons."""
    return " AND ".join(f"{value} {SIGNS[test.op]} {names.add(test.operand, kind)}" for test in tests)


def holds(array: str, wanted: Values, names: Names, matching: Callable[[str], list[str]]) -> str:
    """Whether an array satisfies all tests; `matching` gives the values that fit a regular expression."""
    parts = [one(array, test, wanted.type, names, matching) for test in wanted.others]
    if wanted.bounds:
        condition = bounded("v", wanted.bounds, KINDS[wanted.type], names)
        parts.append(f"EXISTS (SELECT FROM unnest({array}) v WHERE {condition})")
    return f"({' AND '.join(parts)})"


def one(array: str, test: Test, type: str, names: Names, matching: Callable[[str], list[str]]) -> str:
    if test.op == "exists":
        return f"(cardinality({array}) > 0) = {names.add(test.operand, 'boolean')}"
    if test.op == "size":
        return f"({bounded(f'cardinality({array})', test.operand, 'numeric', names)})"
    if test.op in RELATIVE:
        return f"EXISTS (SELECT FROM unnest({array}) v WHERE {relative(test, type, names)})"
    if test.op == "matches":
        fitting = names.add(matching(test.operand), "text[]")  # = ANY looks up in a hash table, && compares with each
        return f"EXISTS (SELECT FROM unnest({array}) v WHERE v = ANY({fitting}))"
    if test.op in TEXT:
        return f"EXISTS (SELECT FROM unnest({array}) v WHERE {TEXT[test.op]('v', test, names)})"
    given = operand(test, type, names)
    return LISTS[test.op].format(array=array, given=given)


LISTS = {
    "eq": "{given} = ANY({array})",
    "ne": "NOT ({given} = ANY({array}))",
    "in": "{array} && {given}",
    "nin": "NOT ({array} && {given})",
    "hasAll": "{array} @> {given}",
}


def contains(value: str, test: Test, names: Names) -> str:
    """Only what becomes a character of the needle is folded, as translate() compares with each of its table: the whole
    one takes 100 times as long. No folded character is one that is folded, so that the answer is the same."""
    needle = fold(test.operand)
    wanted = set(needle)
    pairs = [(upper, lower) for upper, lower in LOWER.items() if lower in wanted]
    tables = (names.add("".join(characters), "text") for characters in zip(*pairs, strict=True)) if pairs else ()
    folded = f"translate({', '.join((value, *tables))})" if pairs else value
    return f"strpos({folded}, {names.add(needle, 'text')}) > 0"


TEXT: dict[str, Callable[[str, Test, Names], str]] = {
    "contains": contains,
    "startsWith": lambda value, test, names: f"starts_with({value}, {names.add(test.operand, 'text')})",
    "endsWith": lambda value, test, names: (
        f"right({value}, {names.add(len(test.operand), 'int')}) = {names.add(test.operand, 'text')}"
    ),
}


def scalar_holds(value: str, wanted: Values, names: Names, matching: Callable[[str], list[str]]) -> str:
    """The same for a column that holds one value or NULL: in the forms that indexes and statistics know."""
    kind = KINDS[wanted.type]
    parts = []
    for test in wanted.others:
        if test.op in ("eq", "ne"):
            sign = "=" if test.op == "eq" else "IS DISTINCT FROM"
            parts.append(f"{value} {sign} {names.add(test.operand, kind)}")
        elif test.op in ("in", "nin"):
            found = f"coalesce({value} = ANY({names.add(list(test.operand), f'{kind}[]')}), false)"
            parts.append(found if test.op == "in" else f"NOT {found}")
        elif test.op == "exists":
            parts.append(f"{value} IS {'NOT ' if test.operand else ''}NULL")
        elif test.op == "matches":
            parts.append(f"{value} = ANY({names.add(matching(test.operand), 'text[]')})")
        elif test.op in TEXT:
            parts.append(TEXT[test.op](value, test, names))
        else:
            parts.append(one(f"array_remove(ARRAY[{value}], NULL)", test, wanted.type, names, matching))
    if wanted.bounds:
        parts.append(bounded(value, wanted.bounds, kind, names))
    return f"coalesce({' AND '.join(parts)}, false)"


# Tests that look at now


def instant(type: str) -> str:
    """The instant that a value v stands for: of a date the first that carries it in the zone."""
    return "v" if type == "datetime" else day_start("v")


def day_start(day: str) -> str:
    """The first instant that carries the date. Of two midnights AT TIME ZONE takes the later one; where there is none,
    it gives the change of the clock itself."""
    midnight = f"(({day})::timestamp AT TIME ZONE %(zone)s)"
    before = f"({midnight} - interval '1 hour')"
    return f"(CASE WHEN ({before} AT TIME ZONE %(zone)s)::date = {day} THEN {before} ELSE {midnight} END)"


def relative(test: Test, type: str, names: Names) -> str:
    length = names.add(test.operand, "interval")
    at = instant(type)
    if test.op == "last":
        return f"{at} > %(now)s - {length} AND {at} <= %(now)s"
    if test.op == "next":
        return f"{at} > %(now)s AND {at} <= %(now)s + {length}"
    today = names.now.astimezone(names.zone).date()
    end = (names.now + test.operand).astimezone(names.zone).date()
    if (end - today).days >= 366:
        return "true"
    days = names.add([f"{(today + timedelta(n)):%m-%d}" for n in range((end - today).days + 1)], "text[]")
    local = "v" if type == "date" else "(v AT TIME ZONE %(zone)s)"
    told = f"to_char({local}, 'MM-DD')"
    return f"(CASE {told} WHEN '02-29' THEN '03-01' ELSE {told} END) = ANY({days})"


def next_change(array: str, wanted: Values, names: Names) -> str:
    """The first instant after now at which a test that looks at now can change for these values; NULL for none."""
    found = []
    for test in wanted.tests:
        if test.op in ("last", "next"):
            length, at = names.add(test.operand, "interval"), instant(wanted.type)
            other = f"{at} + {length}" if test.op == "last" else f"{at} - {length}"
            found.append(
                f"(SELECT min(c) FROM unnest({array}) v, LATERAL (VALUES ({at}), ({other})) x(c) WHERE c > %(now)s)"
            )
        elif test.op == "anniversary" and test.operand < timedelta(days=366):
            found.append(next_anniversary(array, test, wanted.type, names))
    return f"least({', '.join(found)})" if found else NEVER


def next_anniversary(array: str, test: Test, type: str, names: Names) -> str:
    """When the date of now + ahead first reaches one of the values' days, or today's passes it."""
    years = names.now.astimezone(names.zone).year, (names.now + test.operand).astimezone(names.zone).year + 1
    first, last = (names.add(year, "int") for year in years)
    local = "v" if type == "date" else "(v AT TIME ZONE %(zone)s)"
    ahead = names.add(test.operand, "interval")
    return f"""(SELECT min(c) FROM unnest({array}) v, generate_series({first}, {last}) y,
        LATERAL (SELECT CASE to_char({local}, 'MM-DD') WHEN '02-29' THEN make_date(y, 3, 1)
            ELSE make_date(y, extract(month FROM {local})::int, extract(day FROM {local})::int) END AS day OFFSET 0) d,
        LATERAL (VALUES ({day_start("d.day")} - {ahead}), ({day_start("(d.day + 1)")})) x(c)
        WHERE c > %(now)s)"""  # noqa: S608


def matching(pattern: str, values: Sequence[str]) -> list[str]:
    expression = re2.compile(pattern)
    return [value for value in values if expression.search(value)]
