"""Edits of segments: new revisions are built aside, while the old serve, and switched to in one transaction.

`start` makes the revisions of all segments that were edited, and of those that depend on them, with a work list in
PostgreSQL: one part for each revision, level and range of people. `work` does one part; any number of workers do so
side by side, and a part whose worker died is free again when its lease, which lives only as long as the worker, runs
out. The last one done switches.

From the moment a revision is known to all processes, events that touch it decide on their people and leave a row; a
part only adds rows for people that have none. So a part's older answer never overwrites a newer one.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction

from accounts import snapshot
from accounts.clock import now
from accounts.models import Account, Attribute
from accounts.snapshot import Configuration
from dmp import sql
from dmp.models import BuildPart, Segment, SegmentRevision
from dmp.segments.active import Revision, active
from dmp.segments.compile import Row
from dmp.segments.lease import LEASE, kept
from dmp.segments.levels import Facts, levels
from dmp.segments.many import outcomes
from dmp.segments.operands import RuleError
from dmp.segments.outdated import bind_meaning, outdated
from dmp.segments.parse import parse
from dmp.segments.references import attributes_in
from dmp.segments.refresh import lock
from dmp.segments.rules import segments_named
from dmp.segments.vocabulary import vocabulary
from dmp.webhooks import untold

logger = logging.getLogger(__name__)
KNOWN_TO_ALL = timedelta(seconds=6 * settings.SNAPSHOT_SECONDS)  # a busy machine loads late
"""After this each process evaluates a new revision, and none the one before a switch."""
MAX_ATTEMPTS = 3
PEOPLE_PER_PART = 250_000
CHUNK = 200
"""People who are locked at a time: an event of one of them waits for the others."""
BUILDING, LIVE, RETIRED = SegmentRevision.State.BUILDING, SegmentRevision.State.LIVE, SegmentRevision.State.RETIRED


def start(account: UUID, *, again: Sequence[str] | None = None) -> UUID | None:
    """Begins the build of what was edited (`again`: of these segments in any case), and gives its id; None when there
    is nothing to build."""
    with transaction.atomic():
        build = begin(Account.objects.select_for_update(no_key=True).get(pk=account), again or ())
    snapshot.clear()
    return build


def begin(account: Account, again: Sequence[str]) -> UUID | None:
    """`start` in its transaction, with the account's row locked."""
    segments = {row.name: row for row in Segment.objects.filter(account=account)}
    let_go_of_rules(segments.values())
    late = outdated(account.pk)
    Segment.objects.filter(pk__in=late, status=Segment.Status.LIVE).update(status=Segment.Status.BUILDING)
    wanted = {row.name for row in segments.values() if row.pk in late}
    wanted |= {row.name for row in segments.values() if row.name in again and row.rule is not None}
    wanted |= {row.name for row in segments.values() if is_stale(row)}
    if not wanted:
        return None
    running = SegmentRevision.objects.filter(segment__account=account, state=BUILDING)
    wanted |= set(running.values_list("segment__name", flat=True))
    rules = readable(Configuration(account, 0), segments)
    wanted = with_dependants(wanted & set(rules), rules)
    running.update(state=RETIRED, retired_at=now())
    BuildPart.objects.filter(account=account).delete()
    if not wanted:
        return None
    build = uuid4()
    make_revisions(build, wanted, rules, segments)
    bind_meaning(build)
    make_parts(build, account.pk)
    return build


def is_stale(segment: Segment) -> bool:
    if segment.status != Segment.Status.BUILDING or segment.rule is None:
        return False
    building = segment.revisions.filter(state=BUILDING).first()
    return building is None or building.rule != segment.rule


def let_go_of_rules(segments: Any) -> None:
    """A segment whose rule was taken away is static from now on."""
    for segment in segments:
        if segment.rule is None and segment.status == Segment.Status.BUILDING:
            values = {"segment": segment.pk, "now": now(), "mine": segment.revision or -1, "other": -1}
            sql.run(TOLD, values | {"entered": False})
            segment.revisions.exclude(state=RETIRED).update(state=RETIRED, retired_at=now())
            Segment.objects.filter(pk=segment.pk).update(
                revision=None, status=Segment.Status.LIVE, failure="", paused_at=None
            )
            segment.revision = None


