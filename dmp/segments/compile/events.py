"""Leaves that ask of events, each as a relation (person, ok, next) of those who have anything in reach of the window.

`next` is the first instant after now at which the content of the window changes, which is early at most; NULL when it
does not. Changes that cannot turn the answer are left out where that is simple: a build keeps a row for each `next`.
"""

from dataclasses import dataclass
from typing import Any

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
from dmp.segments.evaluate.windows import period

OWN = "left(e.event, 1) <> '$'"
COMING = "min(e.time) FILTER (WHERE e.time > %(now)s)"
COMES = "CASE WHEN e.time > %(now)s THEN e.time END"
NTH = 100
"""Up to this count the instant at which a person leaves is found exactly."""


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


@dataclass
class Bounds:
    """Of a window: `reach`: events that are in it now or may come to be, `inside`: those in it now, `changes`: instants
    at which an event e comes in or leaves, `at`: one at which the whole window moves on; `join` for sessions."""

    reach: str
    inside: str
    changes: list[str]
    at: str = NEVER
    join: str = ""


def bounds_of(window: rules.Window, names: Names) -> Bounds:
    match window:
        case rules.Rolling(since, until):
            ends = f"e.time + {names.add(until, 'interval')}" if until else "e.time"
            entered = f"{ends} <= %(now)s"
            if since is None:
                return Bounds("true", entered, [ends])
            leaves = f"e.time + {names.add(since, 'interval')}"
            start = names.add(names.now - since, "timestamptz")  # a constant, so that partitions are left out
            return Bounds(f"e.time > {start}", entered, [ends, leaves])
        case rules.Absolute(after, before):
            parts = [f"e.time >= {names.add(after, 'timestamptz')}"] if after else []
            parts += [f"e.time < {names.add(before, 'timestamptz')}"] if before else []
            return Bounds(" AND ".join(parts), "e.time <= %(now)s", ["e.time"])
        case rules.Calendar(unit):
            begin, end = period(window, names.zone, names.now)
            _, moves = period(rules.Calendar(unit), names.zone, names.now)
            inside = f"e.time < {names.add(end, 'timestamptz')} AND e.time <= %(now)s"
            at = names.add(moves, "timestamptz")
            return Bounds(f"e.time >= {names.add(begin, 'timestamptz')}", inside, ["e.time"], at)
        case rules.Session():
            inside = "e.time >= s.start AND e.time <= s.last AND s.last > %(now)s - interval '30 minutes'"
            return Bounds("true", inside, ["e.time"], "s.next", "JOIN session s ON s.person = e.person")
    raise TypeError(window)


def did(leaf: rules.Did, names: Names, matching: Any) -> Leaf:
    """A measure over the events in a window."""
    window = bounds_of(leaf.window, names)
    fits = where_sql(leaf.where, leaf.events, names, matching)
    condition = f"{named(leaf.events, names)} AND {window.reach}"
    moving = relative_where(leaf.where, names)
    if moving == NEVER:
        condition += f" AND {fits}"
        inside = window.inside
    else:  # what does not fit now may later
        inside = f"{window.inside} AND {fits}"
    later = soonest([*window.changes, window.at, moving])
    if isinstance(leaf.measure, rules.Edge):
        return edge(leaf.measure, leaf.events, names, condition, inside, later, window.join, matching)
    ok, joined = measure(leaf, names, inside)
    nth = nth_newest(leaf, names, inside) if moving == NEVER else None
    steady = unmoved_by_leaving(leaf, names, inside) if moving == NEVER and not nth else "false"
    relation = f"""SELECT e.person, {ok} AS ok, {nth or f"min({later})"} AS next, {COMING} AS coming,
            {steady} AS steady
        FROM did e {window.join} {joined} WHERE {condition} GROUP BY e.person"""  # noqa: S608
    relation = f"SELECT person, ok, CASE WHEN steady THEN coming ELSE next END AS next FROM ({relation}) x"  # noqa: S608
    return Leaf(relation, holds_for_nothing(leaf.measure))


