"""Campaigns as the tests of the ad server make them."""

import itertools
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from accounts.models import Account
from adserver import decision
from adserver.models import Campaign, Creative, Placement

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
numbers = itertools.count(1)


def offer(**fields: Any) -> decision.Campaign:
    """A compiled campaign that fits anybody."""
    number = next(numbers)
    defaults: dict[str, Any] = {
        "id": number,
        "slug": f"c{number}",
        "placement_id": None,
        "placement": None,
        "placement_active": True,
        "tier": 5,
        "weight": 10,
        "label": "",
        "starts_at": None,
        "ends_at": None,
        "platforms": frozenset(),
        "devices": frozenset(),
        "events": frozenset(),
        "paths": (),
        "exclude_paths": (),
        "segments": frozenset(),
        "exclude_segments": frozenset(),
        "creatives": (variant("A"),),
        "salt": f"s{number}",
    }
    return decision.Campaign(**{**defaults, **fields})


def variant(name: str, weight: int = 10) -> decision.Creative:
    return decision.Creative(next(numbers), name, "json", {}, "", weight)


def context(**fields: Any) -> decision.Context:
    defaults: dict[str, Any] = {
        "now": NOW,
        "platform": "www.example.com",
        "device": "mobile",
        "event": "pageView",
        "path": "/women/shoes",
        "segments": frozenset(),
        "unit": str(UUID(int=7)),
    }
    return decision.Context(**{**defaults, **fields})


def make_campaign(
    account: Account, slug: str = "summer", link: str = "https://shop.example/sale", **fields: Any
) -> Campaign:
    """A live campaign with one creative, A."""
    campaign = Campaign.objects.create(account=account, name=slug, slug=slug, **{"status": "live", **fields})
    Creative.objects.create(campaign=campaign, name="A", content={"title": "Sale"}, link=link)
    return campaign


def make_placement(account: Account, code: str = "home-hero", **fields: Any) -> Placement:
    return Placement.objects.create(account=account, code=code, **fields)
