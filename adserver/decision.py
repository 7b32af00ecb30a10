"""The decision: which campaigns fit this person at this event. Pure: plain values in, no clock, no query.

Per placement: the campaigns without a failing reason, of the first tier that has any, one drawn by weight. Campaigns
without a placement are data: all that match are returned. The reasons, in the order in which they are asked:

schedule placement creative platform device event path segment excluded   by the campaign alone
tier label draw limit                                                     against the others
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

MAX_ELEMENTS = 30
BUCKETS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Creative:
    """`content` as it is answered for the creative's `type`; `link` "" where a click leads nowhere."""

    id: int
    name: str
    type: str
    content: Any
    link: str
    weight: int


@dataclass(frozen=True, slots=True, eq=False)
class Campaign:
    """A live campaign. Empty sets and lists mean any; `paths` are patterns with * for any text."""

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
    creatives: tuple[Creative, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Context:
    """The event and its person. `unit` is what draws hash: the profile's bucket, else the visitor id."""

    now: datetime
    platform: str | None
    device: str | None
    event: str
    path: str
    segments: frozenset[int]
    unit: str


class Choice(NamedTuple):
    campaign: Campaign
    creative: Creative


class Verdict(NamedTuple):
    """Why a campaign was not chosen; "" when it was."""

    campaign: Campaign
    reason: str


def failing(campaign: Campaign, context: Context) -> str:
    """The first reason that keeps a campaign out, "" for none. Cheapest first."""
    if campaign.starts_at and context.now < campaign.starts_at or campaign.ends_at and context.now >= campaign.ends_at:
        return "schedule"
    if not campaign.placement_active:
        return "placement"
    if not campaign.creatives:
        return "creative"
    if campaign.platforms and context.platform not in campaign.platforms:
        return "platform"
    if campaign.devices and context.device not in campaign.devices:
        return "device"
    if campaign.events and context.event not in campaign.events:
        return "event"
    if not on_path(campaign, context.path):
        return "path"
    if campaign.segments and campaign.segments.isdisjoint(context.segments):
        return "segment"
    if not campaign.exclude_segments.isdisjoint(context.segments):
        return "excluded"
    return ""


def on_path(campaign: Campaign, path: str) -> bool:
    if campaign.paths and not any(matches(pattern, path) for pattern in campaign.paths):
        return False
    return not any(matches(pattern, path) for pattern in campaign.exclude_paths)


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


def choose(
    campaigns: Iterable[Campaign], context: Context, draw: Callable[[], float]
) -> tuple[list[Choice], list[Verdict]]:
    """The winners, best first, and a verdict on each campaign. `draw` gives random numbers in [0, 1)."""
    reasons = {campaign: failing(campaign, context) for campaign in campaigns}
    survivors = sorted((campaign for campaign, reason in reasons.items() if not reason), key=turn)
    winners: list[Campaign] = []
    labels: set[str] = set()
    filled: set[str] = set()
    for _, contest in groupby(survivors, key=lambda campaign: turn(campaign)[:4]):
        rivals = []
        for campaign in contest:
            reasons[campaign] = "tier" if campaign.placement in filled else "label" if campaign.label in labels else ""
            if not reasons[campaign]:
                rivals.append(campaign)
        if not rivals:
            continue
        winner = weighted(rivals, draw())
        reasons.update((campaign, "draw") for campaign in rivals if campaign is not winner)
        winners.append(winner)
        if winner.placement is not None:
            filled.add(winner.placement)
        if winner.label:
            labels.add(winner.label)
    reasons.update((campaign, "limit") for campaign in winners[MAX_ELEMENTS:])
    chosen = [Choice(campaign, variant(campaign, context.unit)) for campaign in winners[:MAX_ELEMENTS]]
    return chosen, [Verdict(campaign, reason) for campaign, reason in reasons.items()]


def turn(campaign: Campaign) -> tuple[int, bool, int, str, str]:
    """When a campaign has its turn, best first. Those of equal first four compete for one placement; data has no
    rivals. A label goes to the best tier that wants it."""
    if campaign.placement is None:
        return campaign.tier, True, -campaign.weight, campaign.slug, ""
    return campaign.tier, False, 0, campaign.placement, campaign.slug


def weighted(candidates: Sequence[Campaign], point: float) -> Campaign:
    """One of the candidates, each with the chance of its weight; `point` in [0, 1)."""
    left = point * sum(campaign.weight for campaign in candidates)
    for campaign in candidates:
        left -= campaign.weight
        if left < 0:
            return campaign
    return candidates[-1]


def bucket(salt: str, unit: str) -> int:
    """A number of 0..9,999 that stays the same for one salt and unit."""
    return int.from_bytes(hashlib.blake2b(f"{salt}:{unit}".encode(), digest_size=8).digest(), "big") % BUCKETS


def variant(campaign: Campaign, unit: str) -> Creative:
    """The creative of this person: always the same, shares by weight."""
    creatives = campaign.creatives
    if len(creatives) == 1:
        return creatives[0]
    left = bucket(f"{campaign.id}:variant", unit) * sum(creative.weight for creative in creatives)
    for creative in creatives:
        left -= creative.weight * BUCKETS
        if left < 0:
            return creative
    return creatives[-1]