def soonest(changes: list[str]) -> str:
    """The first of these instants after now, of one event."""
    later = [f"CASE WHEN {at} > %(now)s THEN {at} END" for at in changes if at != NEVER]
    return f"least({', '.join(later)})" if later else NEVER


def nth_newest(leaf: rules.Did, names: Names, inside: str) -> str | None:
    """When “at least n” in a rolling window until now ends: when the n-th newest event leaves."""
    window, counted = leaf.window, leaf.measure
    if not isinstance(window, rules.Rolling) or window.until or not isinstance(counted, rules.Count):
        return None
    [test, *more] = counted.tests
    if more or test.op != "gte" or test.operand != int(test.operand) or not 1 <= test.operand <= NTH:
        return None
    n = int(test.operand)
    if window.since is None:
        return COMING
    newest = (
        f"max(e.time) FILTER (WHERE {inside})"
        if n == 1
        else f"(array_agg(e.time ORDER BY e.time DESC) FILTER (WHERE {inside}))[{n}]"
    )
    return f"least({COMING}, {newest} + {names.add(window.since, 'interval')})"


def unmoved_by_leaving(leaf: rules.Did, names: Names, inside: str) -> str:
    """Whether the answer stays the same while events only leave: what falls with each never reaches a least that it is
    below, and never exceeds a most that it keeps to. A sum falls if no value is negative."""
    window, measured = leaf.window, leaf.measure
    if not isinstance(window, rules.Rolling) or window.until or isinstance(measured, rules.Edge):
        return "false"
    ops = {test.op for test in measured.tests}
    least, most = ops <= {"gt", "gte"}, ops <= {"lt", "lte"}
    ok, _ = measure(leaf, names, inside)
    match measured:
        case rules.Aggregate("sum", found):
            value, _ = each_value(found, leaf.events, names)
            none_negative = f"coalesce(min({value}) FILTER (WHERE {inside}), 0) >= 0"
            return f"{'NOT ' if least else ''}({ok}) AND {none_negative}" if least or most else "false"
        case rules.Aggregate(function):
            rises_never = (function == "max" and least) or (function == "min" and most)
            return f"NOT ({ok})" if rises_never else "false"
        case _:
            return f"{'NOT ' if least else ''}({ok})" if least or most else "false"


def measure(leaf: rules.Did, names: Names, inside: str) -> tuple[str, str]:
    """The truth as an aggregate, and what must be joined for it."""
    match leaf.measure:
        case rules.Count(tests):
            return bounded(f"count(*) FILTER (WHERE {inside})", tests, "numeric", names), ""
        case rules.UniquePeriods(unit, tests):
            local = f"date_trunc('{unit}', e.time AT TIME ZONE %(zone)s)"
            return bounded(f"count(DISTINCT {local}) FILTER (WHERE {inside})", tests, "numeric", names), ""
        case rules.UniqueValues(found, tests):
            value, joined = each_value(found, leaf.events, names)
            return bounded(f"count(DISTINCT {value}) FILTER (WHERE {inside})", tests, "numeric", names), joined
        case rules.Aggregate(function, found, tests):
            value, joined = each_value(found, leaf.events, names)
            filtered = f"FILTER (WHERE {inside})"
            if function == "sum":
                return bounded(f"coalesce(sum({value}) {filtered}, 0)", tests, "numeric", names), joined
            if function == "avg":
                count = f"count({value}) {filtered}"
                parts = " AND ".join(
                    f"sum({value}) {filtered} {SIGNS[test.op]} {names.add(test.operand, 'numeric')} * {count}"
                    for test in tests
                )
                return f"coalesce({parts}, false)", joined
            return f"coalesce({bounded(f'{function}({value}) {filtered}', tests, 'numeric', names)}, false)", joined
    raise TypeError(leaf.measure)


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


