"""Reports: what all campaigns, or one, did in a period, as pictures, tables and files; and what they add."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import dateformat

from accounts.clock import now
from accounts.models import Role
from adserver.campaigns import problems
from adserver.delivery import Delivery, delivery
from adserver.groups import EVERY_CAMPAIGN, share_changed_at
from adserver.models import AdSettings, Campaign, Creative, Placement
from adserver.reasons import is_refusal, words
from adserver.reports import Counts, Reason, Report, funnel, reasons, report
from adserver.rivals import unshown
from segmenthub.panel.pages import Page, above, asked
from segmenthub.panel.periods import LENGTHS, Asked, asked_period
from segmenthub.panel.tables import Row, Table, counts_file, file
from segmenthub.panel.uplift import Uplift, uplift

LABELS = 8
"""About so many columns of a chart are named below it."""
DRAWN = ("impressions", "clicks", "conversions", "revenue")
MOST_ROWS = 100
COLOURED = 6
"""So many reasons have a colour of their own."""
FALLEN = {"dismissed": "closed by the person", "invalid": "calls refused"}


class Column(NamedTuple):
    """Its height in per cent of the highest; `name` "" where it is not named below."""

    label: str
    number: Any
    height: float
    name: str


class Chart(NamedTuple):
    title: str
    total: Any
    color: int
    columns: list[Column]


class ReasonRow(NamedTuple):
    text: str
    to_do: str
    number: int
    share: float
    color: int


class Part(NamedTuple):
    color: int
    height: float


class ReasonDay(NamedTuple):
    label: str
    name: str
    parts: list[Part]


class ReportPage(Page):
    """What both pages share."""

    least = Role.VIEWER
    campaign: Campaign | None = None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "pk" in kwargs:
            self.campaign = (
                Campaign.objects.filter(account=self.account, pk=kwargs["pk"]).select_related("account").first()
            )
            if self.campaign is None:
                raise Http404
        period = asked_period(request, self.account, now())
        name = asked(request, "csv")
        return self.as_file(name, period) if name else self.show(request, **self.shown(period))

    def shown(self, period: Asked) -> dict[str, Any]:
        found = self.report(period)
        said = self.reasons(period)
        why, refused = ([each for each in said if is_refusal(each.reason) is kind] for kind in (False, True))
        return {
            "asked": period,
            "most": MOST_ROWS,
            "lengths": LENGTHS,
            "report": found,
            "empty": found.total == Counts() and not why,
            "steps": funnel(found.total),
            "fallen": [(getattr(found.total, name), text) for name, text in FALLEN.items()],
            "charts": charts(found),
            "hours": hours(found),
            "tables": self.tables(found),
            "reasons": reason_rows(why),
            "reason_days": reason_days(why, period),
            "refused": reason_rows(refused),
            "uplift": self.uplift(period),
        }

    def report(self, period: Asked) -> Report:
        return report(self.account.pk, period.period, self.campaign.pk if self.campaign else None)

    def reasons(self, period: Asked) -> list[Reason]:
        return reasons(self.account.pk, period.period, self.campaign.pk if self.campaign else None)

    def uplift(self, period: Asked) -> Uplift:
        raise NotImplementedError

    def tables(self, found: Report) -> list[Table]:
        """What is shown as tables, and as files."""
        creatives = self.creatives()
        placements = dict(Placement.objects.filter(account=self.account).values_list("pk", "code"))
        step = "Day" if len(found.days) < 2 or (found.days[1][0] - found.days[0][0]).days == 1 else "Week from"
        drawn = [(key, counts) for key, counts in found.creatives if key]
        return [
            Table("days", "By day" if step == "Day" else "By week", step, [Row(*each) for each in found.days]),
            Table("creatives", "By creative", "Creative", named(drawn, creatives, "deleted"), decided=False),
            Table("placements", "By placement", "Placement", named(found.placements, placements, "data only")),
            Table("devices", "By device", "Device", [Row(key or "unknown", counts) for key, counts in found.devices]),
            Table(
                "hours", "By hour of the day", "Hour", [Row(f"{hour:02}:00", counts) for hour, counts in found.hours]
            ),
        ]

    def creatives(self) -> dict[int, str]:
        """By id; with the campaign's name where there are several."""
        rows = Creative.objects.filter(campaign__account=self.account).values_list("pk", "name", "campaign__name")
        return {pk: name if self.campaign else f"{campaign}: {name}" for pk, name, campaign in rows}

    def as_file(self, name: str, period: Asked) -> HttpResponse:
        of = self.campaign.slug if self.campaign else "campaigns"
        called = f"{of}-{name}-{period.period.first}-{period.period.last}"
        if name == "reasons":
            days = period.period.days
            head = ["Reason", "Total", *days]
            return file(
                [head, *([words(row.reason).text, row.total, *row.days] for row in self.reasons(period))], called
            )
        table = next((table for table in self.tables(self.report(period)) if table.key == name), None)
        if table is None:
            raise Http404
        return counts_file(table, called)


