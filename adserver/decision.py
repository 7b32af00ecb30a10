"""The decision: which campaigns fit this person at this event. Pure: plain values in, no clock, no query.

Per placement: the campaigns without a failing reason, of the first tier that has any, one drawn by weight. Campaigns
without a placement are data: all that match are returned.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

MAX_ELEMENTS = 30
BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Creative:
    """`content` as it is answered for the creative's `type`; `link` "" where a click leads nowhere."""

    id: int
    name: str
    type: str
    content: Any
    link: str
    weight: int


@dataclass(frozen=True, slots=True)
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
    if campaign.platforms and context.platform not in campaign.platforms:
        return "platform"
    if campaign.devices and context.device not in campaign.devices:
        return "device"
    if campaign.events and context.event not in campaign.events:
        return "event"
    if campaign.paths and not any(matches(pattern, context.path) for pattern in campaign.paths):
        return "path"
    if any(matches(pattern, context.path) for pattern in campaign.exclude_paths):
        return "path"
    if campaign.segments and campaign.segments.isdisjoint(context.segments):
        return "segment"
    if not campaign.exclude_segments.isdisjoint(context.segments):
        return "excluded"
    if not campaign.creatives:
        return "creative"
    return ""


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
    verdicts: dict[int, Verdict] = {}
    survivors: dict[str | None, list[Campaign]] = {}
    for campaign in campaigns:
        reason = failing(campaign, context)
        verdicts[campaign.id] = Verdict(campaign, reason)
        if not reason:
            survivors.setdefault(campaign.placement, []).append(campaign)
    winners: list[Campaign] = []
    labels: set[str] = set()

    def admit(candidates: Sequence[Campaign]) -> list[Campaign]:
        for campaign in candidates:
            if campaign.label and campaign.label in labels:
                verdicts[campaign.id] = Verdict(campaign, "label")
        return [campaign for campaign in candidates if not campaign.label or campaign.label not in labels]

    data = survivors.pop(None, [])
    for _, candidates in sorted(survivors.items(), key=lambda item: (min(c.tier for c in item[1]), item[0] or "")):
        allowed = admit(candidates)
        if not allowed:
            continue
        tier = min(campaign.tier for campaign in allowed)
        winner = weighted([campaign for campaign in allowed if campaign.tier == tier], draw())
        for campaign in allowed:
            if campaign is not winner:
                verdicts[campaign.id] = Verdict(campaign, "draw" if campaign.tier == tier else "tier")
        winners.append(winner)
        labels.add(winner.label)
    for campaign in sorted(data, key=lambda campaign: (campaign.tier, -campaign.weight, campaign.slug)):
        if admit([campaign]):
            winners.append(campaign)
            labels.add(campaign.label)
    winners.sort(key=lambda campaign: campaign.tier)
    for campaign in winners[MAX_ELEMENTS:]:
        verdicts[campaign.id] = Verdict(campaign, "limit")
    chosen = [Choice(campaign, variant(campaign, context.unit)) for campaign in winners[:MAX_ELEMENTS]]
    return chosen, list(verdicts.values())


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
