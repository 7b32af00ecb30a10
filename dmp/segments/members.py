"""Who is in a segment, at this instant: those whose time has come are evaluated before they are listed."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from accounts.snapshot import Configuration
from dmp import sql
from dmp.memberships import COUNTS, revision_of
from dmp.models import MembershipChange
from dmp.segments.active import Active, active
from dmp.segments.refresh import refresh

BATCH = 500
DUE = """SELECT DISTINCT person FROM dmp_membership WHERE segment_id = ANY(%(segments)s)
    AND revision = ANY(%(revisions)s) AND level = %(level)s AND next_check_at <= %(now)s LIMIT %(most)s"""
PAGE = f"""SELECT m.person, m.entered_at FROM dmp_membership m
    WHERE m.segment_id = %(segment)s AND m.revision IN (0, %(revision)s) AND m.level = %(level)s
        AND m.person > %(after)s AND {COUNTS}
    ORDER BY m.person LIMIT %(limit)s"""
NOBODY_BEFORE = UUID(int=0)


class Member(NamedTuple):
    person: UUID
    entered_at: datetime


def bring_up_to_date(configuration: Configuration, segment: int, level: str, now: datetime) -> None:
    """Evaluates those people whose answer for this segment may have changed by time alone."""
    revisions = concerned(active.of(configuration), segment)
    if not revisions:
        return
    values = {"segments": sorted(set(revisions.values())), "revisions": sorted(revisions), "level": level, "now": now}
    while people := [person for (person,) in sql.run(DUE, values | {"most": BATCH})]:
        refresh(configuration, {level: sorted(people)}, now, MembershipChange.Cause.CLOCK, ())


def concerned(known: Active, segment: int) -> dict[int, int]:
    """The revisions that serve a segment and all that it depends on, with their segments."""
    by_id = {revision.id: revision for revision in known.revisions}
    left = [revision for revision in known.revisions if revision.live and revision.segment == segment]
    found: dict[int, int] = {}
    while left:
        revision = left.pop()
        if revision.id not in found:
            found[revision.id] = revision.segment
            left += [by_id[bound.revision] for bound in revision.references.values() if bound.revision in by_id]
    return found


def page(
    configuration: Configuration, segment: int, level: str, now: datetime, *, after: UUID | None, limit: int
) -> list[Member]:
    """Members in the order of their keys."""
    bring_up_to_date(configuration, segment, level, now)
    values: dict[str, Any] = {"segment": segment, "revision": revision_of(configuration, segment), "level": level}
    rows = sql.run(PAGE, values | {"after": after or NOBODY_BEFORE, "limit": limit})
    return [Member(*row) for row in rows]
