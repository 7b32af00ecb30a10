"""Bringing people's memberships up to date, in the transaction of what changed them.

A person's row is locked first; what is read then sees all that others committed. A visitor's row is locked before a
profile's, and those of one level in the order of their keys. One statement reads, one writes; none where nothing
changed.

A stored `next_check_at` may be early, which costs one evaluation; it is never late. So one that is due before the newly
found one is left as it is, and most events write nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db import transaction
from uuid_utils.compat import uuid7

from accounts.snapshot import Configuration
from dmp import sql
from dmp.events import encode
from dmp.segments import reading
from dmp.segments.active import Active, Reference, Revision, active
from dmp.segments.compile import ask as ask_set
from dmp.segments.compile.sources import of_keys
from dmp.segments.evaluate.outcome import Outcome
from dmp.segments.levels import levels
from dmp.segments.reading import Known, Membership
from dmp.webhooks import untold

People = Mapping[str, Collection[UUID]]
"""Keys by level."""


@dataclass(slots=True)
class Change:
    """What is to be written of one person."""

    person: Known
    segments: list[int]
    due_at: datetime | None = None
    put: list[Membership] = field(default_factory=list)
    gone: list[Membership] = field(default_factory=list)
    told: list[tuple[int, bool]] = field(default_factory=list)


def refresh(
    configuration: Configuration,
    people: People,
    now: datetime,
    cause: str,
    touched: Collection[Revision] | None = None,
    *,
    due: bool = True,
    locked: bool = False,
) -> dict[UUID, list[int]]:
    """Evaluates the `touched` revisions (None: all) of people, what depends on them, and where `due` those whose time
    has come. Gives the new `segments` of those people whose row changed. `locked`: the people's rows are."""
    known = active.of(configuration)
    if not known.revisions:
        return {}
    asked = frozenset(known.revisions if touched is None else touched)
    with nullcontext() if locked else transaction.atomic():  # else there is a transaction already
        if not locked:
            lock(people)
        plan = reading.plan(known, frozenset(known.revisions) if due else asked)
        to_read = plan.wanted(now)._replace(segments=None) if due else plan.wanted(now)
        found = reading.read(people, to_read, configuration.zone)
        changes = [
            change
            for person in found
            if (change := evaluate(configuration, person, asked, plan.revisions, now, due=due))
        ]
        if changes:
            write(configuration.id, changes, now, cause)
    return {change.person.key: change.segments for change in changes}


def is_due(due_at: datetime | None, now: datetime) -> bool:
    """Whether a person with this `due_at` is to be evaluated before it is read."""
    return due_at is not None and due_at <= now


def lock(people: People) -> None:
    for name, level in levels.items():
        if people.get(name):
            keys = {"keys": list(people[name])}
            sql.run(f"SELECT 1 FROM {level.table} WHERE key = ANY(%(keys)s) ORDER BY key FOR UPDATE", keys)  # noqa: S608


def evaluate(
    configuration: Configuration,
    person: Known,
    asked: Iterable[Revision],
    concerned: Iterable[Revision],
    now: datetime,
    *,
    due: bool,
) -> Change | None:
    """What changes for one person, whose `rows` and `segments` are brought up to date; None when nothing does.
    `concerned`: all that may be evaluated, in order. Where not `due`, `rows` may be some of all: `due_at` then stays,
    or comes earlier."""
    known = active.of(configuration)
    todo = set(asked)
    if due:
        late = late_of(person, now)
        todo.update(revision for revision in known.revisions if revision.id in late)
    change = Change(person, person.segments)
    for revision in concerned:
        if revision not in todo:
            continue
        outcome = ask(configuration, revision, person, now)
        if settle(change, revision, outcome, now):
            todo.update(known.dependants(revision))
    return change if moves(change, known, due=due) else None


def late_of(person: Known, now: datetime) -> set[int]:
    """The revisions whose answer may have changed by time alone."""
    return {m.revision for m in person.rows.values() if m.next_check_at is not None and m.next_check_at <= now}


def moves(change: Change, known: Active, *, due: bool = True) -> bool:
    """Whether there is anything to write, with the person's new `due_at`."""
    person = change.person
    rows = [row for row in person.rows.values() if row.revision in known.ids]  # nothing is due of what is retired
    times = [row.next_check_at for row in rows if row.next_check_at is not None]
    if not due and person.due_at is not None:
        times.append(person.due_at)
    change.due_at = min(times, default=None)
    return bool(change.put or change.gone) or (change.segments, change.due_at) != (person.segments, person.due_at)


def ask(configuration: Configuration, revision: Revision, person: Known, now: datetime) -> Outcome:
    """The outcome for one person; of one with more events than are read the statement over people gives it."""
    if person.too_many and revision.needs.events != frozenset():
        source = of_keys(levels[person.level], [person.key])
        rows = ask_set(revision.rule, source, revision.references, revision.zone, now, everyone=True)
        return Outcome(*rows[0][1:])
    if revision.references:
        person.facts.segments = memberships(revision.references, person)
    person.facts.zone = revision.zone
    return revision.ask(person.facts, now)


