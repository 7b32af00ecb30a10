"""Who was in revisions that serve no more is forgotten, some people at a time, as they are locked meanwhile."""

import math
import time
from typing import Any
from uuid import UUID

from accounts.clock import now
from dmp import sql
from dmp.models import SegmentRevision
from dmp.segments.build import KNOWN_TO_ALL, LATER
from dmp.segments.levels import Facts, levels

AT_ONCE = 100
FORGET = (
    "SELECT 1 FROM dmp_segment_revision WHERE id = %(revision)s FOR NO KEY UPDATE SKIP LOCKED",
    """SELECT person FROM dmp_membership WHERE segment_id = %(segment)s AND revision = %(revision)s
        AND level = %(level)s ORDER BY person LIMIT %(most)s""",
    """UPDATE TABLE SET segments = array_remove(segments, %(revision)s::bigint)
        WHERE key IN (SELECT key FROM TABLE WHERE key = ANY(%(people)s) ORDER BY key FOR UPDATE)""",
    """DELETE FROM dmp_membership WHERE person = ANY(%(people)s) AND segment_id = %(segment)s
        AND revision = %(revision)s""",
)


def clean(account: UUID | None = None, *, seconds: float = math.inf) -> None:
    """Forgets who was in retired revisions, once no process reads them any more; what is left after the seconds, and
    what another worker is at, is for the next time."""
    until = time.monotonic() + seconds
    retired = SegmentRevision.objects.filter(state=SegmentRevision.State.RETIRED, retired_at__lte=now() - KNOWN_TO_ALL)
    for revision in retired.filter(segment__account=account) if account else retired.order_by("pk"):
        if not all(forget(revision, level, until) for level in levels.values()):
            return
        revision.delete()


def forget(revision: SegmentRevision, level: Facts, until: float) -> bool:
    """Whether nobody is left; False when the time is over, or another worker is at it: two would only wait for each
    other, with people locked, and keep the workers from what is due."""
    mine, read, take_out, delete = (text.replace("TABLE", level.table) for text in FORGET)
    values: dict[str, Any] = {"segment": revision.segment_id, "revision": revision.pk, "level": level.name}
    while time.monotonic() < until:
        with sql.Transaction():
            sql.run(LATER, {})
            if not sql.run(mine, values):
                return False
            people = [person for (person,) in sql.run(read, values | {"most": AT_ONCE})]
            if not people:
                return True
            sql.run(take_out, {"people": people, "revision": revision.pk})
            sql.run(delete, values | {"people": people})
    return False
