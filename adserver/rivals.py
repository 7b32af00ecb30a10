"""Who takes a campaign's place: a placement shows one campaign, the best tier's that fits."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum

from accounts.clock import now
from adserver.decision import matches
from adserver.models import Campaign, CampaignReason, CampaignStat
from adserver.reasons import words
from dmp.models import Segment

DAYS = 7
AFTER_FITTING = ("tier", "limit", "label", "stopped", "dismissed", "frequency", "goal", "pacing", "holdout", "draw")
"""The reasons that are given only where event and person fit."""
NAMED = 3


def better(campaign: Campaign) -> list[Campaign]:
    """The live campaigns of better tiers in its placement, best first."""
    if campaign.placement_id is None:
        return []
    rivals = Campaign.objects.filter(
        account=campaign.account_id,
        placement=campaign.placement_id,
        status=Campaign.Status.LIVE,
        tier__lt=campaign.tier,
    )
    return list(rivals.select_related("account", "placement").prefetch_related("segments", "exclude_segments"))


def always_before(rival: Campaign, campaign: Campaign) -> bool:
    """Whether a campaign of a better tier surely fits wherever this one does, as often as it does."""
    limited = rival.cap is not None or rival.amount is not None or rival.daily_cap is not None
    if limited or rival.stop_after != Campaign.StopAfter.NONE or rival.holdout_percent or rival.label:
        return False
    lists = all(is_within(getattr(campaign, name), getattr(rival, name)) for name in ("platforms", "devices", "events"))
    return (
        lists
        and rival.conditions in (None, campaign.conditions)
        and runs_throughout(rival, campaign)
        and covers_all(rival.paths or ["*"], campaign.paths or ["*"])
        and covers_all(campaign.exclude_paths, rival.exclude_paths)
        and for_all_of(rival, campaign)
    )


def is_within(some: Iterable[str], others: Iterable[str]) -> bool:
    """Of lists of which an empty one means any."""
    return not others or (bool(some) and set(some) <= set(others))


def runs_throughout(rival: Campaign, campaign: Campaign) -> bool:
    begins = max(now(), campaign.starts_at or now())
    ends = rival.ends_at is None or (campaign.ends_at is not None and campaign.ends_at <= rival.ends_at)
    return (rival.starts_at is None or rival.starts_at <= begins) and ends


def covers_all(wide: Iterable[str], narrow: Iterable[str]) -> bool:
    return all(any(covers(one, path) for one in wide) for path in narrow)


def covers(wide: str, narrow: str) -> bool:
    """Whether all paths that fit `narrow` surely fit `wide`: * in `narrow` may be any text, so only a * can take it."""
    return matches(wide, narrow)


def for_all_of(rival: Campaign, campaign: Campaign) -> bool:
    wanted, own = list(rival.segments.all()), list(campaign.segments.all())
    unwanted, excluded = rival.exclude_segments.all(), list(campaign.exclude_segments.all())
    reaches = not wanted or (bool(own) and all(are_among(segment, wanted) for segment in own))
    return reaches and all(are_among(segment, excluded) for segment in unwanted)


def are_among(segment: Segment, others: Iterable[Segment]) -> bool:
    return any(same_people(segment, other) for other in others)


def same_people(segment: Segment, other: Segment) -> bool:
    return segment == other or (segment.rule is not None and segment.rule == other.rule)


def unshown(campaign: Campaign, at: datetime) -> str:
    """What kept a live campaign from being shown even once where it fitted, these days, with what to do; "" where it
    was shown, or fitted nobody."""
    lately = {"account": campaign.account_id, "hour__gte": at - timedelta(days=DAYS)}
    if CampaignStat.objects.filter(**lately, campaign=campaign, served__gt=0).exists():
        return ""
    rows = CampaignReason.objects.filter(**lately, campaign=campaign, reason__in=AFTER_FITTING)
    counted: list[tuple[str, int]] = list(rows.values_list("reason").annotate(n=Sum("count")).order_by("-n"))
    if not counted:
        return ""
    reason, most = counted[0]
    total = sum(number for _, number in counted)
    said = words(reason)
    why = said.text[:1].lower() + said.text[1:]
    share = "each time" if most == total else f"{100 * most / total:.0f} % of the time"
    others = f" ({taken_by(campaign, lately)})" if reason == "tier" else ""
    return f"In the last {DAYS} days it fitted {total:,} times and was never shown: {share} {why}{others}. {said.to_do}"


def taken_by(campaign: Campaign, lately: dict[str, Any]) -> str:
    """Those of better tiers that were shown in its placement, most often first."""
    rows = CampaignStat.objects.filter(**lately, placement=campaign.placement_id or 0, served__gt=0)
    rows = rows.filter(campaign__tier__lt=campaign.tier)
    told = rows.values_list("campaign__name", "campaign__tier").annotate(n=Sum("served")).order_by("-n")
    return ", ".join(f"“{name}” of tier {tier}" for name, tier, _ in told[:NAMED]) or "by now gone"
