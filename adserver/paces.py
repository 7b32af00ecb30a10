"""The paces of live campaigns, made anew each minute from their statistics."""

from datetime import datetime, timedelta

from django.db.models import Sum

from adserver.models import Campaign, CampaignReason, CampaignStat, Pace, Progress
from adserver.pacing import WEEK, Hours, pace

ENOUGH = 200
"""So many that took part tell which part of them becomes an impression or a click."""
NOTICED = 0.005
"""A pace that changed by less is left: each change has the processes load the account's campaigns anew."""


def set_paces(now: datetime) -> None:
    """For campaigns with a goal to be spread until their end. One statement for each of some sums."""
    paced = Campaign.objects.filter(
        status=Campaign.Status.LIVE, pacing=Campaign.Pacing.EVEN, ends_at__gt=now, amount__isnull=False
    ).exclude(goal=Campaign.Goal.NONE)
    for campaign in paced.select_related("account", "progress", "pace"):
        set_pace(campaign, now)


def set_pace(campaign: Campaign, now: datetime) -> None:
    assert campaign.ends_at is not None
    progress: Progress | None = getattr(campaign, "progress", None)
    done = 0 if progress is None else getattr(progress, campaign.goal)
    remaining = (campaign.amount or 0) - done
    share = shown(campaign, done)
    found = pace(eligible(campaign, now), campaign.account.zone, now, campaign.ends_at, remaining, share)
    values = {"forecast": found.expected * share, "flat": found.flat, "at": now}
    known: Pace | None = getattr(campaign, "pace", None)
    if known is None or abs(known.probability - found.probability) > NOTICED:
        values["probability"] = found.probability
        Pace.objects.update_or_create(
            campaign=campaign, defaults=values, create_defaults={**values, "account": campaign.account}
        )
    else:
        Pace.objects.filter(campaign=campaign).update(**values)


def eligible(campaign: Campaign, now: datetime) -> Hours:
    rows = CampaignStat.objects.filter(campaign=campaign, hour__gt=now - WEEK - timedelta(days=1))
    return dict(rows.values_list("hour").annotate(n=Sum("eligible")).filter(n__gt=0).values_list("hour", "n"))


def shown(campaign: Campaign, done: int) -> float:
    """The part of the decisions it took part in that became what the goal counts."""
    eligible = CampaignStat.objects.filter(campaign=campaign).aggregate(n=Sum("eligible"))["n"] or 0
    slowed = CampaignReason.objects.filter(campaign=campaign, reason="pacing").aggregate(n=Sum("count"))["n"] or 0
    took_part = eligible - slowed
    return min(1.0, done / took_part) if done and took_part >= ENOUGH else 1.0
