"""Reading what rules ask of people: one statement for some people of all levels.

Events come as JSON arrays [code, time, properties, price, ...] of what is asked for, which msgspec reads 10
times faster than rows.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from dmp import sql
from dmp.segments import rules
from dmp.segments.active import COLUMNS, Active, Revision
from dmp.segments.evaluate.needs import Needs
from dmp.segments.facts import Attribute, Event, Facts
from dmp.segments.levels import LATEST, levels

MAX_EVENTS = 2000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_PLANS = 1000
CODE, TIME, PROPERTIES = 0, 1, 2
NAMES = tuple(COLUMNS)
LONG = frozenset(("path", "referrer"))
ATTRIBUTES = ("p.attributes::text", "p.last_seen", *(f"p.{name}" for name in LATEST), "p.utm::text", "p.known")
"""Those stored, and what the reserved ones are made of."""

decode = msgspec.json.Decoder(float_hook=Decimal).decode


@dataclass(slots=True)
class Membership:
    """A membership row as it is stored. `pinned` "in" or "out" in a pin's row, whose revision is 0."""

    segment: int
    revision: int
    pinned: str | None
    by_rule: bool
    entered_at: datetime | None
    left_at: datetime | None
    next_check_at: datetime | None


@dataclass(slots=True)
class Known:
    """One person: facts, memberships by (segment, revision), the arrays of its row. `too_many`: it has more events than
    are read."""

    level: str
    key: UUID
    facts: Facts
    rows: dict[tuple[int, int], Membership]
    segments: list[int]
    due_at: datetime | None
    too_many: bool = False


class Wanted(NamedTuple):
    """Which events to read (`any`: those of all codes), their properties that have columns and, where `loose`, those
    that have none; the memberships of which segments (None: all); whether the person's attributes."""

    codes: list[str]
    any: bool
    columns: tuple[str, ...]
    loose: bool
    since: datetime
    segments: list[int] | None = None
    attributes: bool = True


class Plan(NamedTuple):
    """`revisions`: some and all that depends on them, in the order of evaluation; `needed`: what to read for them, its
    `since` set by `sinces`, of which the earliest counts."""

    revisions: tuple[Revision, ...]
    needed: Wanted
    sinces: tuple[timedelta | datetime | None, ...]

    def wanted(self, now: datetime) -> Wanted:
        return self.needed._replace(since=min((since_of(since, now) for since in self.sinces), default=now))


def wanted(revisions: Iterable[Revision], now: datetime) -> Wanted:
    """The events that these revisions ask for, together, with what else they tell in short, and all memberships."""
    asked = planned(tuple(revisions)).wanted(now)
    columns = tuple(name for name in NAMES if name in asked.columns or name not in LONG)
    return asked._replace(columns=columns, segments=None, attributes=True)


def plan(known: Active, asked: frozenset[Revision]) -> Plan:
    """Found once: the same revisions are touched again and again."""
    found: Plan | None = known.plans.get(asked)
    if found is None:
        if len(known.plans) >= MOST_PLANS:
            known.plans.clear()
        concerned = with_dependants(known, asked)
        found = known.plans[asked] = planned(tuple(one for one in known.revisions if one in concerned))
    return found


def with_dependants(known: Active, asked: Iterable[Revision]) -> set[Revision]:
    """These and all that depends on them."""
    found: set[Revision] = set()
    left = list(asked)
    while left:
        revision = left.pop()
        if revision not in found:
            found.add(revision)
            left += known.dependants(revision)
    return found


def planned(revisions: tuple[Revision, ...]) -> Plan:
    codes: set[str] = set()
    names: set[str] = set()
    any_code = loose = False
    sinces: set[timedelta | datetime | None] = set()
    for revision in revisions:
        asked: Needs = revision.needs
        any_code = any_code or asked.events is None or asked.every_event
        codes |= asked.events or set()
        names.update(found.name for found in asked.properties)
        loose = loose or any(found.column is None for found in asked.properties)
        if asked.events is None or asked.events or asked.every_event:
            sinces.add(asked.since)
    named = {bound.segment for revision in revisions for bound in revision.references.values()}
    segments = sorted(named.union(revision.segment for revision in revisions))
    columns = tuple(name for name in NAMES if name in names)
    attributes = any(rules.attributes_named(revision.rule) for revision in revisions)
    asked_for = Wanted(sorted(codes), any_code, columns, loose, EPOCH, segments, attributes)
    return Plan(revisions, asked_for, earliest(sinces))


def earliest(sinces: set[timedelta | datetime | None]) -> tuple[timedelta | datetime | None, ...]:
    """Those of which one may be the earliest: of lengths before now the longest, of instants the first."""
    if None in sinces:
        return (None,)
    spans = [since for since in sinces if isinstance(since, timedelta)]
    points = [since for since in sinces if isinstance(since, datetime)]
    return (*([max(spans)] if spans else []), *([min(points)] if points else []))


