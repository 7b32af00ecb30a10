"""Who is in which segment. Effective membership is the pin, else the rule; each change leaves a row of history.

A person's row is locked before its memberships are changed, and repeats them in arrays, so that a decision needs no
join: `segments` the revisions whose rule holds, `pins_in` and `pins_out` the segments pinned.
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
from dmp.webhooks import untold

segments: Part[dict[str, int]] = Part(
    lambda account: dict(Segment.objects.filter(account=account).values_list("name", "pk"))
)
"""Segment ids by name."""

served: Part[dict[int, int]] = Part(
    lambda account: {row.revision: row.pk for row in Segment.objects.filter(account=account) if row.revision}
)
"""Segment ids by the revision that is served."""


class Standing(NamedTuple):
    """A person's segments by id: those it is in, and those pinned in or out."""

    segments: frozenset[int]
    pins_in: frozenset[int]
    pins_out: frozenset[int]


NOBODY = Standing(frozenset(), frozenset(), frozenset())


def standing(configuration: Configuration, row: tuple[Any, ...]) -> Standing:
    """From the columns (segments, pins_in, pins_out) of a person."""
    revisions, pins_in, pins_out = row
    if not revisions and not pins_in and not pins_out:
        return NOBODY
    live = served.of(configuration)
    by_rule = {live[revision] for revision in revisions if revision in live}
    return Standing(frozenset(by_rule.union(pins_in).difference(pins_out)), frozenset(pins_in), frozenset(pins_out))


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
        pins, rules = read(keys)
        written, released, changes = [], [], []
        for key in keys:
            for segment, pinned in asked(wanted[key]):
                before = pins.get((key, segment)) or rules.get((key, segment), NO_ROW)
                after = pinned_row(before, pinned, rules.get((key, segment), NO_ROW), now)
                changed = {"person": key, "segment": segment, **after._asdict()}
                if pinned is None:
                    pins.pop((key, segment), None)
                    released.append(changed)
                else:
                    pins[key, segment] = after
                    written.append(changed)
                if after.effective != before.effective:
                    changes.append({"person": key, "id": uuid7(), "segment": segment, "entered": after.effective})
        values = {"account": account, "level": level, "now": now, "keys": keys}
        sql.run(WRITE, values | {"rows": encode(written).decode()})
        sql.run(RELEASE, values | {"rows": encode(released).decode()})
        sql.run(RESTORE, values | {"rows": encode([row for row in released if row["by_rule"]]).decode()})
        sql.run(REMEMBER, values | {"rows": encode(changes).decode()})
        arrays = [{"key": key, **arrays} for key, arrays in arrays_of(pins, keys).items()]
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
Rows = dict[tuple[UUID, int], Row]
READ = """SELECT m.person, m.segment_id, m.pinned, m.by_rule, m.entered_at, m.left_at
    FROM dmp_membership m JOIN dmp_segment s ON s.id = m.segment_id
    WHERE m.person = ANY(%(keys)s) AND (m.revision = 0 OR m.revision = s.revision)"""
ROWS = """json_to_recordset(%(rows)s::json) r(person uuid, segment bigint, pinned text, by_rule boolean,
        entered_at timestamptz, left_at timestamptz)"""
WRITE = f"""INSERT INTO dmp_membership (person, segment_id, account_id, level, pinned, by_rule, entered_at, left_at,
        revision)
    SELECT person, segment, %(account)s, %(level)s, pinned, false, entered_at, left_at, 0 FROM {ROWS}
    ON CONFLICT (person, segment_id, revision) DO UPDATE
    SET pinned = EXCLUDED.pinned, entered_at = EXCLUDED.entered_at, left_at = EXCLUDED.left_at"""
RELEASE = f"""DELETE FROM dmp_membership m USING {ROWS}
    WHERE m.person = ANY(%(keys)s) AND m.person = r.person AND m.segment_id = r.segment AND m.revision = 0"""
