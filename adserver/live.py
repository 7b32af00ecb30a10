"""What an account shows, compiled for the decision and for tracking, in the process's snapshot."""

import logging
from collections import defaultdict
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from accounts import snapshot
from accounts.snapshot import Configuration, Derived, Part
from adserver import board
from adserver.conditions import Check, compile_conditions
from adserver.macros import Macros, compile_macros
from adserver.models import AdSettings, Campaign, Creative, Pace, Placement
from dmp.segments.operands import RuleError
from dmp.segments.vocabulary import Vocabulary, vocabulary

logger = logging.getLogger(__name__)
Network = IPv4Network | IPv6Network


class Known(NamedTuple):
    """A creative of any campaign, also of one that ended: people come back to what they saw."""

    campaign: int
    name: str
    link: str

    @property
    def macros(self) -> Macros | None:
        """What the link says of the person; one that cannot be read any more leads nowhere."""
        return compile_macros("image", {}, self.link) if "{{" in self.link else None


class Rules(NamedTuple):
    """What holds for all campaigns of the account (`AdSettings`); `staff` is a segment's id."""

    holdout_percent: int = 0
    salt: str = ""
    staff: int | None = None
    staff_networks: tuple[Network, ...] = ()
    blocked_networks: tuple[Network, ...] = ()


NO_END = 2**62


class Limits(NamedTuple):
    """How much of a campaign there may be: impressions or clicks in all, impressions a day."""

    impressions: int = NO_END
    clicks: int = NO_END
    daily: int = NO_END


class Attribution(NamedTuple):
    """When an order goes back to a campaign. `products`: by creative, what one of the items must be; None: any."""

    click_days: int
    view_days: int
    products: dict[int, frozenset[str]] | None


class Offers(NamedTuple):
    """The live campaigns, and by id what tokens name: slugs of campaigns, creatives, codes of placements; the limits of
    campaigns that have any, also of those that ended: what they showed may still be told."""

    live: board.Board
    rules: Rules
    limits: dict[int, Limits]
    attribution: dict[int, Attribution]
    campaigns: dict[int, str]
    creatives: dict[int, Known]
    placements: dict[int, str]

    def slugs(self) -> dict[str, int]:
        return {slug: id for id, slug in self.campaigns.items()}


def load_offers(configuration: Configuration) -> Offers:
    account = configuration.id
    campaigns = dict(Campaign.objects.filter(account=account).values_list("pk", "slug"))
    creatives = Creative.objects.filter(campaign__account=account)
    _accounts.update(dict.fromkeys(campaigns, account))
    return Offers(
        live=load_live(configuration),
        rules=load_rules(account),
        limits=load_limits(account),
        attribution=load_attribution(account),
        campaigns=campaigns,
        creatives={row.pk: Known(row.campaign_id, row.name, row.link) for row in creatives.defer("content")},
        placements=dict(Placement.objects.filter(account=account).values_list("pk", "code")),
    )


offers: Part[Offers] = Derived(load_offers)
_accounts: dict[int, UUID] = {}


def configuration_of(campaign: int) -> Configuration | None:
    """The configuration of the account that a campaign belongs to, which never changes; None for no such campaign."""
    account = _accounts.get(campaign)
    if account is None:
        account = Campaign.objects.filter(pk=campaign).values_list("account", flat=True).first()
        if account is None:
            return None
        _accounts[campaign] = account
    return snapshot.configuration(account)


def load_limits(account: UUID) -> dict[int, Limits]:
    limited = Campaign.objects.exclude(goal=Campaign.Goal.NONE, daily_cap=None).filter(account=account)
    return {
        row.pk: Limits(
            row.amount or NO_END if row.goal == Campaign.Goal.IMPRESSIONS else NO_END,
            row.amount or NO_END if row.goal == Campaign.Goal.CLICKS else NO_END,
            row.daily_cap or NO_END,
        )
        for row in limited
    }