def edge(
    measured: rules.Edge,
    events: tuple[str, ...] | None,
    names: Names,
    condition: str,
    inside: str,
    later: str,
    join: str,
    matching: Any,
) -> Leaf:
    """The values of the first or last events, those of one instant together: the instant first, then its events."""
    found, wanted = measured.property, measured.values
    end = f"{'max' if measured.last else 'min'}(e.time) FILTER (WHERE {inside})"
    value = scalar_of(found, names, events) if is_scalar(found) else None
    if value and wanted.bounds and not wanted.others and not wanted.is_relative:
        fits = bounded("w.v", wanted.bounds, KINDS[found.type], names)
        ok = f"coalesce(bool_or({fits}) FILTER (WHERE w.time = w.at AND w.inside), false)"
        ends = edge_of_one(value, KINDS[found.type], ok, condition, inside, later, join, end)
        return Leaf(f"SELECT x.person, x.found AS ok, x.next FROM ({ends}) x", False)  # noqa: S608
    ends = (
        edge_of_one(value, KINDS[found.type], EDGE.format(KINDS[found.type]), condition, inside, later, join, end)
        if value
        else edge_of_many(of_property(found, names, "r"), KINDS[found.type], condition, inside, later, join, end)
    )
    moving = next_change("x.found", wanted, names) if wanted.is_relative else NEVER
    relation = f"""SELECT x.person, x.at IS NOT NULL AND {holds("x.found", wanted, names, matching(found))} AS ok,
            least(x.next, {moving}) AS next
        FROM ({ends}) x"""  # noqa: S608
    return Leaf(relation, False)


EDGE = "coalesce(array_agg(w.v) FILTER (WHERE w.time = w.at AND w.inside AND w.v IS NOT NULL), '{{}}'::{}[])"


def edge_of_one(value: str, kind: str, told: str, condition: str, inside: str, later: str, join: str, end: str) -> str:
    """(person, at, found, next): read once, the edge as a window over a person's events; `found`: what is `told`."""
    return f"""SELECT w.person, min(w.at) AS at, min(w.next) AS next, {told} AS found
        FROM (
            SELECT e.person, e.time, {inside} AS inside, {value}::{kind} AS v, {later} AS next,
                {end} OVER (PARTITION BY e.person) AS at
            FROM did e {join} WHERE {condition}
        ) w GROUP BY w.person"""  # noqa: S608


def edge_of_many(values: str, kind: str, condition: str, inside: str, later: str, join: str, end: str) -> str:
    """(person, at, found, next): the instant first, then its events with all their values."""
    return f"""SELECT m.person, m.at, m.next,
            coalesce(array_agg(u.v) FILTER (WHERE u.v IS NOT NULL), '{{}}'::{kind}[]) AS found
        FROM (
            SELECT e.person, {end} AS at, min({later}) AS next FROM did e {join} WHERE {condition} GROUP BY e.person
        ) m
        LEFT JOIN (SELECT e.* FROM did e {join} WHERE {condition} AND {inside}) r
            ON r.person = m.person AND r.time = m.at
        LEFT JOIN LATERAL unnest({values}) u(v) ON true
        GROUP BY m.person, m.at, m.next"""  # noqa: S608


def relative_where(where: Any, names: Names) -> str:
    """When a test of an event's properties that looks at now can change; NEVER where none does."""
    changes = [
        next_change(of_property(leaf.property, names), leaf.values, names)
        for leaf in rules.leaves(where)
        if leaf.values.is_relative
    ]
    return f"least({', '.join(changes)})" if changes else NEVER