RESTORE = f"""UPDATE dmp_membership m SET entered_at = r.entered_at FROM {ROWS}, dmp_segment s
    WHERE m.person = ANY(%(keys)s) AND m.person = r.person AND m.segment_id = r.segment AND s.id = r.segment
    AND m.revision = s.revision"""
REMEMBER = f"""INSERT INTO dmp_membership_change (person, id, segment_id, account_id, level, entered, at, cause, untold)
    SELECT r.person, r.id, r.segment, %(account)s, %(level)s, r.entered, %(now)s, 'pin',
        {untold("%(account)s", "r.segment")}
    FROM json_to_recordset(%(rows)s::json) r(person uuid, id uuid, segment bigint, entered boolean)"""
REPEAT = """UPDATE TABLE p SET pins_in = r.pins_in, pins_out = r.pins_out
    FROM json_to_recordset(%(rows)s::json) r(key uuid, pins_in bigint[], pins_out bigint[])
    WHERE p.key = r.key AND p.key = ANY(%(keys)s)"""


def read(keys: Collection[UUID]) -> tuple[Rows, Rows]:
    """The pins of people, and their memberships by the rules served."""
    pins: Rows = {}
    rules: Rows = {}
    for person, segment, *columns in sql.run(READ, {"keys": list(keys)}):
        row = Row(*columns)
        (rules if row.pinned is None else pins)[person, segment] = row
    return pins, rules


def asked(pins: Pins) -> list[tuple[int, str | None]]:
    """Which segments get which pin."""
    wanted: dict[int, str | None] = dict.fromkeys(pins.assign, Membership.Pin.IN.value)
    wanted |= dict.fromkeys(pins.remove, Membership.Pin.OUT.value)
    wanted |= dict.fromkeys(pins.release, None)
    return sorted(wanted.items())


def pinned_row(before: Row, pinned: str | None, rule: Row, now: datetime) -> Row:
    """The membership after a pin, or after its release to the rule; its times are those of the effective membership."""
    after = before._replace(pinned=pinned, by_rule=rule.by_rule)
    if after.effective == before.effective:
        return after
    return after._replace(entered_at=now, left_at=None) if after.effective else after._replace(left_at=now)


def arrays_of(pins: Rows, keys: Collection[UUID]) -> dict[UUID, dict[str, list[int]]]:
    """What each person's row repeats of its pins."""
    arrays: dict[UUID, dict[str, list[int]]] = {key: {"pins_in": [], "pins_out": []} for key in keys}
    for (person, segment), row in sorted(pins.items()):
        arrays[person][f"pins_{row.pinned}"].append(segment)
    return arrays


def revision_of(configuration: Configuration, segment: int) -> int:
    """The revision that serves a segment; -1 for a static one."""
    return next((revision for revision, pk in served.of(configuration).items() if pk == segment), -1)


COUNTS = """(m.pinned = 'in' OR (m.by_rule AND NOT EXISTS (
    SELECT FROM dmp_membership p WHERE p.person = m.person AND p.segment_id = m.segment_id AND p.revision = 0)))"""
"""That the row `m`, of revision 0 or the one served, makes its person a member: by pin, or by rule and not pinned."""


def members_of(segment: int, revision: int) -> models.QuerySet[Membership]:
    """The rows of those who are in: `COUNTS` for the panel."""
    rows = Membership.objects.filter(segment=segment)
    pin = rows.filter(person=models.OuterRef("person"), revision=0)
    by_rule = models.Q(revision=revision, by_rule=True) & ~models.Exists(pin)
    return rows.filter(models.Q(revision=0, pinned=Membership.Pin.IN) | by_rule)


def kept_out_of(segment: int) -> models.QuerySet[Membership]:
    """The rows of those who are pinned out."""
    return Membership.objects.filter(segment=segment, revision=0, pinned=Membership.Pin.OUT)


def names(configuration: Configuration, ids: Collection[int]) -> set[str]:
    known = segments.of(configuration)
    return {name for name, pk in known.items() if pk in ids}
