"""Who is in which segment. Effective membership is the pin, else the rule; each change leaves a row of history.

A person's row is locked before its memberships are changed, and repeats them in arrays, so that a decision needs no
join.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import models, transaction
from uuid_utils.compat import uuid7

from accounts.snapshot import Configuration, Part
from dmp import sql
from dmp.models import Membership, MembershipChange, Segment

segments: Part[dict[str, int]] = Part(
    lambda account: dict(Segment.objects.filter(account=account).values_list("name", "pk"))
)
"""Segment ids by name."""


class Standing(NamedTuple):
    """A person's segments by id: those it is in, and those pinned in or out."""

    segments: frozenset[int]
    pins_in: frozenset[int]
    pins_out: frozenset[int]


NOBODY = Standing(frozenset(), frozenset(), frozenset())


def standing(row: tuple[Any, ...]) -> Standing:
    """From the columns (segments, pins_in, pins_out) of a person."""
    return Standing(frozenset(row[0]), frozenset(row[1]), frozenset(row[2])) if row[0] or row[2] else NOBODY


def together(visitor: Standing, profile: Standing) -> frozenset[int]:
    """The segments that a decision uses: of both, without those that either has pinned out; the profile's pin beats
    the visitor's."""
    if visitor is NOBODY and profile is NOBODY:
        return frozenset()
    out = profile.pins_out | (visitor.pins_out - profile.pins_in)
    return (visitor.segments | profile.segments) - out


class Pins(NamedTuple):
    """Segment ids to pin in, to pin out, and to give back to their rules."""

    assign: Collection[int] = ()
    remove: Collection[int] = ()
    release: Collection[int] = ()


def pin(person: type[models.Model], level: str, account: UUID, key: UUID, pins: Pins, now: datetime) -> None:
    """Pins one person. Pinning what is pinned the same way changes nothing."""
    wanted: dict[int, str | None] = dict.fromkeys(pins.assign, Membership.Pin.IN)
    wanted |= dict.fromkeys(pins.remove, Membership.Pin.OUT)
    wanted |= dict.fromkeys(pins.release, None)
    if not wanted:
        return
    table = person._meta.db_table
    with transaction.atomic():
        sql.run(f"SELECT 1 FROM {table} WHERE key = %(key)s FOR UPDATE", {"key": key})  # noqa: S608
        rows = {row.segment_id: row for row in Membership.objects.filter(person=key)}
        for segment, pinned in sorted(wanted.items()):
            row = rows.get(segment)
            if row is None:
                row = rows[segment] = Membership(person=key, segment_id=segment, account_id=account, level=level)
            set_pin(row, pinned, now)
        sql.run(
            f"UPDATE {table} SET segments = %(in)s, pins_in = %(pins_in)s, pins_out = %(pins_out)s WHERE key = %(key)s",  # noqa: S608
            {
                "key": key,
                "in": sorted(segment for segment, row in rows.items() if effective(row)),
                "pins_in": sorted(segment for segment, row in rows.items() if row.pinned == Membership.Pin.IN),
                "pins_out": sorted(segment for segment, row in rows.items() if row.pinned == Membership.Pin.OUT),
            },
        )


def effective(row: Membership) -> bool:
    return row.by_rule if row.pinned is None else row.pinned == Membership.Pin.IN


def set_pin(row: Membership, pinned: str | None, now: datetime) -> None:
    was = not row._state.adding and effective(row)
    row.pinned = pinned
    if effective(row) != was:
        entered = not was
        row.entered_at, row.left_at = (now, None) if entered else (row.entered_at, now)
        MembershipChange.objects.create(
            person=row.person,
            id=uuid7(),
            segment_id=row.segment_id,
            account_id=row.account_id,
            entered=entered,
            at=now,
            cause=MembershipChange.Cause.PIN,
        )
    if pinned is None and not row.by_rule and row.next_check_at is None:
        if not row._state.adding:
            row.delete()
        row.pinned = None
    else:
        row.save()


def names(configuration: Configuration, ids: Collection[int]) -> set[str]:
    known = segments.of(configuration)
    return {name for name, pk in known.items() if pk in ids}