def readable(found: Configuration, segments: dict[str, Segment]) -> dict[str, set[str]]:
    """The segments that each rule names; a segment whose rule cannot be read fails, and says why."""
    known = vocabulary(found)
    names: dict[str, set[str]] = {}
    for segment in segments.values():
        if segment.rule is None or segment.status in (Segment.Status.DRAFT, Segment.Status.PAUSED):
            continue
        try:
            names[segment.name] = segments_named(parse(segment.rule, known))
        except RuleError as error:
            fail(segment.pk, str(error))
    for name in in_circles(names):
        fail(segments[name].pk, "The rule names itself by way of other segments. Take one of the references out.")
        del names[name]
    return names


def fail(segment: int, why: str) -> None:
    Segment.objects.filter(pk=segment).update(status=Segment.Status.FAILED, failure=why)


def in_circles(names: dict[str, set[str]]) -> set[str]:
    """Those that lead back to themselves."""
    return {name for name in names if name in reachable(names[name], names)}


def reachable(start: set[str], names: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    left = list(start)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += names.get(name, ())
    return found


def with_dependants(wanted: set[str], names: dict[str, set[str]]) -> set[str]:
    return {name for name in names if name in wanted or wanted & reachable(names[name], names)}


def make_revisions(build: UUID, wanted: set[str], names: dict[str, set[str]], segments: dict[str, Segment]) -> None:
    """In topological order, each bound to the new revisions of what it names where there are some."""
    made: dict[str, SegmentRevision] = {}
    account = next(iter(segments.values())).account_id
    attributes = dict(Attribute.objects.filter(account=account).values_list("name", "computed"))
    while len(made) < len(wanted):
        for name in sorted(wanted - set(made)):
            if not names[name] & wanted <= set(made):
                continue
            bound = {other: bind(segments[other], made.get(other)) for other in sorted(names[name])}
            ranks = SegmentRevision.objects.filter(pk__in=[revision for _, revision in bound.values()])
            made[name] = SegmentRevision.objects.create(
                segment=segments[name],
                rule=segments[name].rule,
                references=bound,
                definitions={one: attributes.get(one) for one in attributes_in(segments[name].rule)},
                build=build,
                rank=max((rank + 1 for rank in ranks.values_list("rank", flat=True)), default=0),
                created_at=now(),
            )
    Segment.objects.filter(pk__in=[segments[name].pk for name in made]).update(status=Segment.Status.BUILDING)


def bind(segment: Segment, new: SegmentRevision | None) -> list[int]:
    return [segment.pk, new.pk if new else segment.revision or 0]


def make_parts(build: UUID, account: UUID) -> None:
    revisions = SegmentRevision.objects.filter(build=build)
    BuildPart.objects.bulk_create(
        BuildPart(build=build, account_id=account, revision=row.pk, rank=row.rank, level=level.name, low=low, high=high)
        for level in levels.values()
        for low, high in ranges(level, account)
        for row in revisions
    )


def ranges(level: Facts, account: UUID) -> Iterator[tuple[UUID, UUID | None]]:
    """The keys in pieces; keys are hashes, so that equal pieces hold about as many people."""
    people = level.model._default_manager.filter(account=account).count()
    pieces = max(1, -(-people // PEOPLE_PER_PART))
    edges = [UUID(int=(1 << 128) * n // pieces) for n in range(pieces)]
    yield from zip(edges, [*edges[1:], None], strict=True)


CLAIM = """UPDATE dmp_build_part SET lease_until = %(until)s, attempts = attempts + 1 WHERE id = (
        SELECT p.id FROM dmp_build_part p
        WHERE p.done_at IS NULL AND p.attempts < %(most)s AND (p.lease_until IS NULL OR p.lease_until <= %(now)s)
            AND (%(account)s::uuid IS NULL OR p.account_id = %(account)s)
            AND EXISTS (SELECT FROM dmp_segment_revision r WHERE r.id = p.revision AND r.state = 'building'
                AND r.created_at <= %(since)s)
            AND NOT EXISTS (SELECT FROM dmp_build_part b WHERE b.build = p.build AND b.rank < p.rank
                AND b.done_at IS NULL)
            AND (SELECT count(*) FROM dmp_build_part b WHERE b.done_at IS NULL AND b.lease_until > %(now)s)
                < %(at_once)s
        ORDER BY p.rank, p.id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id"""


def work(account: UUID | None = None) -> bool:
    """Does one part, of any account or of this one; False when none is free."""
    at = now()
    give_up_lost(at)
    values = {
        "until": at + LEASE,
        "now": at,
        "since": at - KNOWN_TO_ALL,
        "most": MAX_ATTEMPTS,
        "account": account,
        "at_once": settings.BUILDS_AT_ONCE,
    }
    rows = sql.run(CLAIM, values)
    if not rows:
        return False
    part = BuildPart.objects.get(pk=rows[0][0])
    found = snapshot.configuration(part.account_id) or missing(part)
    revision = revision_of(found, part)
    if revision is None:  # made a moment ago: loading all of them for each part would be most of a build
        found = snapshot.newer(found)
        revision = revision_of(found, part)
    try:
        with kept(part):
            do(found, part, revision or missing_rule(part))
    except Exception as error:
        if not BuildPart.objects.filter(pk=part.pk).exists():  # cancelled by a newer edit
            return True
        logger.exception("building revision %s", part.revision)
        if part.attempts >= MAX_ATTEMPTS:
            give_up(part, error)
        BuildPart.objects.filter(pk=part.pk).update(lease_until=None)
        return True
    BuildPart.objects.filter(pk=part.pk).update(done_at=now())
    if not BuildPart.objects.filter(build=part.build, done_at=None).exists():
        switch(part.account_id, part.build)
    return True


def revision_of(found: Configuration, part: BuildPart) -> Revision | None:
    return next((revision for revision in active.of(found).revisions if revision.id == part.revision), None)


def missing(part: BuildPart) -> Configuration:
    raise RuntimeError(f"the account {part.account_id} of a build is gone")


def missing_rule(part: BuildPart) -> Revision:
    raise RuntimeError("the rule names something that is not there any more")


def give_up_lost(at: datetime) -> None:
    """Builds of which a part has ended its worker as often as it may be tried."""
    for part in BuildPart.objects.filter(done_at=None, attempts__gte=MAX_ATTEMPTS, lease_until__lte=at):
        give_up(part, RuntimeError(f"its worker was ended {MAX_ATTEMPTS} times"))


def give_up(part: BuildPart, error: Exception) -> None:
    """A build that failed three times says so; what was served before serves on."""
    revisions = SegmentRevision.objects.filter(build=part.build, state=BUILDING)
    Segment.objects.filter(revisions__in=revisions).update(
        status=Segment.Status.FAILED, failure=f"It could not be built: {error}"[:500]
    )
    revisions.update(state=RETIRED, retired_at=now())
    BuildPart.objects.filter(build=part.build).delete()


def do(found: Configuration, part: BuildPart, revision: Revision) -> None:
    level = levels[part.level]
    at = now()
    rows = outcomes(found, revision, level, part.low, part.high, at)
    for index in range(0, len(rows), CHUNK):
        if not BuildPart.objects.filter(pk=part.pk).exists():  # cancelled by a newer edit
            return
        add(found, revision, level, sorted(rows[index : index + CHUNK]), at)


LATER = "SET LOCAL synchronous_commit = off"
"""Nobody waits for the disk with people locked: what commits as usual afterwards, such as that the part is done, is on
the disk after this."""
ADD = """WITH put AS (
    INSERT INTO dmp_membership (person, segment_id, revision, account_id, level, by_rule, entered_at, next_check_at)
    SELECT r.person, %(segment)s, %(revision)s, %(account)s, %(level)s, r.member,
        CASE WHEN r.member THEN coalesce(o.entered_at, %(now)s) END, r.next_check_at
    FROM unnest(%(people)s::uuid[], %(members)s::boolean[], %(checks)s::timestamptz[]) r(person, member, next_check_at)
    LEFT JOIN dmp_membership o ON o.person = r.person AND o.segment_id = %(segment)s AND o.by_rule
        AND o.revision = (SELECT revision FROM dmp_segment WHERE id = %(segment)s)
    ON CONFLICT (person, segment_id, revision) DO NOTHING
    RETURNING person, by_rule, next_check_at
)
UPDATE TABLE p SET segments = CASE WHEN put.by_rule THEN p.segments || %(revision)s::bigint ELSE p.segments END,
    due_at = least(p.due_at, put.next_check_at)
FROM put WHERE p.key = put.person AND p.key = ANY(%(people)s)"""


def add(found: Configuration, revision: Revision, level: Facts, rows: Sequence[Row], at: datetime) -> None:
    """Adds members that no event has decided on."""
    people = [row[0] for row in rows]
    values = {
        "people": people,
        "members": [row[1] for row in rows],
        "checks": [row[2] for row in rows],
        "segment": revision.segment,
        "revision": revision.id,
        "account": found.id,
        "level": level.name,
        "now": at,
    }
    with sql.Transaction():
        sql.run(LATER, {})
        lock({level.name: people})
        sql.run(ADD.replace("TABLE", level.table), values)


TOLD = f"""INSERT INTO dmp_membership_change (person, id, segment_id, account_id, level, entered, at, cause, untold)
    SELECT m.person, gen_random_uuid(), m.segment_id, m.account_id, m.level, %(entered)s, %(now)s, 'edit',
        {untold("m.account_id", "m.segment_id")}
    FROM dmp_membership m
    WHERE m.segment_id = %(segment)s AND m.revision = %(mine)s AND m.by_rule
        AND NOT EXISTS (SELECT FROM dmp_membership o WHERE o.person = m.person AND o.segment_id = m.segment_id
            AND ((o.revision = %(other)s AND o.by_rule) OR o.revision = 0))"""


def switch(account: UUID, build: UUID) -> None:
    """From here on the new revisions serve, all at once."""
    at = now()
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=account)
        new = list(SegmentRevision.objects.filter(build=build, state=BUILDING).select_related("segment"))
        for revision in new:
            segment = revision.segment
            values = {"segment": segment.pk, "now": at}
            old = segment.revision or -1
            sql.run(TOLD, values | {"mine": revision.pk, "other": old, "entered": True})
            sql.run(TOLD, values | {"mine": old, "other": revision.pk, "entered": False})
            SegmentRevision.objects.filter(pk=old).update(state=RETIRED, retired_at=at)
            status = Segment.Status.LIVE if segment.rule == revision.rule else Segment.Status.BUILDING
            Segment.objects.filter(pk=segment.pk).update(
                revision=revision.pk, status=status, failure="", paused_at=None
            )
        SegmentRevision.objects.filter(build=build, state=BUILDING).update(state=LIVE)
        BuildPart.objects.filter(build=build).delete()


def progress(segment: Segment) -> int:
    """Percent done of the build that the segment waits for."""
    revision = segment.revisions.filter(state=BUILDING).first()
    if revision is None:
        return 0
    parts = BuildPart.objects.filter(build=revision.build)
    total = parts.count()
    return 100 * parts.exclude(done_at=None).count() // total if total else 100


def build_now(account: UUID, *, again: Sequence[str] | None = None) -> None:
    """Builds what was edited and waits until it serves: for commands and tests. Helps the workers."""
    start(account, again=again)
    while SegmentRevision.objects.filter(segment__account=account, state=BUILDING).exists():
        if not work(account):
            time.sleep(min(0.1, KNOWN_TO_ALL.total_seconds()))
    snapshot.clear()


def accounts_to_build() -> list[UUID]:
    """Those with edits that nobody builds yet."""
    edited = Segment.objects.filter(status=Segment.Status.BUILDING)
    accounts = edited.order_by("account_id").values_list("account_id", flat=True).distinct()
    return list(dict.fromkeys([*(account for account in accounts if any_stale(account)), *outdated().values()]))


def any_stale(account: UUID) -> bool:
    rows = Segment.objects.filter(account=account, status=Segment.Status.BUILDING)
    return any(row.rule is None or is_stale(row) for row in rows)
