"""Leaves that ask of events, each as a relation (person, ok, next) of those who have anything in reach of the window.

`next` is the first instant after now at which the content of the window changes, which is early at most; NULL when it
does not. Changes that cannot turn the answer are left out where that is simple: a build keeps a row for each `next`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from dmp.segments import rules
from dmp.segments.compile.values import (
    KINDS,
    NEVER,
    SIGNS,
    Names,
    bounded,
    holds,
    is_scalar,
    next_change,
    of_property,
    scalar_holds,
    scalar_of,
)
from dmp.segments.compile.windows import OWN, Bounds, bounds_of, coming, first_of, only, soonest

DAYS = {"day": 1, "week": 7}
BITS = 62
"""So many days or weeks are counted as the bits of a number, which needs neither a sort nor a row for each."""


@dataclass
class Leaf:
    """`relation`: SELECT person, ok, next; `empty`: whether it holds for those who are not in it."""

    relation: str
    empty: bool


def named(events: tuple[str, ...] | None, names: Names) -> str:
    return OWN if events is None else f"e.event = ANY({names.add(list(events), 'text[]')})"


def where_sql(where: Any, events: tuple[str, ...] | None, names: Names, matching: Any) -> str:
    match where:
        case None:
            return "true"
        case rules.All(parts):
            return "(" + " AND ".join(where_sql(part, events, names, matching) for part in parts) + ")"
        case rules.AnyOf(parts):
            return "(" + " OR ".join(where_sql(part, events, names, matching) for part in parts) + ")"
        case rules.Not(part):
            return f"NOT {where_sql(part, events, names, matching)}"
        case rules.Where(found, wanted):
            fitting = matching(found)
            if is_scalar(found):
                return scalar_holds(scalar_of(found, names, events), wanted, names, fitting)
            return holds(of_property(found, names), wanted, names, fitting)
    raise TypeError(where)


def relative_where(where: Any, names: Names) -> str:
    """When a test of an event's properties that looks at now can change; NEVER where none does."""
    changes = [
        next_change(of_property(leaf.property, names), leaf.values, names)
        for leaf in rules.leaves(where)
        if leaf.values.is_relative
    ]
    return f"least({', '.join(changes)})" if changes else NEVER


class Group(NamedTuple):
    """The events that a measure is over: FROM `events` WHERE `codes` AND `condition`; those of them that are `inside`
    the window now. Aggregates over all of them: `next`, when that changes, and `coming`, when one happens that lies
    ahead."""

    events: str
    codes: str
    condition: str
    inside: str
    next: str
    coming: str
    window: Bounds
    moving: bool
    """Whether an event may come to fit, or cease to, by time alone."""

    @property
    def where(self) -> str:
        return both(self.codes, self.condition)


class Measured(NamedTuple):
    """Aggregates over a group."""

    group: Group
    ok: str
    next: str


def did(leaf: rules.Did, names: Names, matching: Any) -> Leaf:
    """A measure over the events in a window."""
    if isinstance(leaf.measure, rules.Edge) and not at_edge(leaf.measure):
        return edge(leaf.measure, leaf.events, names, group_of(leaf, names, matching), matching)
    return Leaf(relation([measured(leaf, names, matching)]), holds_for_nothing(leaf.measure))


def relation(columns: Sequence[Measured]) -> str:
    """(person, ok, next), of several measures that share their scan (person, ok0, next0, ok1, ...)."""
    numbers = range(len(columns)) if len(columns) > 1 else ("",)
    told = [f"{one.ok} AS ok{n}, {one.next} AS next{n}" for n, one in zip(numbers, columns, strict=True)]
    group = columns[0].group
    reach = " OR ".join(dict.fromkeys(one.group.condition for one in columns))
    return f"""SELECT e.person, {", ".join(told)} FROM {group.events} WHERE {both(group.codes, f"({reach})")}
        GROUP BY e.person"""  # noqa: S608


def can_share(leaf: rules.Did) -> bool:
    """Whether its measure can stand beside others in one scan of the same codes."""
    if isinstance(leaf.window, rules.Session):
        return False
    match leaf.measure:
        case rules.Count():
            return True
        case rules.Aggregate(_, found):
            return is_scalar(found)
        case rules.Edge():
            return at_edge(leaf.measure)
    return False


def group_of(leaf: rules.Did, names: Names, matching: Any, *, shared: bool = False) -> Group:
    """`shared`: the scan is of others too."""
    window = bounds_of(leaf.window, names)
    fits = where_sql(leaf.where, leaf.events, names, matching)
    moving = relative_where(leaf.where, names)
    if moving == NEVER:
        condition, inside = both(window.reach, fits), window.inside
    else:  # what does not fit now may later
        condition, inside = window.reach, both(window.inside, fits)
    among = condition if shared else "true"
    return Group(
        f"did e {window.join}",
        named(leaf.events, names),
        condition,
        both(among, inside),
        soonest(window, names, moving, among=among),
        coming(names, among),
        window,
        moving != NEVER,
    )


