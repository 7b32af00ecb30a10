"""What is live when: campaigns as bars over some weeks, by placement."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.http import HttpRequest

from accounts.clock import now
from adserver.models import Campaign, Placement
from segmenthub.panel.pages import Page, asked

WEEKS = 6
EARLIEST, LATEST = date(2000, 1, 3), date(2100, 1, 1)


class Span(NamedTuple):
    """[first, last + 1 day) of an account, from midnight to midnight in its zone."""

    first: date
    zone: ZoneInfo

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range(7 * WEEKS)]

    def at(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone)

    def place(self, at: datetime) -> float:
        """Where an instant lies, in percent of the span, held within it."""
        start, end = self.at(self.first), self.at(self.first + timedelta(days=7 * WEEKS))
        share = (at.timestamp() - start.timestamp()) / (end.timestamp() - start.timestamp())
        return 100 * min(1.0, max(0.0, share))


class Bar(NamedTuple):
    """`left` and `width` in percent; `begins` and `ends`: whether that is within the span."""

    campaign: Campaign
    left: float
    width: float
    begins: bool
    ends: bool


class CalendarPage(Page):
    """`from`: a day of the first week; `placement`: a code, or "-" for campaigns without one."""

    template = "panel/calendar.html"
    title = "Calendar"

    def context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        at = now()
        span = Span(first_day(asked(request, "from"), at.astimezone(self.account.zone).date()), self.account.zone)
        wanted = asked(request, "placement")
        rows = Campaign.objects.filter(account=self.account).exclude(status=Campaign.Status.ARCHIVED)
        rows = rows.select_related("placement").order_by("placement__code", "tier", "name")
        if wanted:
            rows = rows.filter(placement=None) if wanted == "-" else rows.filter(placement__code=wanted)
        groups: dict[str, list[Bar]] = defaultdict(list)
        for campaign in rows:
            if (bar := bar_of(campaign, span)) is not None:
                groups[campaign.placement.code if campaign.placement else ""].append(bar)
        weeks = span.days[::7]
        return {
            "groups": dict(groups),
            "weeks": [(week, span.place(span.at(week))) for week in weeks],
            "today": span.place(at) if 0 < span.place(at) < 100 else None,
            "before": weeks[0] - timedelta(days=7 * (WEEKS - 1)),
            "after": weeks[0] + timedelta(days=7 * (WEEKS - 1)),
            "last": span.days[-1],
            "wanted": wanted,
            "placements": Placement.objects.filter(account=self.account),
            "any": Campaign.objects.filter(account=self.account).exists(),
        }


def first_day(text: str, today: date) -> date:
    """The Monday of the week of a day; of last week where none is given or it cannot be read."""
    try:
        day = min(max(date.fromisoformat(text), EARLIEST), LATEST)
    except ValueError:
        day = today - timedelta(days=7)
    return day - timedelta(days=day.weekday())


def bar_of(campaign: Campaign, span: Span) -> Bar | None:
    """None for a campaign that does not run within the span."""
    left = span.place(campaign.starts_at) if campaign.starts_at else 0.0
    right = span.place(campaign.ends_at) if campaign.ends_at else 100.0
    if right <= left:
        return None
    return Bar(campaign, left, right - left, begins=left > 0, ends=right < 100)
