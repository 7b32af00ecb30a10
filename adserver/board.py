"""An account's live campaigns, laid out so that one decision asks all of them at once.

Each campaign is a bit; a set of campaigns is an int. What an event or a person rules out is an `&` with a set that was
made when the campaigns were compiled. Bits stand in the order in which campaigns have their turn.
"""

import hashlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from adserver.macros import Macros

BUCKETS = 10_000
HOUR, DAY = 3_600.0, 86_400.0
MOST_PATHS = 5_000
"""Paths whose campaigns are remembered."""
MOST_DRAWS = 1_000
"""Sets of rivals of a contest whose ranges are remembered."""


@dataclass(frozen=True, slots=True, eq=False)
class Creative:
    """`content` as it is answered for the creative's `type`; `link` "" where a click leads nowhere; `macros` what both
    say of the person, None for nothing."""

    id: int
    name: str
    type: str
    content: Any
    link: str
    weight: int
    macros: Macros | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Campaign:
    """A live campaign. Empty sets and lists mean any; `paths` are patterns with * for any text. `conditions` tells of
    an event, in a time zone, at an instant, whether it fits. `pace`: the chance to take part, 1.0 for always."""

    id: int
    slug: str
    placement_id: int | None
    placement: str | None
    placement_active: bool
    tier: int
    weight: int
    label: str
    starts_at: datetime | None
    ends_at: datetime | None
    platforms: frozenset[str]
    devices: frozenset[str]
    events: frozenset[str]
    paths: tuple[str, ...]
    exclude_paths: tuple[str, ...]
    segments: frozenset[int]
    exclude_segments: frozenset[int]
    creatives: tuple[Creative, ...] = ()
    conditions: Callable[[Any, ZoneInfo, datetime], bool] | None = None
    cap: int | None = None
    cap_hours: int = 24
    stop_after: str = "none"
    dismiss_days: int = 0
    holdout_percent: int = 0
    salt: str = ""
    pace: float = 1.0


class Past(NamedTuple):
    """What a person did with a campaign; instants in seconds since 1970, `shown` ascending."""

    shown: Sequence[float] = ()
    clicked: bool = False
    converted: bool = False
    dismissed_at: float | None = None


class Contest:
    """Campaigns that compete: of one tier and placement, one is shown; of one tier without a placement, all are. Their
    bits are neighbours, from `first` on. `lower`: those of the same placement that have their turn later."""

    def __init__(self, rivals: int, placement: str | None, lower: int, campaigns: Sequence[Campaign]) -> None:
        self.rivals, self.placement, self.lower = rivals, placement, lower
        self.first = (rivals & -rivals).bit_length() - 1
        self.weights = [campaigns[index].weight for index in bits(rivals)]
        self.known: dict[int, tuple[list[int], list[int]]] = {}

    def drawn(self, rivals: int, point: float) -> int:
        """One of the rivals, each with the chance of its weight; `point` in [0, 1), ranges half-open."""
        here = rivals >> self.first
        indexes, ends = self.known.get(here) or self.ranges(here)
        return 1 << (self.first + indexes[min(bisect_right(ends, point * ends[-1]), len(ends) - 1)])

    def ranges(self, here: int) -> tuple[list[int], list[int]]:
        if len(self.known) >= MOST_DRAWS:
            self.known.clear()
        indexes = list(bits(here))
        found = self.known[here] = indexes, list(accumulate(self.weights[index] for index in indexes))
        return found


def bits(some: int) -> Iterator[int]:
    """The indexes of a set, ascending."""
    while some:
        lowest = some & -some
        yield lowest.bit_length() - 1
        some ^= lowest


def turn(campaign: Campaign) -> tuple[int, bool, int, str, str]:
    """When a campaign has its turn, best first. A label goes to the best tier that wants it."""
    if campaign.placement is None:
        return campaign.tier, True, -campaign.weight, campaign.slug, ""
    return campaign.tier, False, 0, campaign.placement, campaign.slug