def measured(leaf: rules.Did, names: Names, matching: Any, *, shared: bool = False) -> Measured:
    """`shared`: each aggregate looks at its own events of the scan."""
    group = group_of(leaf, names, matching, shared=shared)
    if isinstance(leaf.measure, rules.Edge):
        return Measured(group, edge_fits(leaf.measure, leaf.events, group, names), group.next)
    inside, leaves = group.inside, group.window.leaves
    group, ok = over(leaf, group, names)
    if not isinstance(leaf.window, rules.Rolling) or leaf.window.until or group.moving:
        return Measured(group, ok, group.next)
    if leaves and is_once(leaf.measure):
        newest = f"max(e.time){only(inside)} + {names.add(leaves, 'interval')}"
        return Measured(group, ok, first_of([group.coming, newest]))
    steady = unmoved_by_leaving(leaf, ok, inside, names)
    return Measured(group, ok, f"CASE WHEN {steady} THEN {group.coming} ELSE {group.next} END")


def both(one: str, other: str) -> str:
    return " AND ".join(part for part in (one, other) if part != "true") or "true"


def is_once(measured: rules.Measure) -> bool:
    """“At least one”: it holds until the newest event leaves. Of “at least two” the n-th newest would have to be found,
    by a sort: there the first that leaves is taken, and who is looked at then gets the exact instant."""
    return isinstance(measured, rules.Count) and [(test.op, test.operand) for test in measured.tests] == [("gte", 1)]


def in_bits(unit: str, window: Bounds, names: Names) -> str | None:
    """A bit for the day or week of an event, in a window that is short enough for a number."""
    if unit not in DAYS or window.since is None:
        return None
    first = (window.since - timedelta(days=2)).date()
    first -= timedelta(days=first.weekday())
    if (names.now.date() + timedelta(days=2) - first).days // DAYS[unit] > BITS:
        return None
    day = f"(e.time AT TIME ZONE %(zone)s)::date - {names.add(first, 'date')}"
    return f"1::bigint << ({day}) / {DAYS[unit]}"


def each_once(group: Group, value: str, tests: rules.Numbers, names: Names) -> tuple[Group, str]:
    """A row for each value of a person, then their count: `count(DISTINCT ...)` would sort all events."""
    inside = "true" if group.inside == "true" else f"bool_or({group.inside})"
    events = f"""(SELECT e.person, {value} AS v, {inside} AS inside, {group.next} AS next, {group.coming} AS coming
        FROM {group.events} WHERE {group.where} GROUP BY e.person, {value}) e"""  # noqa: S608
    once = group._replace(
        events=events,
        codes="true",
        condition="true",
        inside="true" if inside == "true" else "e.inside",
        next="min(e.next)",
        coming="min(e.coming)",
    )
    return once, bounded(f"count(e.v){only(once.inside)}", tests, "numeric", names)


def unmoved_by_leaving(leaf: rules.Did, ok: str, inside: str, names: Names) -> str:
    """Whether the answer stays the same while events only leave: what falls with each never reaches a least that it is
    below, and never exceeds a most that it keeps to. A sum falls if no value is negative."""
    measured = leaf.measure
    assert not isinstance(measured, rules.Edge)
    ops = {test.op for test in measured.tests}
    least, most = ops <= {"gt", "gte"}, ops <= {"lt", "lte"}
    match measured:
        case rules.Aggregate("sum", found):
            value, _ = each_value(found, leaf.events, names)
            none_negative = f"NOT coalesce(bool_or({value} < 0){only(inside)}, false)"
            return f"{'NOT ' if least else ''}({ok}) AND {none_negative}" if least or most else "false"
        case rules.Aggregate(function):
            rises_never = (function == "max" and least) or (function == "min" and most)
            return f"NOT ({ok})" if rises_never else "false"
        case _:
            return f"{'NOT ' if least else ''}({ok})" if least or most else "false"


def over(leaf: rules.Did, group: Group, names: Names) -> tuple[Group, str]:
    """The truth as an aggregate, and the group that it is over."""
    filtered = only(group.inside)
    match leaf.measure:
        case rules.Count(tests):
            return group, bounded(f"count(*){filtered}", tests, "numeric", names)
        case rules.UniquePeriods(unit, tests):
            if bits := in_bits(unit, group.window, names):
                count = f"coalesce(bit_count(bit_or({bits}){filtered}::bit(64)), 0)"
                return group, bounded(count, tests, "numeric", names)
            return each_once(group, f"date_trunc('{unit}', e.time AT TIME ZONE %(zone)s)", tests, names)
        case rules.UniqueValues(found, tests):
            value, joined = each_value(found, leaf.events, names)
            return each_once(group._replace(events=f"{group.events} {joined}"), value, tests, names)
        case rules.Aggregate(function, found, tests):
            value, joined = each_value(found, leaf.events, names)
            ok = compared(f"{function}({value}){filtered}", f"count({value}){filtered}", leaf.measure, names)
            return group._replace(events=f"{group.events} {joined}"), ok
    raise TypeError(leaf.measure)