def memberships(references: Mapping[str, Reference], person: Known) -> dict[str, datetime]:
    """Of the segments that a rule names, those that the person is in effectively, with entered_at."""
    found = {}
    for name, (segment, revision) in references.items():
        row = person.rows.get((segment, 0)) or person.rows.get((segment, revision))
        if row is not None and (row.pinned == "in" or (row.pinned is None and row.by_rule)):
            assert row.entered_at is not None  # who is in has entered
            found[name] = row.entered_at
    return found


def settle(change: Change, revision: Revision, outcome: Outcome, now: datetime) -> bool:
    """Adds an outcome to what is to be written. Gives whether the effective membership changed."""
    person = change.person
    place = (revision.segment, revision.id)
    before = person.rows.get(place)
    was = before is not None and before.by_rule
    next_check_at = outcome.next_check_at
    if before is not None and was == outcome.member and is_early_enough(before.next_check_at, next_check_at, now):
        return False
    after = Membership(
        *place,
        pinned=None,
        by_rule=outcome.member,
        entered_at=before.entered_at if before and was == outcome.member else entered_at(person, revision, now),
        left_at=now if was and not outcome.member else before.left_at if before else None,
        next_check_at=next_check_at,
    )
    if (
        after.by_rule or after.next_check_at is not None or not revision.live
    ):  # one being built is told the person is done
        person.rows[place] = after
        change.put.append(after)
    elif before is not None:
        del person.rows[place]
        change.gone.append(before)
    if was == outcome.member:
        return False
    others = [held for held in change.segments if held != revision.id]
    change.segments = [*others, revision.id] if outcome.member else others
    pinned = (revision.segment, 0) in person.rows
    if revision.live and not pinned:
        change.told.append((revision.segment, outcome.member))
    return not pinned


def is_early_enough(stored: datetime | None, found: datetime | None, now: datetime) -> bool:
    if stored is None:
        return found is None
    return stored > now and (found is None or stored <= found)


def entered_at(person: Known, revision: Revision, now: datetime) -> datetime:
    """Now; for a revision that is being built since the one that serves."""
    if not revision.live:
        for (segment, _), row in person.rows.items():
            if segment == revision.segment and row.by_rule and row.entered_at:
                return row.entered_at
    return now


WRITE = {
    "put": """INSERT INTO dmp_membership (person, segment_id, revision, account_id, level, by_rule, entered_at, left_at,
        next_check_at)
    SELECT r.* FROM json_to_recordset(%(put)s::json) r(person uuid, segment bigint, revision bigint, account uuid,
        level text, by_rule boolean, entered_at timestamptz, left_at timestamptz, next_check_at timestamptz)
    ON CONFLICT (person, segment_id, revision) DO UPDATE SET by_rule = EXCLUDED.by_rule,
        entered_at = EXCLUDED.entered_at, left_at = EXCLUDED.left_at, next_check_at = EXCLUDED.next_check_at""",
    "gone": """DELETE FROM dmp_membership m
    USING json_to_recordset(%(gone)s::json) r(person uuid, segment bigint, revision bigint)
    WHERE m.person = r.person AND m.segment_id = r.segment AND m.revision = r.revision""",
    "told": f"""INSERT INTO dmp_membership_change (person, id, segment_id, account_id, level, entered, at, cause,
        untold)
    SELECT r.person, r.id, r.segment, %(account)s, r.level, r.entered, %(now)s, %(cause)s,
        {untold("%(account)s", "r.segment")}
    FROM json_to_recordset(%(told)s::json) r(person uuid, id uuid, segment bigint, level text, entered boolean)""",
}
MOVED = """UPDATE {table} p SET segments = r.segments, due_at = r.due_at, lease_until = NULL
    FROM json_to_recordset(%({name})s::json) r(key uuid, segments bigint[], due_at timestamptz) WHERE p.key = r.key"""


@cache
def write_statement(names: tuple[str, ...]) -> str:
    """The parts of these names, memberships' or levels', in one statement."""
    parts = [f"{name} AS ({WRITE.get(name) or MOVED.format(name=name, table=levels[name].table)})" for name in names]
    return f"WITH {', '.join(parts)} SELECT"


def write(account: UUID, changes: Collection[Change], now: datetime, cause: str) -> None:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in (*WRITE, *levels)}
    for change in changes:
        person, key, level = change.person, change.person.key, change.person.level
        rows["put"] += [row_of(membership, key, level, account) for membership in change.put]
        rows["gone"] += [{"person": key, "segment": row.segment, "revision": row.revision} for row in change.gone]
        rows["told"] += [
            {"person": key, "id": uuid7(), "segment": segment, "level": level, "entered": entered}
            for segment, entered in change.told
        ]
        if change.segments != person.segments or change.due_at != person.due_at:
            rows[level].append({"key": key, "segments": change.segments, "due_at": change.due_at})
    values: dict[str, Any] = {name: text(some) for name, some in rows.items() if some}
    sql.run(write_statement(tuple(values)), values | {"account": account, "now": now, "cause": cause})


def row_of(membership: Membership, person: UUID, level: str, account: UUID) -> dict[str, Any]:
    return {
        "person": person,
        "segment": membership.segment,
        "revision": membership.revision,
        "account": account,
        "level": level,
        "by_rule": membership.by_rule,
        "entered_at": membership.entered_at,
        "left_at": membership.left_at,
        "next_check_at": membership.next_check_at,
    }


def text(rows: list[dict[str, Any]]) -> str:
    return encode(rows).decode()