class Board:
    """The campaigns in their order, with the sets that a decision asks. `static` sets hold whoever passes."""

    def __init__(self, campaigns: Iterable[Campaign]) -> None:
        self.campaigns = tuple(sorted(campaigns, key=turn))
        self.all = (1 << len(self.campaigns)) - 1
        self.index = {campaign.id: index for index, campaign in enumerate(self.campaigns)}
        self.placed = self.those(lambda campaign: campaign.placement_active)
        self.filled = self.those(lambda campaign: bool(campaign.creatives))
        self.platforms = Choice(self, "platforms")
        self.devices = Choice(self, "devices")
        self.events = Choice(self, "events")
        self.schedule = Schedule(self)
        self.paths = Paths(self)
        self.segments = Choice(self, "segments")
        self.excluded = Sets(self, "exclude_segments")
        self.conditional = self.those(lambda campaign: campaign.conditions is not None)
        self.labels = self.sets(lambda campaign: campaign.label)
        self.labelled = self.those(lambda campaign: bool(campaign.label))
        self.limited = self.those(lambda campaign: campaign.cap is not None or campaign.stop_after != "none")
        self.personal = self.limited | self.those(lambda campaign: campaign.dismiss_days > 0)
        self.paced = self.those(lambda campaign: campaign.pace < 1)
        self.held = self.those(lambda campaign: campaign.holdout_percent > 0)
        self.contests = self.make_contests()

    def those(self, wanted: Callable[[Campaign], bool]) -> int:
        """The set of campaigns that are `wanted`."""
        return sum(1 << index for index, campaign in enumerate(self.campaigns) if wanted(campaign))

    def sets(self, key: Callable[[Campaign], Any]) -> dict[Any, int]:
        """Campaigns by their key."""
        found: dict[Any, int] = defaultdict(int)
        for index, campaign in enumerate(self.campaigns):
            found[key(campaign)] |= 1 << index
        return dict(found)

    def of(self, ids: Iterable[int]) -> int:
        """The set of the campaigns with these ids; those that are not live are left out."""
        found = 0
        for id in ids:
            index = self.index.get(id)
            if index is not None:
                found |= 1 << index
        return found

    def make_contests(self) -> tuple[Contest, ...]:
        groups = self.sets(lambda campaign: (campaign.tier, campaign.placement))
        places = self.sets(lambda campaign: campaign.placement)
        found = []
        for (_, placement), rivals in groups.items():  # in the order of the bits
            places[placement] ^= rivals
            found.append(Contest(rivals, placement, places[placement], self.campaigns))
        return tuple(found)

    def blocked(self, past: Mapping[int, Past], now: float) -> list[tuple[str, int]]:
        """Reasons and the campaigns that they keep from a person with this past."""
        stopped = dismissed = often = 0
        for id, (shown, clicked, converted, dismissed_at) in past.items():
            index = self.index.get(id)
            if index is None:
                continue
            campaign, bit = self.campaigns[index], 1 << index
            if converted if campaign.stop_after == "conversion" else clicked and campaign.stop_after == "click":
                stopped |= bit
            if dismissed_at is not None and now < dismissed_at + campaign.dismiss_days * DAY:
                dismissed |= bit
            since = now - campaign.cap_hours * HOUR
            if campaign.cap is not None and len(shown) - bisect_right(shown, since) >= campaign.cap:
                often |= bit
        return [("stopped", stopped), ("dismissed", dismissed), ("frequency", often)]


class Sets:
    """Campaigns by each value of a field that lists values."""

    def __init__(self, board: Board, name: str) -> None:
        self.by_value: dict[Any, int] = defaultdict(int)
        for index, campaign in enumerate(board.campaigns):
            for value in getattr(campaign, name):
                self.by_value[value] |= 1 << index

    def naming(self, values: Iterable[Any]) -> int:
        """Those that name any of the values."""
        found = 0
        for value in values:
            found |= self.by_value.get(value, 0)
        return found


class Choice(Sets):
    """The same, where an empty list means any."""

    def __init__(self, board: Board, name: str) -> None:
        super().__init__(board, name)
        self.any = board.those(lambda campaign: not getattr(campaign, name))

    def open_to(self, values: Iterable[Any]) -> int:
        return self.any | self.naming(values)


