"""What a campaign would reach, before it is live."""

import math
from datetime import timedelta
from typing import Any

from django.http import Http404, HttpRequest

from accounts.clock import now
from accounts.snapshot import configuration, newer
from adserver.campaigns import problems
from adserver.forecast import DAYS, FEWEST, Forecast, Range, forecast
from adserver.models import Campaign
from segmenthub.panel.pages import Page, above

LONGEST = 10 * 365
"""Days: what takes longer is not told as a date."""


class ForecastPage(Page):
    template = "panel/forecast.html"

    def context(self, request: HttpRequest, pk: int, **kwargs: Any) -> dict[str, Any]:
        campaign = Campaign.objects.filter(account=self.account, pk=pk).select_related("placement").first()
        found = configuration(self.account.pk)
        if campaign is None or found is None:
            raise Http404
        at = now()
        told = forecast(newer(found), campaign, at)
        most = max((number for _, number in told.by_day), default=0) if told else 0
        return {
            "title": "Forecast",
            "parents": above("adserver_campaign", "Campaigns", row=campaign),
            "campaign": campaign,
            "problems": problems(campaign),
            "told": told,
            "bars": [(day, number, 100 * number / most if most else 0) for day, number in told.by_day] if told else [],
            "goal": goal_words(campaign, told, at) if told else "",
            "shown": 100 * told.shown if told and told.shown is not None else None,
            "days": DAYS,
            "fewest": FEWEST,
        }


def goal_words(campaign: Campaign, told: Forecast, at: Any) -> str:
    """Whether it would reach its goal of impressions, and when."""
    if campaign.goal != Campaign.Goal.IMPRESSIONS or campaign.amount is None:
        return ""
    zone = campaign.account.zone
    begins = max(at, campaign.starts_at or at)
    days = told.days_to(campaign.amount)
    if campaign.ends_at is None:
        if days is None or days.likely > LONGEST:
            return f"It would hardly reach its goal of {campaign.amount:,} impressions."
        likely = (begins + timedelta(days=days.likely)).astimezone(zone)
        return (
            f"It would reach its goal of {campaign.amount:,} impressions around {likely:%-d %B %Y}:"
            f" in {said(days)} days of showing as fast as it can."
        )
    length = max(0.0, (campaign.ends_at - begins) / timedelta(days=1))
    whole = told.impressions.times(length)
    if whole.low >= campaign.amount:
        return f"It would reach its goal of {campaign.amount:,} impressions before its end."
    if whole.high < campaign.amount:
        return f"It would not reach its goal: about {said(whole)} of {campaign.amount:,} impressions until its end."
    return f"Its goal of {campaign.amount:,} impressions is uncertain: {said(whole)} until its end."


def said(range: Range) -> str:
    high = f"{math.ceil(range.high):,}" if math.isfinite(range.high) else "many"
    return f"{math.floor(range.low):,} to {high}"