def load_attribution(account: UUID) -> dict[int, Attribution]:
    """Of all campaigns: people buy after one has ended, too."""
    rows = Campaign.objects.filter(account=account).values_list("pk", "click_days", "view_days", "match")
    products: dict[int, dict[int, frozenset[str]]] = defaultdict(dict)
    for row in Creative.objects.filter(campaign__account=account, campaign__match=Campaign.Match.PRODUCT):
        products[row.campaign_id][row.pk] = row.products()
    return {
        id: Attribution(click_days, view_days, products[id] if match == Campaign.Match.PRODUCT else None)
        for id, click_days, view_days, match in rows
    }


def load_rules(account: UUID) -> Rules:
    row = AdSettings.objects.filter(account=account).first()
    if row is None:
        return Rules()
    return Rules(
        row.holdout_percent,
        row.salt,
        row.staff_id,
        tuple(ip_network(text, strict=False) for text in row.staff_networks),
        tuple(ip_network(text, strict=False) for text in row.blocked_networks),
    )


def load_live(configuration: Configuration) -> board.Board:
    live = Campaign.objects.filter(account=configuration.id, status=Campaign.Status.LIVE)
    return board.Board(compiled(configuration, live.order_by("tier", "pk")))


def compiled(configuration: Configuration, campaigns: QuerySet[Campaign]) -> list[board.Campaign]:
    rows = campaigns.select_related("placement").prefetch_related("segments", "exclude_segments")
    creatives: dict[int, list[board.Creative]] = defaultdict(list)
    for row in Creative.objects.filter(campaign__in=rows, active=True).select_related("media").order_by("pk"):
        if row.problem() is None:  # one that cannot be shown as its type promises is not shown
            creatives[row.campaign_id].append(
                board.Creative(row.pk, row.name, row.type, content(row), row.link, row.weight, macros(row))
            )
    paces = dict(Pace.objects.filter(account=configuration.id).values_list("campaign", "probability"))
    known = vocabulary(configuration)
    return [
        compile_campaign(
            row,
            creatives[row.pk],
            paces.get(row.pk, 1.0),
            conditions(row, known),
            segments=frozenset(segment.pk for segment in row.segments.all()),
            exclude_segments=frozenset(segment.pk for segment in row.exclude_segments.all()),
        )
        for row in rows
    ]


def conditions(row: Campaign, known: Vocabulary) -> Check | None:
    """The test of the event; what cannot be read any more lets nobody in, and `adserver.campaigns` says why."""
    if row.conditions is None:
        return None
    try:
        return compile_conditions(row.conditions, known, tuple(row.events))
    except RuleError as error:
        logger.warning("campaign %s cannot show: %s", row.slug, error)
        return lambda event, zone, now: False


def compile_campaign(
    row: Campaign,
    creatives: list[board.Creative],
    pace: float,
    conditions: Check | None,
    *,
    segments: frozenset[int],
    exclude_segments: frozenset[int],
) -> board.Campaign:
    placement = row.placement
    return board.Campaign(
        id=row.pk,
        slug=row.slug,
        placement_id=row.placement_id,
        placement=placement.code if placement else None,
        placement_active=placement is None or placement.active,
        tier=row.tier,
        weight=row.weight,
        label=row.label,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        platforms=frozenset(row.platforms),
        devices=frozenset(row.devices),
        events=frozenset(row.events),
        paths=tuple(row.paths),
        exclude_paths=tuple(row.exclude_paths),
        segments=segments,
        exclude_segments=exclude_segments,
        creatives=tuple(creatives),
        conditions=conditions,
        cap=row.cap,
        cap_hours=row.cap_hours,
        stop_after=row.stop_after,
        dismiss_days=row.dismiss_days,
        holdout_percent=row.holdout_percent,
        salt=row.salt,
        pace=pace if row.goal != Campaign.Goal.NONE and row.pacing == Campaign.Pacing.EVEN else 1.0,
    )


def macros(row: Creative) -> Macros | None:
    """Of a creative that has no problem."""
    return compile_macros(row.type, content(row), row.link)


def content(row: Creative) -> Any:
    """What an element's `content` says for its type."""
    if row.type == Creative.Type.IMAGE and row.media:
        return {
            "src": media_url(row.media.file.url),
            "alt": row.media.alt,
            "width": row.media.width,
            "height": row.media.height,
        }
    return {"html": row.content["html"]} if row.type == Creative.Type.HTML else row.content


def media_url(url: str) -> str:
    return settings.API_URL + url if url.startswith("/") else url
