"""The overview: how the account is doing, as pictures, and what to do next while it is new."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Max, Q, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.clock import now
from accounts.models import Account, ApiToken, Platform, Refusal, Role
from adserver.models import Campaign
from cdp.models import Profile
from dmp import sizes
from dmp.models import Segment, Visitor
from dmp.segments.evaluate.values import day_start
from segmenthub.demo import shop
from segmenthub.panel.pages import Page

DAYS = 30
REFUSAL_DAYS = 7
TOP = 6
COUNTED = 10_000
SAMPLED_FROM = 250_000
"""Above so many rows in the partitions concerned, events are estimated from a sample of about this many: counting them
takes 150 to 200 ms, and five times as long for five times as many."""

BY_DAY = """SELECT width_bucket(time, %(days)s::timestamptz[]) - 1, event, count(*), sum(order_total)
    FROM dmp_event {sample}
    WHERE account_id = %(account)s AND time >= %(since)s AND time <= %(now)s AND NOT bot GROUP BY 1, 2"""
ROWS = """SELECT coalesce(sum(greatest(c.reltuples, 0)), 0) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'dmp_event'::regclass AND c.relname = ANY(%(names)s)"""


class Bar(NamedTuple):
    """A horizontal bar: `share` of the longest in per cent."""

    label: str
    number: Any
    share: float
    link: str = ""
    color: int = 0


class Part(NamedTuple):
    event: str
    number: int
    height: float
    color: int


class Day(NamedTuple):
    """A column of the chart: parts from the bottom up, heights in per cent of the highest day."""

    date: date
    total: int
    parts: list[Part]


@dataclass
class Activity:
    """What happened in DAYS days; `estimated` where it was sampled."""

    days: list[Day] = field(default_factory=list)
    kinds: list[Bar] = field(default_factory=list)
    total: int = 0
    orders: int = 0
    revenue: Decimal = Decimal(0)
    impressions: int = 0
    clicks: int = 0
    estimated: bool = False


def months(since: datetime, until: datetime) -> list[str]:
    """The names of the partitions between two instants."""
    names, at = [], since.replace(day=1)
    while at <= until:
        names.append(f"dmp_event_{at:%Y_%m}")
        at = (at + timedelta(days=32)).replace(day=1)
    return names


def read_activity(account: Account, at: datetime) -> Activity:
    local = timezone.localtime(at, account.zone)
    first = local.date() - timedelta(days=DAYS - 1)
    edges = [day_start(first + timedelta(days=n), account.zone) for n in range(DAYS)]
    with connection.cursor() as cursor:
        cursor.execute(ROWS, {"names": months(edges[0], at)})
        (stored,) = cursor.fetchone()
        percent = min(100.0, 100.0 * SAMPLED_FROM / stored) if stored else 100.0
        sample = f"TABLESAMPLE SYSTEM ({percent:.4f})" if percent < 100 else ""
        values: dict[str, Any] = {"account": account.pk, "days": edges, "since": edges[0], "now": at}
        cursor.execute(BY_DAY.format(sample=sample), values)
        rows = [(first + timedelta(days=number), *row) for number, *row in cursor.fetchall()]
        return activity(rows, first, 100 / percent)


def activity(rows: list[tuple[date, str, int, Decimal | None]], first: date, factor: float) -> Activity:
    """The picture of (day, event, number, sum of orders) rows."""
    result = Activity(estimated=factor > 1)
    by_kind: dict[str, int] = defaultdict(int)
    by_day: dict[date, dict[str, int]] = defaultdict(dict)
    for day, event, raw, order_total in rows:
        number = round(raw * factor)
        by_kind[event] += number
        if not event.startswith("$"):
            by_day[day][event] = number
        if event == "purchase":
            result.orders += number
            result.revenue += Decimal(order_total or 0) * Decimal(factor)
    result.impressions, result.clicks = by_kind.pop("$impression", 0), by_kind.pop("$click", 0)
    kinds = sorted(((n, kind) for kind, n in by_kind.items() if not kind.startswith("$")), reverse=True)
    colors = {kind: index for index, (_, kind) in enumerate(kinds[:TOP])}
    result.total = sum(number for number, _ in kinds)
    result.kinds = bars([(kind, number, "") for number, kind in kinds[:TOP]])
    most = max((sum(day.values()) for day in by_day.values()), default=0)
    result.days = [
        column(first + timedelta(days=i), by_day.get(first + timedelta(days=i), {}), most, colors) for i in range(DAYS)
    ]
    return result


def column(day: date, numbers: dict[str, int], most: int, colors: dict[str, int]) -> Day:
    grouped: dict[str, int] = defaultdict(int)
    for kind, number in numbers.items():
        grouped[kind if kind in colors else "others"] += number
    ordered = sorted(grouped.items(), key=lambda item: colors.get(item[0], TOP))
    parts = [Part(kind, n, round(100 * n / most, 2), colors.get(kind, TOP)) for kind, n in ordered]
    return Day(day, sum(numbers.values()), parts)


def bars(rows: list[tuple[str, int, str]]) -> list[Bar]:
    most = max((number for _, number, _ in rows), default=0)
    return [
        Bar(label, number, round(100 * number / most, 2) if most else 0, link, color=index)
        for index, (label, number, link) in enumerate(rows)
    ]


def about(model: type[Visitor] | type[Profile], account: UUID) -> str:
    """How many people, counted to COUNTED: no page counts millions."""
    rows = model.objects.filter(account=account).order_by("key").values("key")[: COUNTED + 1]
    number = rows.count()
    return f"{COUNTED:,}+" if number > COUNTED else f"{number:,}"


def refused(account: Account, at: datetime) -> list[Bar]:
    rows = (
        Refusal.objects.filter(account=account, hour__gte=at - timedelta(days=REFUSAL_DAYS))
        .values("endpoint", "field", "code")
        .annotate(number=Sum("count"), said=Max("sample"))
        .order_by("-number")[:TOP]
    )
    return bars([(row["said"] or f"{row['field']} {row['code']}", row["number"], "") for row in rows])


def segment_sizes(account: Account) -> list[Bar]:
    rows = Segment.objects.filter(account=account).annotate(size=sizes.members())
    largest = sorted(rows[:200], key=lambda row: (-row.size, row.name))[:TOP]
    return bars([(row.name, row.size, reverse("panel:dmp_segment_change", args=[row.pk])) for row in largest])


class Step(NamedTuple):
    """Something to do in a new account; `least` is the role that can."""

    title: str
    text: str
    done: bool
    link: str
    least: Role


def steps(account: Account, happened: Activity) -> list[Step]:
    own = {"account": account}
    return [
        Step(
            "Add a platform",
            "Your website or app, by the code that it sends.",
            Platform.objects.filter(**own).exists(),
            reverse("panel:accounts_platform_add"),
            Role.ADMIN,
        ),
        Step(
            "Send an event",
            "From a page or a shell; the line below is ready.",
            happened.total > 0 or Visitor.objects.filter(**own).exists(),
            reverse("panel:events"),
            Role.ANALYST,
        ),
        Step(
            "Make a segment",
            "An audience, such as VIP.",
            Segment.objects.filter(**own).exists(),
            reverse("panel:dmp_segment_add"),
            Role.MARKETER,
        ),
        Step(
            "Set a campaign live",
            "What is shown to whom.",
            Campaign.objects.filter(**own, status=Campaign.Status.LIVE).exists(),
            reverse("panel:adserver_campaign_add"),
            Role.MARKETER,
        ),
        Step(
            "Make an API token",
            "For your server, to read and write profiles.",
            ApiToken.objects.filter(**own).exists(),
            reverse("panel:accounts_apitoken_add"),
            Role.ADMIN,
        ),
    ]


def running(account: Account, at: datetime) -> list[Campaign]:
    rows = Campaign.objects.filter(account=account, status=Campaign.Status.LIVE).select_related("placement")
    return list(rows.filter(Q(ends_at=None) | Q(ends_at__gt=at)).filter(Q(starts_at=None) | Q(starts_at__lte=at))[:TOP])


class Overview(Page):
    template = "admin/index.html"
    title = "Overview"

    def context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        at = now()
        happened = read_activity(self.account, at)
        to_do = steps(self.account, happened)
        return {
            "activity": happened,
            "tiles": self.tiles(happened),
            "refused": refused(self.account, at) if self.standing.may(Role.ANALYST) else None,
            "segments": segment_sizes(self.account),
            "campaigns": running(self.account, at),
            "steps": [(step, self.standing.may_change(step.least)) for step in to_do],
            "is_new": not all(step.done for step in to_do),
            "may_campaign": self.standing.may_change(Role.MARKETER),
            "curl": first_event(self.account),
            "days": DAYS,
            "refusal_days": REFUSAL_DAYS,
            "demo_shop": str(self.account.pk) == shop.ACCOUNT,
        }

    def tiles(self, happened: Activity) -> list[tuple[str, Any, str, str]]:
        """Name, value, icon, and of what time or share it is."""
        of_days = f"last {DAYS} days"
        about_so_many = "about " if happened.estimated else ""
        tiles = [
            ("Events", f"{about_so_many}{happened.total:,}", "bolt", of_days),
            ("Orders", f"{about_so_many}{happened.orders:,}", "shopping_bag", of_days),
            ("Revenue", f"{about_so_many}{happened.revenue:,.2f}", "payments", of_days),
            ("Visitors", about(Visitor, self.account.pk), "devices", "in all"),
            ("Profiles", about(Profile, self.account.pk), "person", "in all"),
        ]
        if happened.impressions:
            share = f"{100 * happened.clicks / happened.impressions:.2f} % of {happened.impressions:,} impressions"
            tiles.append(("Clicks", f"{about_so_many}{happened.clicks:,}", "ads_click", share))
        return tiles


def first_event(account: Account) -> str:
    """A shell line that sends a page view."""
    platform = Platform.objects.filter(account=account).values_list("code", flat=True).first() or "www.example.com"
    body = (
        f'{{"account": "{account.pk}", "visitorId": "3f6c1f0e-3f1b-4c57-9d0a-0c6d9a0b7a51",'
        f' "platform": "{platform}", "event": "pageView", "path": "/"}}'
    )
    return f"curl {settings.API_URL}/campaigns/query -H 'Content-Type: application/json' -d '{body}'"
