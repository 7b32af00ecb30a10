"""A trial by both executors, without a trace: in temporary tables that hide the real ones."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import JSONField, TextField, Value
from django.db.models.functions import Cast

from dmp.event_types import DOCUMENTED
from dmp.events import encode
from dmp.models import Event, Membership, Visitor
from dmp.segments import facts, rules
from dmp.segments.active import COLUMNS
from dmp.segments.compile import ask
from dmp.segments.compile.sources import of_keys
from dmp.segments.evaluate import evaluate
from dmp.segments.levels import VISITORS
from segmenthub.trial.reading import Trial
from segmenthub.trial.types import fits_type

TABLES = ("dmp_visitor", "dmp_event", "dmp_membership")
LIMITED = [
    ("dmp_event", "event"),
    *(("dmp_visitor", name) for name in ("device", "platform", "country", "language")),
]
ACCOUNT = UUID(int=0)


class Answer(NamedTuple):
    member: bool
    next_check_at: datetime | None


def try_out(trials: Sequence[Trial]) -> Iterator[tuple[Answer, Answer]]:
    """What the executor of one person and that of a set of people say of each line, in their order. Runs in a
    transaction of the caller's, in temporary tables of the real ones' names."""
    keys = [UUID(int=number + 1) for number in range(len(trials))]
    named = {name for trial in trials for name in rules.segments_named(trial.rule)}
    entered = {name for trial in trials for name in trial.facts.segments}
    references = {name: (number + 1, 0) for number, name in enumerate(sorted(named | entered))}
    write(trials, keys, references)
    groups: dict[Any, list[UUID]] = defaultdict(list)
    for key, trial in zip(keys, trials, strict=True):
        groups[trial.rule, trial.facts.zone.key, trial.now].append(key)
    by_set: dict[UUID, Answer] = {}
    for (rule, zone, now), people in groups.items():
        rows = ask(rule, of_keys(PEOPLE, people), references, ZoneInfo(zone), now, everyone=True)
        by_set.update((person, Answer(member, at)) for person, member, at in rows)
    for key, trial in zip(keys, trials, strict=True):
        yield Answer(*evaluate(trial.rule, trial.facts, trial.now)), by_set[key]


PEOPLE = replace(
    VISITORS,
    plain=VISITORS.plain.replace("v.visitor_id::text", "coalesce(v.attributes ->> '$bucket', '')"),
    people=VISITORS.people.replace("v.visitor_id::text", "coalesce(v.attributes ->> '$bucket', '')"),
)
"""Visitors whose bucket is what the line says."""


def make_tables() -> None:
    """Tables of the connection's own, which hide the real ones until the transaction ends."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"CREATE TEMP TABLE {table} (LIKE public.{table} INCLUDING DEFAULTS) ON COMMIT DROP")
        for table, column in LIMITED:  # what a line says of a person may be longer than the door takes
            cursor.execute(f"ALTER TABLE pg_temp.{table} ALTER {column} TYPE text")
        cursor.execute("CREATE INDEX ON pg_temp.dmp_event (visitor, time)")
        cursor.execute("CREATE INDEX ON pg_temp.dmp_visitor (key)")
        cursor.execute("CREATE INDEX ON pg_temp.dmp_membership (segment_id, person)")


def write(trials: Sequence[Trial], keys: Sequence[UUID], references: Mapping[str, tuple[int, int]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(f'pg_temp.{table}' for table in TABLES)}")
    Visitor.objects.bulk_create(visitor(trial.facts, key) for trial, key in zip(trials, keys, strict=True))
    Event.objects.bulk_create(
        event(found, key, index)
        for trial, key in zip(trials, keys, strict=True)
        for index, found in enumerate(trial.facts.events)
    )
    Membership.objects.bulk_create(
        Membership(
            person=key,
            segment_id=references[name][0],
            account_id=ACCOUNT,
            level="visitor",
            pinned="in",
            entered_at=entered_at,
        )
        for trial, key in zip(trials, keys, strict=True)
        for name, entered_at in trial.facts.segments.items()
    )


def visitor(known: facts.Facts, key: UUID) -> Visitor:
    def first(name: str) -> Any:
        found = known.attributes.get(name)
        return found.values[0] if found and found.values else None

    stored: dict[str, Any] = {
        name: {"values": held.values, "changed": held.changed.isoformat() if held.changed else None}
        for name, held in known.attributes.items()
        if not name.startswith("$")
    }
    return Visitor(
        key=key,
        visitor_id=key,
        account_id=ACCOUNT,
        created_at=known.first_seen or facts.BEGINNING,
        first_seen=first("$firstSeen"),
        last_seen=first("$lastSeen"),
        attributes=as_json(stored | {"$bucket": known.bucket}),
        utm={name: first(f"$utm.{name}") for name in ("source", "medium", "campaign")},
        profile=key if first("$known") else None,
        **{name: first(f"${name}") for name in ("device", "platform", "country", "language")},
    )


def event(found: facts.Event, key: UUID, index: int) -> Event:
    """As the door would store it: documented properties that fit have columns."""
    columns: dict[str, Any] = {}
    loose: dict[str, Any] = {}
    for name, values in found.values.items():
        if name in COLUMNS and fits_column(name, values):
            columns[COLUMNS[name]] = list(values) if name == "purchasedItems" else values[0] if values else None
        loose[name] = values
    return Event(
        visitor=key,
        time=found.time,
        id=UUID(int=index),
        account_id=ACCOUNT,
        event=found.code,
        properties=as_json(loose),
        **columns,
    )


def fits_column(name: str, values: Sequence[Any]) -> bool:
    documented = DOCUMENTED.get(name)
    if documented is None:
        return len(values) <= 1 and all(type(value) is str for value in values)
    fit = all(fits_type(documented.type, value) for value in values)
    return fit and (documented.many or len(values) <= 1)


def as_json(value: dict[str, Any]) -> Cast:
    """With each digit of its numbers."""
    return Cast(Value(encode(value).decode(), TextField()), JSONField())
