"""Windows in SQL: which events a person has in them, and when that changes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dmp.segments import rules
from dmp.segments.compile.values import NEVER, Names
from dmp.segments.evaluate.windows import period

OWN = "left(e.event, 1) <> '$'"


@dataclass
class Bounds:
    """Of a window: `reach`: events that are in it now or may come to be, `inside`: those of them in it now; how long
    after it happened an event `enters`, None: at once, and `leaves`, None: never; `at`: when the whole window moves on;
    `join` for sessions; `since`: no event in reach is older."""

    reach: str
    inside: str
    enters: timedelta | None = None
    leaves: timedelta | None = None
    at: str = NEVER
    join: str = ""
    since: datetime | None = None


def bounds_of(window: rules.Window, names: Names) -> Bounds:
    past = "true" if names.settled else "e.time <= %(now)s"
    match window:
        case rules.Rolling(since, until):
            inside = f"e.time <= {ago(until, names)}" if until else past
            # the reach is a constant, so that partitions are left out
            reach = f"e.time > {ago(since, names)}" if since else "true"
            return Bounds(reach, inside, until, since, since=names.now - since if since else None)
        case rules.Absolute(after, before):
            parts = [f"e.time >= {names.add(after, 'timestamptz')}"] if after else []
            parts += [f"e.time < {names.add(before, 'timestamptz')}"] if before else []
            return Bounds(" AND ".join(parts), past, since=after)
        case rules.Calendar(unit):
            begin, end = period(window, names.zone, names.now)
            _, moves = period(rules.Calendar(unit), names.zone, names.now)
            inside = f"e.time < {names.add(end, 'timestamptz')} AND {past}"
            at = names.add(moves, "timestamptz")
            return Bounds(f"e.time >= {names.add(begin, 'timestamptz')}", inside, at=at, since=begin)
        case rules.Session():
            inside = "e.time >= s.start AND e.time <= s.last AND s.last > %(now)s - interval '30 minutes'"
            return Bounds("true", inside, at="s.next", join="JOIN session s ON s.person = e.person")
    raise TypeError(window)


def ago(length: timedelta, names: Names) -> str:
    return names.add(names.now - length, "timestamptz")


def only(inside: str) -> str:
    """The filter of an aggregate."""
    return "" if inside == "true" else f" FILTER (WHERE {inside})"


def coming(names: Names, among: str = "true") -> str:
    """Of a group of events, `among` them those that fit: when the first happens that lies ahead."""
    return NEVER if names.settled else f"min(e.time) FILTER (WHERE e.time > %(now)s AND {among})"


def ripens(length: timedelta, names: Names, among: str = "true") -> str:
    """The first instant after now that is so long after one of them."""
    return f"min(e.time) FILTER (WHERE e.time > {ago(length, names)} AND {among}) + {names.add(length, 'interval')}"


def soonest(window: Bounds, names: Names, *others: str, among: str = "true") -> str:
    """Of events in reach the first instant after now at which one comes in or leaves, the window moves on, or one of
    the `others` of an event comes."""
    found = [ripens(window.enters, names, among) if window.enters else coming(names, among)]
    found += [f"min(e.time){only(among)} + {names.add(window.leaves, 'interval')}"] if window.leaves else []
    found += [f"min(CASE WHEN {at} > %(now)s THEN {at} END){only(among)}" for at in (window.at, *others) if at != NEVER]
    return first_of(found)


def first_of(instants: list[str]) -> str:
    known = [at for at in instants if at != NEVER]
    return f"least({', '.join(known)})" if known else NEVER


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