class ReportsPage(ReportPage):
    """Of all campaigns."""

    template = "panel/reports.html"
    title = "Reports"

    def shown(self, period: Asked) -> dict[str, Any]:
        live = Campaign.objects.filter(account=self.account, status=Campaign.Status.LIVE).select_related("account")
        goals = [(campaign, delivery(campaign, period.now)) for campaign in live.exclude(goal=Campaign.Goal.NONE)[:20]]
        return {
            **super().shown(period),
            "goals": goals,
            "has_campaigns": Campaign.objects.filter(account=self.account).exists(),
            "may_make": self.standing.may_change(Role.MARKETER),
        }

    def uplift(self, period: Asked) -> Uplift:
        settings = AdSettings.objects.filter(account=self.account).first()
        return uplift(self.account.pk, EVERY_CAMPAIGN, settings.holdout_percent if settings else 0, period)

    def tables(self, found: Report) -> list[Table]:
        campaigns = dict(Campaign.objects.filter(account=self.account).values_list("pk", "name"))
        rows = [
            row._replace(link=reverse("panel:campaign_report", args=[key]))
            for row, (key, _) in zip(named(found.campaigns, campaigns, ""), found.campaigns, strict=True)
        ]
        days, *others = super().tables(found)
        return [days, Table("campaigns", "By campaign", "Campaign", rows), *others]


class CampaignReportPage(ReportPage):
    template = "panel/campaign_report.html"

    def shown(self, period: Asked) -> dict[str, Any]:
        assert self.campaign is not None
        live = self.campaign.status == Campaign.Status.LIVE
        return {
            **super().shown(period),
            "title": "Report",
            "parents": above("adserver_campaign", "Campaigns", row=self.campaign),
            "campaign": self.campaign,
            "problems": problems(self.campaign) if live else [],
            "unshown": unshown(self.campaign, period.now) if live else "",
            "delivery": delivered(self.campaign, period),
        }

    def uplift(self, period: Asked) -> Uplift:
        assert self.campaign is not None
        changed = share_changed_at(self.campaign.pk)
        return uplift(self.account.pk, self.campaign.pk, self.campaign.holdout_percent, period, changed)


def delivered(campaign: Campaign, period: Asked) -> Delivery | None:
    return delivery(campaign, period.now) if campaign.amount else None


def named(rows: list[tuple[int, Counts]], names: Mapping[int, str], none: str) -> list[Row]:
    return [Row(names.get(key, none), counts) for key, counts in rows]


def charts(found: Report) -> list[Chart]:
    """One under the other, by day or week."""
    step = -(-len(found.days) // LABELS)
    drawn = []
    for color, name in enumerate(DRAWN):
        numbers = [(day, getattr(counts, name)) for day, counts in found.days]
        most = max((number for _, number in numbers), default=0) or 1
        columns = [
            Column(
                dateformat.format(day, "j M Y"),
                money(number) if name == "revenue" else f"{number:,}",
                max(0.0, float(100 * number / most)),
                dateformat.format(day, "j M") if (len(numbers) - 1 - place) % step == 0 else "",
            )
            for place, (day, number) in enumerate(numbers)
        ]
        total = getattr(found.total, name)
        drawn.append(Chart(name.capitalize(), money(total) if name == "revenue" else f"{total:,}", color, columns))
    return drawn


def hours(found: Report) -> list[Column]:
    """Impressions by the hour of the day, with the share that clicked."""
    most = max(counts.impressions for _, counts in found.hours) or 1
    return [
        Column(
            f"{hour:02}:00",
            f"{counts.impressions:,} impressions, {counts.clicks:,} clicks",
            100 * counts.impressions / most,
            str(hour) if hour % 3 == 0 else "",
        )
        for hour, counts in found.hours
    ]


def money(number: Any) -> str:
    return f"{number:,.2f}"


def reason_rows(found: list[Reason]) -> list[ReasonRow]:
    whole = sum(each.total for each in found) or 1
    return [
        ReasonRow(*words(each.reason), each.total, 100 * each.total / whole, min(place, COLOURED))
        for place, each in enumerate(found)
    ]


def reason_days(found: list[Reason], period: Asked) -> list[ReasonDay]:
    """The shares of the reasons of each day, in the rows' colours."""
    if not found:
        return []
    days = period.period.days
    step, shown = -(-len(days) // LABELS), []
    for place, day in enumerate(days):
        whole = sum(each.days[place] for each in found) or 1
        parts = [Part(min(n, COLOURED), 100 * each.days[place] / whole) for n, each in enumerate(found)]
        name = dateformat.format(day, "j M") if (len(days) - 1 - place) % step == 0 else ""
        shown.append(ReasonDay(dateformat.format(day, "j M"), name, [part for part in parts if part.height]))
    return shown
