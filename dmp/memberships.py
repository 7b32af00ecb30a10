"""Who is in which segment. Effective membership is the pin, else the rule; each change leaves a row of history.

A person's row is locked before its memberships are changed, and repeats them in arrays, so that a decision needs no
join.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import models, transaction
from uuid_utils.compat import uuid7

from accounts.snapshot import Configuration, Part
from dmp import sql
from dmp.events import encode
from dmp.models import Membership, Segment

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
    pin_all(person, level, account, {key: pins}, now)


def pin_all(person: type[models.Model], level: str, account: UUID, wanted: Mapping[UUID, Pins], now: datetime) -> None:
    """Pins people of one level, by their keys, in one transaction."""
    table = person._meta.db_table
    keys = sorted(key for key, pins in wanted.items() if any(pins))
    with transaction.atomic():
        # The rows are locked before their memberships are read: of two at once the second sees the first's.
        sql.run(f"SELECT 1 FROM {table} WHERE key = ANY(%(keys)s) ORDER BY key FOR UPDATE", {"keys": keys})
        rows: dict[UUID, dict[int, Row]] = {key: {} for key in keys}
        for key, segment, *columns in sql.run(READ, {"keys": keys}):
            rows[key][segment] = Row(*columns)
        written, changes = [], []
        for key in keys:
            for segment, pinned in asked(wanted[key]):
                before = rows[key].get(segment, NO_ROW)
                after = rows[key][segment] = pinned_row(before, pinned, now)
                written.append({"person": key, "segment": segment, **after._asdict()})
                if after.effective != before.effective:
                    entered = after.effective
                    changes.append({"person": key, "id": uuid7(), "segment": segment, "entered": entered})
        values = {"account": account, "level": level, "now": now}
        sql.run(WRITE, values | {"rows": encode(written).decode()})
        sql.run("DELETE FROM dmp_membership WHERE person = ANY(%(keys)s) AND " + EMPTY, {"keys": keys})
        sql.run(REMEMBER, {"account": account, "now": now, "rows": encode(changes).decode()})
        arrays = [{"key": key, **arrays_of(rows[key])} for key in keys]
        sql.run(REPEAT.replace("TABLE", table), {"rows": encode(arrays).decode(), "keys": keys})


class Row(NamedTuple):
    """A membership as it is stored."""

    pinned: str | None
    by_rule: bool
    entered_at: datetime | None
    left_at: datetime | None

    @property
    def effective(self) -> bool:
        return self.by_rule if self.pinned is None else self.pinned == Membership.Pin.IN


NO_ROW = Row(None, False, None, None)
EMPTY = "pinned IS NULL AND NOT by_rule AND next_check_at IS NULL"
READ = """SELECT person, segment_id, pinned, by_rule, entered_at, left_at FROM dmp_membership
    WHERE person = ANY(%(keys)s)"""
WRITE = """INSERT INTO dmp_membership (person, segment_id, account_id, level, pinned, by_rule, entered_at, left_at,
        revision)
    SELECT person, segment, %(account)s, %(level)s, pinned, by_rule, entered_at, left_at, 0
    FROM json_to_recordset(%(rows)s::json) r(person uuid, segment bigint, pinned text, by_rule boolean,
        entered_at timestamptz, left_at timestamptz)
    ON CONFLICT (person, segment_id) DO UPDATE
    SET pinned = EXCLUDED.pinned, entered_at = EXCLUDED.entered_at, left_at = EXCLUDED.left_at"""
REMEMBER = """INSERT INTO dmp_membership_change (person, id, segment_id, account_id, entered, at, cause)
    SELECT person, id, segment, %(account)s, entered, %(now)s, 'pin'
    FROM json_to_recordset(%(rows)s::json) r(person uuid, id uuid, segment bigint, entered boolean)"""
REPEAT = """UPDATE TABLE p SET segments = r.segments, pins_in = r.pins_in, pins_out = r.pins_out
    FROM json_to_recordset(%(rows)s::json) r(key uuid, segments bigint[], pins_in bigint[], pins_out bigint[])
    WHERE p.key = r.key AND p.key = ANY(%(keys)s)"""


def asked(pins: Pins) -> list[tuple[int, str | None]]:
    """Which segments get which pin."""
    wanted: dict[int, str | None] = dict.fromkeys(pins.assign, Membership.Pin.IN.value)
    wanted |= dict.fromkeys(pins.remove, Membership.Pin.OUT.value)
    wanted |= dict.fromkeys(pins.release, None)
    return sorted(wanted.items())


def pinned_row(before: Row, pinned: str | None, now: datetime) -> Row:
    after = before._replace(pinned=pinned)
    if after.effective == before.effective:
        return after
    return after._replace(entered_at=now, left_at=None) if after.effective else after._replace(left_at=now)


def arrays_of(rows: Mapping[int, Row]) -> dict[str, list[int]]:
    """What the person's row repeats of its memberships."""
    return {
        "segments": sorted(segment for segment, row in rows.items() if row.effective),
        "pins_in": sorted(segment for segment, row in rows.items() if row.pinned == Membership.Pin.IN),
        "pins_out": sorted(segment for segment, row in rows.items() if row.pinned == Membership.Pin.OUT),
    }


def names(configuration: Configuration, ids: Collection[int]) -> set[str]:
    known = segments.of(configuration)
    return {name for name, pk in known.items() if pk in ids}