def compared(value: str, count: str, asked: rules.Aggregate, names: Names) -> str:
    if asked.function == "sum":
        return bounded(f"coalesce({value}, 0)", asked.tests, "numeric", names)
    if asked.function == "avg":  # without a division, which would round
        total = "sum" + value.removeprefix("avg")
        tests = [f"{total} {SIGNS[test.op]} {names.add(test.operand, 'numeric')} * {count}" for test in asked.tests]
        return f"coalesce({' AND '.join(tests)}, false)"
    return f"coalesce({bounded(value, asked.tests, 'numeric', names)}, false)"


def each_value(found: rules.Property, events: tuple[str, ...] | None, names: Names) -> tuple[str, str]:
    """A value of the property, and the join that makes a row of each where there may be several."""
    if is_scalar(found):
        return scalar_of(found, names, events), ""
    return "u.v", f"LEFT JOIN LATERAL unnest({of_property(found, names)}) u(v) ON true"


def holds_for_nothing(measured: rules.Measure) -> bool:
    """Whether the measure of no event satisfies the tests."""
    if isinstance(measured, rules.Edge) or (isinstance(measured, rules.Aggregate) and measured.function != "sum"):
        return False
    return all(COMPARE[test.op](0, test.operand) for test in measured.tests)


COMPARE: dict[str, Any] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
"""Its own: a fault in the other executor's must not be here too."""


def at_edge(measured: rules.Edge) -> bool:
    """Whether it only asks that one of the values at the edge lies between bounds."""
    return is_scalar(measured.property) and bool(measured.values.bounds) and not measured.values.others


def edge_fits(measured: rules.Edge, events: tuple[str, ...] | None, group: Group, names: Names) -> str:
    """One of those at the edge fits where the edge of those that fit is that of all."""
    end = f"{'max' if measured.last else 'min'}(e.time)"
    value = scalar_of(measured.property, names, events)
    fits = both(group.inside, bounded(value, measured.values.bounds, KINDS[measured.property.type], names))
    return f"coalesce({end}{only(fits)} = {end}{only(group.inside)}, false)"


def edge(measured: rules.Edge, events: tuple[str, ...] | None, names: Names, group: Group, matching: Any) -> Leaf:
    """The values of the first or last events, those of one instant together."""
    found, wanted = measured.property, measured.values
    function = "max" if measured.last else "min"
    kind = KINDS[found.type]
    if not is_scalar(found):
        ends = edge_of_many(of_property(found, names, "r"), kind, group, function)
    else:
        ends = edge_of_one(scalar_of(found, names, events), kind, group, function)
    moving = next_change("x.found", wanted, names) if wanted.is_relative else NEVER
    relation = f"""SELECT x.person, x.at IS NOT NULL AND {holds("x.found", wanted, names, matching(found))} AS ok,
            least(x.next, {moving}) AS next
        FROM ({ends}) x"""  # noqa: S608
    return Leaf(relation, False)


def edge_of_one(value: str, kind: str, group: Group, function: str) -> str:
    """(person, at, found, next): read once, the edge as a window over a person's events."""
    at_edge = "e.time = e.edge AND e.inside AND e.v IS NOT NULL"
    return f"""SELECT e.person, min(e.edge) AS at, {group.next} AS next,
            coalesce(array_agg(e.v) FILTER (WHERE {at_edge}), '{{}}'::{kind}[]) AS found
        FROM (
            SELECT e.*, {group.inside} AS inside, {value}::{kind} AS v,
                {function}(e.time){only(group.inside)} OVER (PARTITION BY e.person) AS edge
            FROM {group.events} WHERE {group.where}
        ) e {group.window.join} GROUP BY e.person"""  # noqa: S608


def edge_of_many(values: str, kind: str, group: Group, function: str) -> str:
    """(person, at, found, next): the instant first, then its events with all their values."""
    return f"""SELECT m.person, m.at, m.next,
            coalesce(array_agg(u.v) FILTER (WHERE u.v IS NOT NULL), '{{}}'::{kind}[]) AS found
        FROM (
            SELECT e.person, {function}(e.time){only(group.inside)} AS at, {group.next} AS next FROM {group.events}
            WHERE {group.where} GROUP BY e.person
        ) m
        LEFT JOIN (SELECT e.* FROM {group.events} WHERE {group.where} AND {group.inside}) r
            ON r.person = m.person AND r.time = m.at
        LEFT JOIN LATERAL unnest({values}) u(v) ON true
        GROUP BY m.person, m.at, m.next"""  # noqa: S608
