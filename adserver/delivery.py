"""How far a campaign is towards its goal, day by day, and whether it will get there."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from adserver.models import Campaign, Pace, Progress
from adserver.reports import Period, report

LONGEST = 60
"""The last so many days are drawn."""
NEAR = 0.95
"""From so much of the plan on it is on plan: days differ."""


class Day(NamedTuple):
    """What was counted on it, in all until its end, and what was planned until then (None without an end)."""

    date: date
    number: int
    total: int
    plan: float | None


class Bar(NamedTuple):
    """In a picture 100 high; from the top."""

    x: int
    y: float
    height: float
    label: str


class Drawn(NamedTuple):
    """A picture of `width`: what was counted until the end of each day, `line` the plan's points ("" without one). With
    no goal: what was counted on each day."""

    width: int
    columns: list[Bar]
    line: str
    first: date
    last: date


class Delivery(NamedTuple):
    """`kind`: impressions or clicks. `amount` 0: there is no goal, and what was counted is all there is to tell."""

    kind: str
    amount: int
    done: int
    planned: float | None
    days: list[Day]
    verdict: str
    good: bool

    @property
    def percent(self) -> float:
        return min(100.0, 100 * self.done / self.amount) if self.amount else 0.0

    @property
    def planned_percent(self) -> float | None:
        return 100 * self.planned / self.amount if self.amount and self.planned is not None else None

    @property
    def drawn(self) -> Drawn:
        heights = [day.total if self.amount else day.number for day in self.days]
        plans = [day.plan for day in self.days if day.plan is not None]
        most = max([*heights, *plans, 1])
        columns = [
            Bar(10 * place + 1, 100 - 100 * height / most, 100 * height / most, f"{day.date}: {height:,}")
            for place, (day, height) in enumerate(zip(self.days, heights, strict=True))
        ]
        line = " ".join(f"{10 * place + 5},{100 - 100 * plan / most:.1f}" for place, plan in enumerate(plans))
        return Drawn(10 * len(columns), columns, line, self.days[0].date, self.days[-1].date)


def delivery(campaign: Campaign, now: datetime) -> Delivery:
    kind = "clicks" if campaign.goal == Campaign.Goal.CLICKS else "impressions"
    zone = campaign.account.zone
    today = now.astimezone(zone).date()
    begun = min((campaign.starts_at or campaign.created_at).astimezone(zone).date(), today)
    first = max(begun, today - timedelta(days=LONGEST - 1))
    counted = report(campaign.account_id, Period(first, today, zone), campaign.pk)
    numbers = [int(getattr(counts, kind)) for _, counts in counted.days]
    progress = Progress.objects.filter(campaign=campaign).first()
    amount = campaign.amount or 0
    done = int(getattr(progress, kind)) if progress and amount else sum(numbers)
    before = max(0, done - sum(numbers))  # counted before the days drawn
    days = []
    for day, number in zip(Period(first, today, zone).days, numbers, strict=True):
        before += number
        days.append(Day(day, number, before, plan(campaign, min(Period(first, day, zone).until, now))))
    verdict, good = judge(campaign, done, Pace.objects.filter(campaign=campaign).first(), now)
    return Delivery(kind, amount, done, plan(campaign, now), days, verdict, good)


def plan(campaign: Campaign, at: datetime) -> float | None:
    """What an even delivery would have reached at an instant; None without a goal or an end."""
    start, end = campaign.starts_at or campaign.created_at, campaign.ends_at
    if not campaign.amount or end is None or end <= start or campaign.pacing != Campaign.Pacing.EVEN:
        return None
    return campaign.amount * min(1.0, max(0.0, (at - start) / (end - start)))


def judge(campaign: Campaign, done: int, pace: Pace | None, now: datetime) -> tuple[str, bool]:
    """In words, and whether that is well."""
    if not campaign.amount:
        return "", True
    kind, missing = campaign.goal, campaign.amount - done
    if missing <= 0:
        return "The goal is reached: it is not shown any more.", True
    if campaign.ends_at is not None and campaign.ends_at <= now:
        return f"It ended with {missing:,} {kind} missing.", False
    if campaign.ends_at is None:
        return f"{missing:,} {kind} to go. Without an end it is shown as fast as there are visitors.", True
    if pace is None:
        return f"{missing:,} {kind} to go. The forecast comes within a minute of it being live.", True
    rough = " The forecast is rough: a week of history is not there yet." if pace.flat else ""
    if campaign.goal == Campaign.Goal.CLICKS:
        planned = plan(campaign, now)
        behind = planned is not None and done < NEAR * planned
        told = "behind plan: widen whom it is for, or renew its creatives." if behind else "on plan."
        return f"{missing:,} clicks to go, {told}{rough}", not behind
    if pace.forecast >= missing:
        return (
            f"On course: {missing:,} impressions to go, and about {pace.forecast:,.0f} are expected until its end"
            f" if it takes each chance; it takes {100 * pace.probability:.0f} % of them now.{rough}",
            True,
        )
    likely = 100 * (done + pace.forecast) / campaign.amount
    return (
        f"It will probably end at {likely:.0f} % of its goal: {missing:,} impressions to go, but only about"
        f" {pace.forecast:,.0f} are expected. Widen whom it is for, give it a better tier, or a"
        f" later end.{rough}",
        False,
    )
