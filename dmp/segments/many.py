"""The outcome of a revision for many people."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from accounts.snapshot import Configuration
from dmp import sql
from dmp.segments import reading
from dmp.segments.active import Revision
from dmp.segments.levels import Facts
from dmp.segments.refresh import ask

Row = tuple[UUID, bool, datetime | None]
"""(person, member, next check)."""
BATCH = 500


def outcomes(
    configuration: Configuration, revision: Revision, level: Facts, low: UUID, high: UUID | None, now: datetime
) -> list[Row]:
    """Of the people with low <= key < high those who are in, or whose answer time can change."""
    found: list[Row] = []
    after = low
    first = True
    wanted = reading.wanted([revision], now)
    while keys := page(configuration.id, level, after, high, first=first):
        for person in reading.read({level.name: keys}, wanted, configuration.zone):
            outcome = ask(configuration, revision, person, now)
            if outcome.member or outcome.next_check_at is not None:
                found.append((person.key, outcome.member, outcome.next_check_at))
        after, first = keys[-1], False
    return found


def page(account: UUID, level: Facts, after: UUID, high: UUID | None, *, first: bool) -> Sequence[UUID]:
    rows = sql.run(
        f"""SELECT key FROM {level.table} WHERE account_id = %(account)s
            AND (key > %(after)s OR (%(first)s AND key = %(after)s))
            AND (%(high)s::uuid IS NULL OR key < %(high)s) ORDER BY key LIMIT {BATCH}""",  # noqa: S608
        {"account": account, "after": after, "high": high, "first": first},
    )
    return [key for (key,) in rows]
