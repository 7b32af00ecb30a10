"""Counts of what leaves no row behind: decisions, reasons, refused tracking calls, groups of a measurement.

Each process adds them up and writes them each FLUSH_SECONDS, and when it ends; a killed one loses at most so much.
A flush that fails is kept for the next.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

from django.db import connection, transaction

from accounts import background
from adserver.board import Board, bits
from adserver.decision import Choice, Decision

FLUSH_SECONDS = 10.0
MOST = 100_000
"""Kinds of counts kept while the database is away; further new ones are lost."""


class Cell(NamedTuple):
    """What a count of `adserver.models.CampaignStat` is of; `hour` is UTC, ids are 0 for none."""

    account: UUID
    hour: datetime
    campaign: int
    creative: int
    placement: int
    device: str


class Reason(NamedTuple):
    """What a count of `adserver.models.CampaignReason` is of."""

    account: UUID
    hour: datetime
    campaign: int
    reason: str


class Unit(NamedTuple):
    """A row of `adserver.models.Mark`, without its instant."""

    account: UUID
    unit: UUID
    campaign: int
    control: bool


T = TypeVar("T")


class Decided:
    """Decisions of one hour over one board, as they come: sets of campaigns are taken apart when they are written."""

    def __init__(self, account: UUID, board: Board, hour: int) -> None:
        self.account, self.board, self.hour = account, board, datetime.fromtimestamp(hour * 3600, UTC)
        self.reasons: Counter[tuple[str, int]] = Counter()
        self.eligible: Counter[tuple[str, int]] = Counter()
        """By device."""
        self.served: Counter[tuple[str, Choice]] = Counter()

    def add(self, decision: Decision, device: str) -> None:
        for pair in decision.reasons:
            self.reasons[pair] += 1
        if decision.eligible:
            self.eligible[device, decision.eligible] += 1
        for choice in decision.chosen:
            self.served[device, choice] += 1

    def take_apart(self) -> None:
        """Into the counts of each campaign; under the lock."""
        account, hour, campaigns = self.account, self.hour, self.board.campaigns
        for (reason, some), n in self.reasons.items():
            for index in bits(some):
                add(_reasons, Reason(account, hour, campaigns[index].id, reason), n)
        for (device, some), n in self.eligible.items():
            for index in bits(some):
                one = campaigns[index]
                add(_cells["eligible"], Cell(account, hour, one.id, 0, one.placement_id or 0, device), n)
        for (device, (one, creative)), n in self.served.items():
            add(_cells["served"], Cell(account, hour, one.id, creative.id, one.placement_id or 0, device), n)


class Those(NamedTuple):
    """A set of campaigns to count each: for a reason, or as eligible on a device."""

    board: Board
    account: UUID
    hour: datetime
    reason: str
    device: str
    some: int


COUNTED = ("eligible", "served", "invalid")
_lock = threading.Lock()
_cells: dict[str, Counter[Cell]] = {name: Counter() for name in COUNTED}
_reasons: Counter[Reason] = Counter()
_marks: dict[Unit, datetime] = {}
_decided: dict[tuple[Board, int], Decided] = {}
MOST_SETS = 5_000

WRITE_CELL = """
INSERT INTO adserver_campaignstat AS s
    (account_id, hour, campaign_id, creative, placement, device, eligible, served, invalid)
SELECT c.account_id, v.hour, c.id, v.creative, v.placement, v.device, v.eligible, v.served, v.invalid
FROM unnest(%s::timestamptz[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[],
            %s::bigint[], %s::bigint[], %s::bigint[])
    AS v (hour, campaign, creative, placement, device, eligible, served, invalid)
JOIN adserver_campaign c ON c.id = v.campaign
ORDER BY c.id, v.hour, v.creative, v.placement, v.device
ON CONFLICT (campaign_id, hour, creative, placement, device) DO UPDATE SET
    eligible = s.eligible + EXCLUDED.eligible,
    served = s.served + EXCLUDED.served,
    invalid = s.invalid + EXCLUDED.invalid
"""
WRITE_REASON = """
INSERT INTO adserver_campaignreason AS r (account_id, hour, campaign_id, reason, count)
SELECT c.account_id, v.hour, c.id, v.reason, v.n
FROM unnest(%s::timestamptz[], %s::bigint[], %s::text[], %s::bigint[]) AS v (hour, campaign, reason, n)
JOIN adserver_campaign c ON c.id = v.campaign
ORDER BY c.id, v.hour, v.reason
ON CONFLICT (campaign_id, hour, reason) DO UPDATE SET count = r.count + EXCLUDED.count
"""
WRITE_MARK = """
INSERT INTO adserver_mark (account_id, unit, campaign, control, at)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::boolean[], %s::timestamptz[])
ON CONFLICT (unit, campaign) DO NOTHING
"""


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def count(name: str, cell: Cell, n: int = 1) -> None:
    """Adds to one of COUNTED."""
    with _lock:
        add(_cells[name], cell, n)


def count_reason(reason: Reason, n: int = 1) -> None:
    with _lock:
        add(_reasons, reason, n)


def decided(account: UUID, board: Board, decision: Decision, device: str | None, now: datetime) -> None:
    """Counts a decision."""
    hour = int(now.timestamp()) // 3600
    with _lock:
        known = _decided.get((board, hour))
        if known is None:
            known = _decided[board, hour] = Decided(account, board, hour)
        known.add(decision, device or "")
        if len(known.reasons) > MOST_SETS:
            take_apart()


def take_apart() -> None:
    for known in _decided.values():
        known.take_apart()
    _decided.clear()


def mark(unit: Unit, at: datetime) -> None:
    """Notes the group of a person; the first mark stays."""
    with _lock:
        if len(_marks) < MOST:
            _marks.setdefault(unit, at)


def add(counter: Counter[T], key: T, n: int) -> None:
    if key in counter or len(counter) < MOST:
        counter[key] += n


def flush() -> None:
    """Writes what was counted."""
    global _reasons, _marks
    with _lock:
        take_apart()
        cells = {name: counter for name, counter in _cells.items() if counter}
        reasons, marks = _reasons, _marks
        _cells.update({name: Counter() for name in cells})
        _reasons, _marks = Counter(), {}
    if not (cells or reasons or marks):
        return
    try:
        with transaction.atomic():
            write(cells, reasons, marks)
    except Exception:
        with _lock:
            for name, counter in cells.items():
                _cells[name].update(counter)
            _reasons.update(reasons)
            _marks = {**_marks, **marks}
        raise


def write(cells: Mapping[str, Counter[Cell]], reasons: Counter[Reason], marks: Mapping[Unit, datetime]) -> None:
    with connection.cursor() as cursor:
        if cells:  # one statement, in one order: two processes never wait for each other
            kinds: set[Cell] = set().union(*cells.values())
            counted = [(*kind[1:], *(cells[name][kind] if name in cells else 0 for name in COUNTED)) for kind in kinds]
            cursor.execute(WRITE_CELL, columns(counted))
        if reasons:
            cursor.execute(WRITE_REASON, columns([(*reason[1:], n) for reason, n in reasons.items()]))
        if marks:
            cursor.execute(WRITE_MARK, columns([(*unit, at) for unit, at in marks.items()]))


def columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def clear() -> None:
    """Forgets what is not written: for tests."""
    global _reasons, _marks
    with _lock:
        _cells.update({name: Counter() for name in COUNTED})
        _reasons, _marks = Counter(), {}
        _decided.clear()


background.every(FLUSH_SECONDS, flush)