def since_of(since: timedelta | datetime | None, now: datetime) -> datetime:
    if since is None:
        return EPOCH
    return since if isinstance(since, datetime) else max(EPOCH, now - since)


@lru_cache(maxsize=1000)
def statement(names: tuple[str, ...], columns: tuple[str, ...], *, loose: bool, some: bool, attributes: bool) -> str:
    """For people of these levels, with these properties of their events; `some`: with memberships of some segments
    only; `attributes`: with their attributes."""
    parts = ["e.event", "e.time", "e.properties" if loose else "NULL"]
    event = f"json_build_array({', '.join([*parts, *(f'e.{COLUMNS[name]}' for name in columns)])})"
    return " UNION ALL ".join(of_level(name, event, some=some, attributes=attributes) for name in names)


def of_level(name: str, event: str, *, some: bool, attributes: bool) -> str:
    level = levels[name]
    of_segments = " AND m.segment_id = ANY(%(segments)s)" if some else ""
    people = level.people.replace("KEYS", f"{name}_keys")
    told = ATTRIBUTES if attributes else ("NULL",) * len(ATTRIBUTES)
    return f"""SELECT '{name}', p.person, p.segments, p.due_at, p.first_seen, p.bucket, {", ".join(told)},
        (SELECT json_agg(json_build_array(m.segment_id, m.revision, m.pinned, m.by_rule, m.entered_at, m.left_at,
            m.next_check_at))::text FROM dmp_membership m WHERE m.person = p.person{of_segments}),
        CASE WHEN %(any)s OR cardinality(%(codes)s::text[]) > 0 THEN (SELECT json_agg(x.event)::text FROM (
            SELECT {event} AS event {level.events} AND e.time >= %(since)s AND (e.event = ANY(%(codes)s) OR %(any)s)
            ORDER BY e.time DESC LIMIT {MAX_EVENTS + 1}
        ) x) END
    FROM ({people}) p"""  # noqa: S608


def read(people: Mapping[str, Collection[UUID]], events: Wanted, zone: ZoneInfo) -> list[Known]:
    """Those of the people, by level, who are there."""
    names = tuple(name for name in levels if people.get(name))
    if not names:
        return []
    values: dict[str, Any] = events._asdict() | {f"{name}_keys": list(people[name]) for name in names}
    some = events.segments is not None
    text = statement(names, events.columns, loose=events.loose, some=some, attributes=events.attributes)
    return [known(row, events.columns, zone) for row in sql.run(text, values, binary=True)]


def known(row: tuple[Any, ...], columns: tuple[str, ...], zone: ZoneInfo) -> Known:
    level, key, segments, due_at, first_seen, bucket, stored, last_seen, *latest, utm, is_known, rows, events = row
    attributes = {}
    if stored is not None:
        reserved = dict(zip(LATEST, latest, strict=True))
        attributes = attributes_of(decode(stored), reserved, utm, first_seen, last_seen, is_known)
    found = decode(events) if events else []
    facts = Facts(
        zone,
        first_seen,
        bucket,
        attributes,
        {},
        [fact(item, columns) for item in reversed(found[:MAX_EVENTS])],
    )
    memberships = [Membership(*item[:4], *map(instant, item[4:])) for item in decode(rows)] if rows else []
    return Known(
        level, key, facts, {(m.segment, m.revision): m for m in memberships}, segments, due_at, len(found) > MAX_EVENTS
    )


def instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)  # the session's zone is UTC


def fact(item: Sequence[Any], columns: tuple[str, ...]) -> Event:
    values = {
        name: value if type(value) is list else [value]
        for name, value in zip(columns, item[PROPERTIES + 1 :], strict=True)
        if value is not None
    }
    if item[PROPERTIES]:
        for name, value in item[PROPERTIES].items():
            values.setdefault(name, value if type(value) is list else [value])
    return Event(item[CODE], datetime.fromisoformat(item[TIME]), values)


def attributes_of(
    stored: Mapping[str, Any],
    latest: Mapping[str, Any],
    utm: str | None,
    first_seen: datetime | None,
    last_seen: datetime | None,
    is_known: bool,
) -> dict[str, Attribute]:
    """The stored attributes and the reserved ones."""
    found = {
        name: Attribute(value["values"], datetime.fromisoformat(value["changed"])) for name, value in stored.items()
    }
    found |= {f"${name}": Attribute([value]) for name, value in latest.items() if value is not None}
    if utm:
        found |= {f"$utm.{name}": Attribute([value]) for name, value in decode(utm).items()}
    if first_seen:
        found["$firstSeen"] = Attribute([first_seen.isoformat()])
    if last_seen:
        found["$lastSeen"] = Attribute([last_seen.isoformat()])
    found["$known"] = Attribute([is_known])
    return found