class Schedule:
    """Who runs when: between two instants at which a campaign begins or ends the answer is the same."""

    def __init__(self, board: Board) -> None:
        begins: dict[datetime, int] = defaultdict(int)
        ends: dict[datetime, int] = defaultdict(int)
        now_on = 0
        for index, campaign in enumerate(board.campaigns):
            starts_at, ends_at = campaign.starts_at, campaign.ends_at
            if starts_at and ends_at and ends_at <= starts_at:
                continue
            if starts_at:
                begins[starts_at] |= 1 << index
            else:
                now_on |= 1 << index
            if ends_at:
                ends[ends_at] |= 1 << index
        self.instants = sorted(begins.keys() | ends.keys())
        self.running = [now_on]
        for at in self.instants:
            now_on = (now_on | begins.get(at, 0)) & ~ends.get(at, 0)
            self.running.append(now_on)

    def at(self, now: datetime) -> int:
        return self.running[bisect_right(self.instants, now)]


@dataclass(slots=True)
class Patterns:
    """Path patterns: whole paths and beginnings are looked up, only others are tried one by one."""

    whole: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    beginnings: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lengths: tuple[int, ...] = ()
    others: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, pattern: str, bit: int) -> None:
        if "*" not in pattern:
            self.whole[pattern] |= bit
        elif pattern.index("*") == len(pattern) - 1:
            self.beginnings[pattern[:-1]] |= bit
        else:
            self.others[pattern] |= bit

    def fitting(self, path: str) -> int:
        found = self.whole.get(path, 0)
        for length in self.lengths:
            if length > len(path):
                break
            found |= self.beginnings.get(path[:length], 0)
        for pattern, those in self.others.items():
            if those & ~found and matches(pattern, path):
                found |= those
        return found


class Paths:
    """Who is shown on a path."""

    def __init__(self, board: Board) -> None:
        self.any = board.those(lambda campaign: not campaign.paths)
        self.wanted, self.unwanted = Patterns(), Patterns()
        for index, campaign in enumerate(board.campaigns):
            for pattern in campaign.paths:
                self.wanted.add(pattern, 1 << index)
            for pattern in campaign.exclude_paths:
                self.unwanted.add(pattern, 1 << index)
        for patterns in (self.wanted, self.unwanted):
            patterns.lengths = tuple(sorted({len(beginning) for beginning in patterns.beginnings}))
        self.known: dict[str, int] = {}

    def on(self, path: str) -> int:
        found = self.known.get(path)
        if found is None:
            if len(self.known) >= MOST_PATHS:
                self.known.clear()
            found = self.known[path] = (self.any | self.wanted.fitting(path)) & ~self.unwanted.fitting(path)
        return found


def matches(pattern: str, path: str) -> bool:
    """Whether the whole path fits; * stands for any text. Linear in the path, whatever the pattern."""
    first, *rest = pattern.split("*")
    if not rest:
        return path == first
    *middle, last = rest
    if not path.startswith(first) or not path.endswith(last) or len(path) < len(first) + len(last):
        return False
    at, end = len(first), len(path) - len(last)
    for part in middle:
        at = path.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def bucket(salt: str, unit: str) -> int:
    """A number of 0..9,999 that stays the same for one salt and unit."""
    return int.from_bytes(hashlib.blake2b(f"{salt}:{unit}".encode(), digest_size=8).digest(), "big") % BUCKETS


def held_out(percent: int, salt: str, unit: str) -> bool:
    """Whether a person belongs to those of whom the effect is measured against."""
    return percent > 0 and bucket(f"{salt}:holdout", unit) < percent * 100


def variant(campaign: Campaign, unit: str) -> Creative:
    """The creative of this person: always the same, shares by weight."""
    creatives = campaign.creatives
    if len(creatives) == 1:
        return creatives[0]
    left = bucket(f"{campaign.salt}:variant", unit) * sum(creative.weight for creative in creatives)
    for creative in creatives:
        left -= creative.weight * BUCKETS
        if left < 0:
            return creative
    return creatives[-1]
