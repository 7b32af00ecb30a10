"""Many people whose time has come together, at midnight or on a common date: one statement for each rule that is due,
instead of one evaluation for each person."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.clock import now as clock_now
from accounts.snapshot import Configuration
from dmp.segments import reading
from dmp.segments.active import Revision, active
from dmp.segments.compile import ask
from dmp.segments.compile.sources import of_keys
from dmp.segments.evaluate.outcome import Outcome
from dmp.segments.levels import Facts
from dmp.segments.reading import Known
from dmp.segments.refresh import Change, late_of, lock, moves, refresh, settle, write

CROWD = 100
"""From so many people on a statement is faster."""


def refresh_crowd(configuration: Configuration, level: Facts, keys: Sequence[UUID], cause: str) -> None:
    """Evaluates what is due of these people. Rules that name segments need those settled: they follow one by one."""
    known = active.of(configuration)
    with transaction.atomic():
        lock({level.name: keys})
        now = clock_now()  # no event of theirs happens after it before all is written
        people = reading.read({level.name: keys}, reading.wanted((), now), configuration.zone)
        late = {person.key: late_of(person, now) for person in people}
        changes = {person.key: Change(person, person.segments) for person in people}
        one_by_one: set[UUID] = set()
        dependants: set[Revision] = set()
        for revision in known.revisions:
            concerned = [person for person in people if revision.id in late[person.key]]
            if revision.references:
                one_by_one.update(person.key for person in concerned)
                continue
            outcomes = asked(configuration, revision, level, concerned, now) if concerned else {}
            for person in concerned:
                if settle(changes[person.key], revision, outcomes[person.key], now) and known.dependants(revision):
                    dependants.update(known.dependants(revision))
                    one_by_one.add(person.key)
        if moved := [change for change in changes.values() if moves(change, known)]:
            write(configuration.id, moved, now, cause)
        if one_by_one:
            refresh(configuration, {level.name: sorted(one_by_one)}, now, cause, dependants, locked=True)


def asked(
    configuration: Configuration, revision: Revision, level: Facts, people: Sequence[Known], now: datetime
) -> dict[UUID, Outcome]:
    source = of_keys(level, [person.key for person in people])
    rows = ask(revision.rule, source, {}, revision.zone, now, everyone=True)
    return {person: Outcome(member, next_check_at) for person, member, next_check_at in rows}
