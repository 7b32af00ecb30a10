"""What campaigns did in a period of days, added up from statistics by the hour: no event is read.

An hour belongs to the day of the account's zone in which it begins.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from dmp import sql
from dmp.segments.evaluate.values import day_start

WEEKS_FROM = 93
"""Periods of so many days and more are shown by week."""


class Counts(NamedTuple):
    """The funnel, with what fell out of it; in the account's currency."""

    eligible: int = 0
    served: int = 0
    impressions: int = 0
    viewable: int = 0
    clicks: int = 0
    landed: int = 0
    dismissed: int = 0
    invalid: int = 0
    click_conversions: int = 0
    view_conversions: int = 0
    revenue: Decimal = Decimal(0)

    @property
    def conversions(self) -> int:
        return self.click_conversions + self.view_conversions

    @property
    def ctr(self) -> float | None:
        return share(self.clicks, self.impressions)


class Period(NamedTuple):
    """The days from `first` to `last` in a zone, in steps of 1 or 7 days."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def length(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def step(self) -> int:
        return 1 if self.length < WEEKS_FROM else 7

    @property
    def since(self) -> datetime:
        return day_start(self.first, self.zone)

    @property
    def until(self) -> datetime:
        return day_start(self.last + timedelta(days=1), self.zone)

    @property
    def days(self) -> list[date]:
        """Those with which steps begin."""
        return [self.first + timedelta(days=n) for n in range(0, self.length, self.step)]


class Report(NamedTuple):
    """`days` and `hours` (of the day, 0 to 23) hold each one; the others only what there is, most first: by the
    campaign's, creative's or placement's id (0 for none) and the device ("" for unknown)."""

    total: Counts
    days: list[tuple[date, Counts]]
    hours: list[tuple[int, Counts]]
    campaigns: list[tuple[int, Counts]]
    creatives: list[tuple[int, Counts]]
    placements: list[tuple[int, Counts]]
    devices: list[tuple[str, Counts]]


class Reason(NamedTuple):
    """How often, in all and in each step of the period."""

    reason: str
    total: int
    days: list[int]


SUMS = ", ".join(f"coalesce(sum({name}), 0)" for name in Counts._fields)
OF = """s.account_id = %(account)s AND s.hour >= %(since)s AND s.hour < %(until)s
    AND (%(campaign)s::bigint IS NULL OR s.campaign_id = %(campaign)s)"""
SETS = ("day", "hour_of_day", "campaign_id", "creative", "placement", "device")
READ = f"""SELECT grouping({", ".join(SETS)}), coalesce({", ".join(f"{name}::text" for name in SETS)}), {SUMS} FROM (
    SELECT s.*, width_bucket(s.hour, %(days)s::timestamptz[]) - 1 AS day,
        extract(hour FROM s.hour AT TIME ZONE %(zone)s)::int AS hour_of_day
    FROM adserver_campaignstat s WHERE {OF}) f
GROUP BY GROUPING SETS ((), {", ".join(f"({name})" for name in SETS)})"""  # noqa: S608
REASONS = f"""SELECT reason, width_bucket(s.hour, %(days)s::timestamptz[]) - 1, sum(count)::bigint
    FROM adserver_campaignreason s WHERE {OF} GROUP BY 1, 2"""  # noqa: S608
GROUPED = {63 - (32 >> place): name for place, name in enumerate(SETS)}
"""What PostgreSQL's grouping() says of a row: a bit for each column that it is not grouped by."""


def report(account: UUID, period: Period, campaign: int | None = None) -> Report:
    """Of a campaign, or of all."""
    total, found = Counts(), {name: dict[str, Counts]() for name in SETS}
    for grouping, key, *sums in sql.run(READ, parameters(account, period, campaign), prepare=False):
        counts = Counts._make([*map(int, sums[:-1]), Decimal(sums[-1])])
        if grouping in GROUPED:
            found[GROUPED[grouping]][key] = counts
        else:
            total = counts
    return Report(
        total,
        [(day, found["day"].get(str(number), Counts())) for number, day in enumerate(period.days)],
        [(hour, found["hour_of_day"].get(str(hour), Counts())) for hour in range(24)],
        by_id(found["campaign_id"]),
        by_id(found["creative"]),
        by_id(found["placement"]),
        most_first(found["device"]),
    )


def by_id(found: Mapping[str, Counts]) -> list[tuple[int, Counts]]:
    return [(int(key), counts) for key, counts in most_first(found)]


def reasons(account: UUID, period: Period, campaign: int | None = None) -> list[Reason]:
    """Why campaigns were not shown, or calls refused ("invalid:..."), most often first."""
    found: dict[str, list[int]] = {}
    for reason, day, count in sql.run(REASONS, parameters(account, period, campaign), prepare=False):
        found.setdefault(reason, [0] * len(period.days))[day] += count
    return sorted((Reason(name, sum(days), days) for name, days in found.items()), key=lambda each: -each.total)


def parameters(account: UUID, period: Period, campaign: int | None) -> dict[str, Any]:
    return {
        "account": account,
        "campaign": campaign,
        "since": period.since,
        "until": period.until,
        "days": [day_start(day, period.zone) for day in period.days],
        "zone": str(period.zone),
    }


def most_first(found: Mapping[str, Counts]) -> list[tuple[str, Counts]]:
    return sorted(found.items(), key=lambda item: (-item[1].impressions, -item[1].eligible, item[0]))


def share(part: float, whole: float) -> float | None:
    """In per cent; None of nothing."""
    return 100 * part / whole if whole else None


class Step(NamedTuple):
    """Of the funnel: `rate` in per cent of `of`, a step before it."""

    name: str
    number: Any
    rate: float | None = None
    of: str = ""
    width: float = 0.0


def funnel(total: Counts) -> list[Step]:
    steps: Iterable[tuple[str, int, int, str]] = (
        ("Eligible", total.eligible, 0, ""),
        ("Served", total.served, total.eligible, "of eligible"),
        ("Impressions", total.impressions, total.served, "of served"),
        ("Viewable", total.viewable, total.impressions, "of impressions"),
        ("Clicks", total.clicks, total.impressions, "of impressions (CTR)"),
        ("Landed", total.landed, total.clicks, "of clicks"),
        ("Conversions by click", total.click_conversions, total.clicks, "of clicks"),
        ("Conversions by view", total.view_conversions, total.viewable, "of viewable"),
    )
    most = max(total.eligible, total.served, total.impressions)
    return [
        Step(name, number, share(number, before), of, share(number, most) or 0.0) for name, number, before, of in steps
    ]