def sequence(leaf: rules.Sequence, names: Names, matching: Any) -> Leaf:
    """Step by step the events that can be reached: only neighbours bind each other."""
    window = bounds_of(leaf.window, names)
    steps, instants = [], []
    last = leaf.steps[-1]
    for index, step in enumerate(leaf.steps):
        fits = where_sql(step.where, step.events, names, matching)
        keys = [of_property(views[index], names) for views in leaf.same]
        present = " AND ".join(f"cardinality({key}) > 0" for key in keys) or "true"
        same = f"jsonb_build_array({', '.join(keys)})" if keys else "'[]'::jsonb"
        inside = "true" if step.absent else f"{window.reach} AND {window.inside}"
        join = "" if step.absent else window.join
        steps.append(
            f"""SELECT e.person, e.time, {same} AS same FROM did e {join}
                WHERE {named(step.events, names)} AND {fits} AND {present} AND {inside} AND e.time <= %(now)s"""  # noqa: S608
        )
        moving = relative_where(step.where, names)
        changes = ["e.time", *window.changes, window.at, moving]
        if last.absent and last.within:
            changes.append(f"e.time + {names.add(last.within, 'interval')}")
        reach = window.reach if isinstance(leaf.window, rules.Rolling) else "true"  # what is older never counts again
        instants.append(
            f"""SELECT e.person, {soonest(changes)} AS at, {COMES} AS coming
            FROM did e {window.join} WHERE {named(step.events, names)} AND {reach}"""  # noqa: S608
        )
    relation = chain(leaf, steps, names)
    both = f"""SELECT person, bool_or(ok) AS ok, min(at) AS at, min(coming) AS coming FROM (
            SELECT person, true AS ok, NULL::timestamptz AS at, NULL::timestamptz AS coming FROM ({relation}) found
            UNION ALL SELECT person, false, at, coming FROM ({" UNION ALL ".join(instants)}) i WHERE at IS NOT NULL
        ) b GROUP BY person"""  # noqa: S608
    steady = "NOT ok" if only_loses(leaf) else "false"
    return Leaf(f"SELECT person, ok, CASE WHEN {steady} THEN coming ELSE at END AS next FROM ({both}) s", False)  # noqa: S608


def only_loses(leaf: rules.Sequence) -> bool:
    """Whether time alone can only take events away: then what does not hold needs a new one."""
    moves = any(part.values.is_relative for step in leaf.steps for part in rules.leaves(step.where))
    rolls = isinstance(leaf.window, rules.Rolling) and not leaf.window.until
    return rolls and not moves and not leaf.steps[-1].absent


def chain(leaf: rules.Sequence, steps: list[str], names: Names) -> str:
    """The events of the last step (but an absent one) that complete the sequence."""
    parts = [f"step0 AS MATERIALIZED ({steps[0]})"]
    last = len(steps) - 1
    for index in range(1, last + 1):
        step = leaf.steps[index]
        if step.absent:
            parts.append(f"absent AS MATERIALIZED ({steps[index]})")
            end = f"a.time + {names.add(step.within, 'interval')}" if step.within else "%(now)s"
            passed = f"{end} <= %(now)s" if step.within else "true"
            return f"""WITH {", ".join(parts)} SELECT a.person FROM step{index - 1} a WHERE {passed} AND NOT EXISTS (
                SELECT FROM absent b WHERE b.person = a.person AND b.same = a.same AND b.time > a.time
                AND b.time <= {end})"""  # noqa: S608
        within = f" AND b.time <= a.time + {names.add(step.within, 'interval')}" if step.within else ""
        parts.append(
            f"""step{index} AS MATERIALIZED (SELECT b.* FROM ({steps[index]}) b WHERE EXISTS (
                SELECT FROM step{index - 1} a
                WHERE a.person = b.person AND a.same = b.same AND b.time > a.time{within}))"""  # noqa: S608
        )
    return f"WITH {', '.join(parts)} SELECT person FROM step{last}"  # noqa: S608


SESSION = f"""session AS MATERIALIZED (
    SELECT r.person, max(r.start) AS start, max(r.last) AS last, least(
        CASE WHEN max(r.last) > %(now)s - interval '30 minutes' THEN max(r.last) + interval '30 minutes' END,
        min(r.coming)) AS next
    FROM (
        SELECT e.person,
            CASE WHEN e.time <= %(now)s AND (lag(e.time) OVER w IS NULL
                OR e.time - lag(e.time) OVER w >= interval '30 minutes') THEN e.time END AS start,
            CASE WHEN e.time <= %(now)s THEN e.time END AS last,
            CASE WHEN e.time > %(now)s THEN e.time END AS coming
        FROM did e WHERE {OWN} AND e.person IN (
            SELECT e.person FROM did e WHERE e.time > %(now)s - interval '30 minutes' AND {OWN}
        ) WINDOW w AS (PARTITION BY e.person ORDER BY e.time)
    ) r GROUP BY r.person
    HAVING max(r.last) > %(now)s - interval '30 minutes' OR min(r.coming) IS NOT NULL
)"""  # noqa: S608
