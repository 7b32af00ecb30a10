"""The clock: people whose answer time changes are evaluated within a second or two of it, for webhooks, history and
counts. Who reads a person before that evaluates it first, so that the clock can be late but no answer wrong."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from accounts import snapshot
from accounts.clock import now
from dmp import sql
from dmp.models import MembershipChange
from dmp.segments.active import active
from dmp.segments.crowd import CROWD, refresh_crowd
from dmp.segments.levels import Facts, levels
from dmp.segments.refresh import refresh

LEASE = timedelta(seconds=30)
BATCH = 1000


def due(level: Facts, at: datetime) -> dict[UUID, list[UUID]]:
    """Claims a batch of due people; keys by account. Who claims them at the same time gets others."""
    rows = sql.run(
        f"""UPDATE {level.table} SET lease_until = %(until)s
            WHERE key IN (SELECT key FROM {level.table} WHERE due_at <= %(now)s
                AND (lease_until IS NULL OR lease_until <= %(now)s) ORDER BY due_at LIMIT {BATCH})
            AND due_at <= %(now)s AND (lease_until IS NULL OR lease_until <= %(now)s)
            RETURNING account_id, key""",  # noqa: S608
        {"until": at + LEASE, "now": at},
    )
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for account, key in rows:
        found[account].append(key)
    return found


def tick() -> int:
    """Evaluates a batch of due people of each level; gives how many there were."""
    count = 0
    for level in levels.values():
        at = now()
        for account, keys in due(level, at).items():
            count += len(keys)
            configuration = snapshot.configuration(account)
            if configuration is None or not active.of(configuration).revisions:
                never(level, keys)
            elif len(keys) >= CROWD:
                refresh_crowd(configuration, level, sorted(keys), MembershipChange.Cause.CLOCK)
            else:
                refresh(configuration, {level.name: sorted(keys)}, at, MembershipChange.Cause.CLOCK, ())
    return count


def never(level: Facts, keys: Collection[UUID]) -> None:
    """Nothing becomes due of people whose account evaluates nothing: all its segments are paused or gone. What a
    revision that this process does not know yet waits for stays."""
    sql.run(
        f"""UPDATE {level.table} p SET lease_until = NULL, due_at = (SELECT min(m.next_check_at) FROM dmp_membership m
                JOIN dmp_segment_revision r ON r.id = m.revision AND r.state IN ('building', 'live')
                WHERE m.person = p.key)
            WHERE p.key = ANY(%(keys)s)""",  # noqa: S608
        {"keys": list(keys)},
    )


def oldest_due() -> datetime | None:
    """When the person that waits longest was due."""
    times = [
        at
        for level in levels.values()
        for (at,) in sql.run(f"SELECT min(due_at) FROM {level.table} WHERE due_at IS NOT NULL", {})  # noqa: S608
        if at is not None
    ]
    return min(times, default=None)
