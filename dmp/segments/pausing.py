"""Pausing segments, and taking builds back.

A paused segment is evaluated no more: it keeps who was in at that instant, for all that uses it, until it is resumed.
Then it is built aside as an edit is, and switched to. A cancelled build leaves what serves; the first one of a segment
leaves a draft. All of it holds the account's row, as the start of a build and the switch do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts import snapshot
from accounts.clock import now
from accounts.models import Account
from accounts.snapshot import Configuration
from dmp.models import BuildPart, Segment, SegmentRevision
from dmp.segments.build import reachable
from dmp.segments.levels import levels
from dmp.segments.members import bring_up_to_date
from dmp.segments.references import segments_in

BUILDING, LIVE, PAUSED = Segment.Status.BUILDING, Segment.Status.LIVE, Segment.Status.PAUSED
DRAFT, FAILED = Segment.Status.DRAFT, Segment.Status.FAILED


class Refused(Exception):
    """The segment is not in a state for this; the message says what to do."""


def pause(configuration: Configuration, segment: int, at: datetime) -> Segment:
    """Keeps the members as they are at this instant. Raises Refused."""
    for level in levels:
        bring_up_to_date(configuration, segment, level, at)
    with alone(configuration.id, segment) as row:
        if row.status == BUILDING:
            raise Refused("It is being built. Wait until it is live, or cancel the build.")
        if row.status not in (LIVE, FAILED) or row.revision is None or row.paused_at is not None:
            raise Refused("Only a live segment with a rule can be paused.")
        SegmentRevision.objects.filter(pk=row.revision).update(state=SegmentRevision.State.PAUSED)
        row.status, row.paused_at, row.failure = PAUSED, at, ""
        save(row)
    return row


def build_again(account: UUID, segment: int) -> Segment:
    """Has the workers build a segment that is paused, a draft or failed; until then it stays as it is. Raises
    Refused."""
    with alone(account, segment) as row:
        if row.status not in (PAUSED, DRAFT, FAILED) or row.rule is None:
            raise Refused("Only a segment that is paused, a draft or failed can be built again.")
        row.status, row.failure = BUILDING, ""
        save(row)
    return row


def cancel(account: UUID, segment: int) -> Segment:
    """Takes back the build of a segment, with the edit that asked for it; until the next one it is not built again.
    What else was in that build begins anew, without those that were in it for this segment's sake alone. Raises
    Refused."""
    with alone(account, segment) as row:
        if row.status != BUILDING:
            raise Refused("It is not being built.")
        mine = SegmentRevision.objects.filter(segment=row, state=SegmentRevision.State.BUILDING).first()
        others = call_off(mine.build, row) if mine else []
        if mine is not None:  # what it was to be bound to is no reason to begin again
            declined = {"definitions": mine.definitions, "types": mine.types, "zone": mine.zone}
            SegmentRevision.objects.filter(pk=row.revision or 0).update(declined=declined)
        take_back(row)
        save(row)
        for other in others:
            if other.revision is not None and other.paused_at is None and other.rule == other.served_rule():
                other.status = LIVE
                save(other)
    return row


@contextmanager
def alone(account: UUID, segment: int) -> Iterator[Segment]:
    """The segment as it is while nobody else begins a build or switches; all processes see the change soon after."""
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=account)
        yield Segment.objects.select_for_update().get(account=account, pk=segment)
    snapshot.clear()


def save(row: Segment) -> None:
    """As it stands: `Segment.save` would think about its status itself."""
    states = {"status": row.status, "paused_at": row.paused_at, "failure": row.failure, "rule": row.rule}
    Segment.objects.filter(pk=row.pk).update(**states)


def call_off(build: UUID, segment: Segment) -> list[Segment]:
    """Retires the revisions of a build; gives its segments that depend on this one."""
    revisions = SegmentRevision.objects.filter(build=build, state=SegmentRevision.State.BUILDING)
    rows = list(Segment.objects.filter(revisions__in=revisions).exclude(pk=segment.pk).distinct())
    revisions.update(state=SegmentRevision.State.RETIRED, retired_at=now())
    BuildPart.objects.filter(build=build).delete()
    every = Segment.objects.filter(account=segment.account_id).values_list("name", "rule")
    names = {name: {found for found, _ in segments_in(rule)} for name, rule in every}
    return [row for row in rows if segment.name in reachable({row.name}, names)]


def take_back(row: Segment) -> None:
    """To how it was before the build; a paused segment keeps an edited rule, as that is not served anyway."""
    if row.paused_at is not None:
        row.status = PAUSED
    elif row.revision is None:
        row.status = DRAFT
    else:
        row.status, row.rule = LIVE, row.served_rule()
