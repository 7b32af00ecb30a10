"""Computed attributes, each as a relation (person, found, next) of those who have any of its events in reach of the
window: `found` is the array of values, `next` the first instant after now at which they can be others."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from dmp.segments import rules
from dmp.segments.compile.events import both, each_value, named, relative_where, where_sql
from dmp.segments.compile.values import KINDS, NEVER, Names, is_scalar, of_property, scalar_of
from dmp.segments.compile.windows import bounds_of, only, soonest

FARTHEST = 10**10
"""Seconds, some centuries: no test of a time since is looked ahead further."""
MILLION = Decimal(10**6)


@dataclass
class Relation:
    """`text`: SELECT person, found, next; `nothing`: the values of those who are not in it."""

    text: str
    nothing: str


def values_of(leaf: rules.Computed, names: Names, matching: Any, wanted: rules.Values | None = None) -> Relation:
    """`wanted`: what is asked of the values; the time since the last event passes its bounds without any event."""
    window = bounds_of(leaf.window, names)
    fits = where_sql(leaf.where, leaf.events, names, matching)
    moving = relative_where(leaf.where, names)
    inside = both(window.inside, fits)
    later = soonest(window, names, moving)
    reach = window.reach if moving != NEVER else f"{window.reach} AND {fits}"
    whole = f"did e {window.join}", f"{named(leaf.events, names)} AND {reach}"
    kind = KINDS[leaf.type]
    nothing = "ARRAY[0]::numeric[]" if leaf.kind in rules.ZERO_OF_NOTHING else f"'{{}}'::{kind}[]"
    if leaf.kind in LISTS:
        return Relation(listed(leaf, names, whole, inside, later), nothing)
    value, joined = aggregate(leaf, names, inside, matching)
    last = f"max(e.time){only(inside)}"
    next = next_of(leaf, names, wanted)
    text = f"""SELECT x.person, array_remove(ARRAY[x.value], NULL) AS found, {next} AS next FROM (
        SELECT e.person, ({value})::{kind} AS value, {later} AS next, {last} AS last
        FROM {whole[0]} {joined} WHERE {whole[1]} GROUP BY e.person) x"""  # noqa: S608
    return Relation(text, nothing)


def aggregate(leaf: rules.Computed, names: Names, inside: str, matching: Any) -> tuple[str, str]:
    """The value over the events of a person, and what must be joined for it."""
    filtered = only(inside)
    if leaf.property is None:
        return OF_EVENTS[leaf.kind].format(filtered=filtered), ""
    value, joined = each_value(leaf.property, leaf.events, names)
    match leaf.kind:
        case "uniqueCount":
            return f"count(DISTINCT {value}) {filtered}", joined
        case "sum":
            return f"trim_scale(coalesce(sum({value}) {filtered}, 0))", joined
        case "avg":
            total, count = f"sum({value}) {filtered}", f"count({value}) {filtered}"
            if leaf.per is not None:
                fits = where_sql(leaf.per, leaf.events, names, matching)
                count = f"count(*) FILTER (WHERE {inside} AND {fits})"
            return average(total, f"nullif({count}, 0)"), joined
    return f"trim_scale({leaf.kind}({value}) {filtered})", joined


OF_EVENTS = {
    "count": "count(*) {filtered}",
    "timeSinceLast": "extract(epoch FROM %(now)s - max(e.time) {filtered})",
    "firstTime": "min(e.time) {filtered}",
    "lastTime": "max(e.time) {filtered}",
}


def average(total: str, count: str) -> str:
    """Rounded to 6 decimals, halves away from zero. By whole numbers: `/` cuts its result off at some digit."""
    return f"trim_scale(sign({total}) * div(2000000 * abs({total}) + {count}, 2 * {count}) * 0.000001)"


LISTS = {
    "first": "SELECT DISTINCT ON (person) person, ARRAY[v] AS found FROM ({each}) x ORDER BY person, time, n, v",
    "last": "SELECT DISTINCT ON (person) person, ARRAY[v] AS found FROM ({each}) x ORDER BY person, time DESC, n, v",
    "lastList": """SELECT person, (array_agg(v ORDER BY time DESC, n, v))[1:{limit}] AS found FROM (
        SELECT DISTINCT ON (person, v) * FROM ({each}) x ORDER BY person, v, time DESC, n) y GROUP BY person""",
    "mostFrequent": """SELECT DISTINCT ON (person) person, ARRAY[v] AS found FROM (
        SELECT person, v, count(*) AS often, max(time) AS time FROM ({each}) x GROUP BY person, v) y
        ORDER BY person, often DESC, time DESC, v""",
}
"""Of `each` (person, time, v, n): a value of an event, the n-th of its property."""


def listed(leaf: rules.Computed, names: Names, whole: tuple[str, str], inside: str, later: str) -> str:
    assert leaf.property is not None
    value, n, joined = "u.v", "u.n", f"CROSS JOIN LATERAL unnest({of_property(leaf.property, names)})"
    joined += " WITH ORDINALITY u(v, n)"
    if is_scalar(leaf.property):
        value, n, joined = scalar_of(leaf.property, names, leaf.events), "1", ""
    if leaf.type == "text":
        value = f'({value} COLLATE "C")'
    elif leaf.type == "number":
        value = f"trim_scale({value})"
    relation, condition = whole
    each = f"""SELECT e.person, e.time, {value} AS v, {n} AS n FROM {relation} {joined}
        WHERE {condition} AND {inside} AND {value} IS NOT NULL"""  # noqa: S608
    found = LISTS[leaf.kind].format(each=each, limit=leaf.limit)
    return f"""SELECT m.person, coalesce(l.found, '{{}}'::{KINDS[leaf.type]}[]) AS found, m.next
        FROM (SELECT e.person, {later} AS next FROM {relation} WHERE {condition} GROUP BY e.person) m
        LEFT JOIN ({found}) l ON l.person = m.person"""  # noqa: S608


def next_of(leaf: rules.Computed, names: Names, wanted: rules.Values | None) -> str:
    lengths = passed(wanted) if leaf.kind == "timeSinceLast" and wanted is not None else []
    if not lengths:
        return "x.next"
    given = names.add(lengths, "interval[]")
    return f"""least(x.next, (SELECT min(x.last + length) FROM unnest({given}) length
        WHERE x.last + length > %(now)s))"""  # noqa: S608


def passed(wanted: rules.Values) -> list[timedelta]:
    """How long after the last event the time since it reaches an operand, and how long after it is above."""
    found = []
    for test in wanted.tests:
        if test.op in ("exists", "size"):
            continue
        for operand in test.operand if isinstance(test.operand, tuple) else (test.operand,):
            if 0 <= operand <= FARTHEST:
                exact = operand * MILLION
                reaches, is_at = (int(exact.to_integral_value(way)) for way in (ROUND_CEILING, ROUND_FLOOR))
                found += [timedelta(microseconds=reaches), timedelta(microseconds=is_at + 1)]
    return found
