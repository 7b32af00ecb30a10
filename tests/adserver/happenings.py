"""What happened to shown campaigns, as the tests of the statistics make it."""

import itertools
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID, uuid4

from accounts.models import Account
from adserver.counting import hour_of
from adserver.models import Campaign, CampaignStat, Conversion
from dmp.models import Event

numbers = itertools.count(1)
COLUMNS = {"$impression": "impressions", "$viewable": "viewable", "$click": "clicks", "$dismiss": "dismissed"}


def happen(campaign: Campaign, event: str, time: datetime, **fields: Any) -> Event:
    """A `$` event of a visitor, for the campaign's first creative. `ids=False`: known by its names only."""
    ids, names = fields.pop("ids", True), fields.pop("names", {})
    account = fields.pop("account", campaign.account)
    creative = campaign.creatives.order_by("pk").first()
    assert creative is not None
    placement = campaign.placement
    properties: dict[str, Any] = {"campaign": campaign.slug, "creative": creative.name, **names}
    if placement:
        properties["placement"] = placement.code
    if ids:
        properties["$ids"] = [campaign.pk, creative.pk, campaign.placement_id or 0]
    return record(account, event, time, properties=properties, **{"device": "mobile", **fields})


def record(account: Account, event: str, time: datetime, **fields: Any) -> Event:
    defaults = {"visitor": UUID(int=7), "id": uuid4()}
    return Event.objects.create(account=account, event=event, time=time, **{**defaults, **fields})


def convert(campaign: Campaign, at: datetime, revenue: str = "10", **fields: Any) -> Conversion:
    """An order that the campaign's first creative led to."""
    creative = campaign.creatives.order_by("pk").first()
    assert creative is not None
    defaults: dict[str, Any] = {
        **{"key": uuid4(), "account": campaign.account, "order_id": f"o{next(numbers)}", "visitor": UUID(int=7)},
        **{"campaign": campaign.pk, "creative": creative.pk, "placement": campaign.placement_id or 0},
        **{"device": "mobile", "cause": "click", "revenue": Decimal(revenue)},
        **{"touched_at": at - timedelta(minutes=1), "at": at},
    }
    return Conversion.objects.create(**{**defaults, **fields})


def scatter(campaigns: list[Campaign], since: datetime, until: datetime, number: int, seed: int = 1) -> None:
    """So many visitors who see, click, land, close and buy at random instants."""
    random = Random(seed)  # noqa: S311
    for _ in range(number):
        campaign, visitor = random.choice(campaigns), UUID(int=random.getrandbits(128))
        at = since + random.random() * (until - since)
        common: dict[str, Any] = {"visitor": visitor, "device": random.choice(["mobile", "desktop", None])}
        for event, chance in (("$impression", 1), ("$viewable", 0.7), ("$click", 0.5), ("$dismiss", 0.1)):
            at += timedelta(seconds=random.randrange(1, 60))
            if random.random() < chance:
                happen(campaign, event, at, ids=random.random() < 0.8, bot=random.random() < 0.1, **common)
        if random.random() < 0.6:
            record(campaign.account, "pageView", at + timedelta(minutes=random.randrange(8)), visitor=visitor)
        if random.random() < 0.3:
            revenue = f"{random.uniform(-20, 100):.2f}"
            cause, refund = random.choice(["click", "view"]), revenue.startswith("-")
            convert(campaign, at, revenue, cause=cause, refund=refund, device=common["device"] or "")


Key = tuple[datetime, int, int, int, str]


def raw_counts(account: Account) -> dict[Key, dict[str, Any]]:
    """The statistics of an account by the plain way: each event looked at in turn."""
    counts: dict[Key, Counter[str]] = {}
    campaigns = {campaign.slug: campaign for campaign in Campaign.objects.filter(account=account)}
    events = list(Event.objects.filter(account=account, bot=False))
    for event in events:
        if not event.event.startswith("$"):
            continue
        assert event.properties is not None
        campaign = campaigns[event.properties["campaign"]]
        creative = campaign.creatives.get(name=event.properties["creative"]).pk
        key = hour_of(event.time), campaign.pk, creative, campaign.placement_id or 0, event.device or ""
        of = counts.setdefault(key, Counter())
        of[COLUMNS[event.event]] += 1
        if event.event == "$click" and any(lands(event, other) for other in events):
            of["landed"] += 1
    for order in Conversion.objects.filter(account=account):
        key = hour_of(order.at), order.campaign, order.creative, order.placement, order.device
        of = counts.setdefault(key, Counter())
        of[f"{order.cause}_conversions"] += not order.refund
        of["revenue"] += order.revenue  # type: ignore[assignment]
    return {key: {name: n for name, n in of.items() if n} for key, of in counts.items()}


def lands(click: Event, other: Event) -> bool:
    soon = click.time < other.time < click.time + timedelta(minutes=5)
    return other.visitor == click.visitor and soon and not other.event.startswith("$")


def stored_counts(account: Account) -> dict[Key, dict[str, Any]]:
    """The same as it is stored; hours with nothing in them are left out."""
    names = ("impressions", "viewable", "clicks", "landed", "dismissed", "click_conversions", "view_conversions")
    found = {}
    for row in CampaignStat.objects.filter(account=account):
        counted = {name: getattr(row, name) for name in (*names, "revenue") if getattr(row, name)}
        if counted:
            found[(row.hour, row.campaign_id, row.creative, row.placement, row.device)] = counted
    return found
