"""Statistics from what happened: the counts of `CampaignStat` that events and orders tell, set and never added.

Each minute the hours since the last pass are counted anew, each hour those of LATE. How far a pass is stands in
`Rollup`: one that was killed, or whose worker was away for days, goes on from there. `eligible`, `served` and `invalid`
leave no events and are left alone.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from adserver.counting import hour_of
from adserver.models import Campaign, Rollup
from dmp import partitions, sql

LATE = timedelta(hours=48)
"""How late an order may be known and still be counted by itself; after an import of older ones, recount."""
LANDS_WITHIN = timedelta(minutes=5)
SLICE = timedelta(hours=6)
"""So much is counted in one transaction, so that none is long."""


class Pass(NamedTuple):
    """Counts again so much before its last end: events are committed, and clicks land, a little later."""

    name: str
    back: timedelta


SETTINGS = {"statement_timeout": "600s", "lock_timeout": "600s", "work_mem": "64MB"}
LOCK = "lock"
"""The row that who counts holds meanwhile."""
RECENT = Pass("recent", timedelta(minutes=10))
LATER = Pass("later", LATE)

EVENTS = ("$impression", "$viewable", "$click", "$dismiss")
COUNTS = (
    "impressions",
    "viewable",
    "clicks",
    "landed",
    "dismissed",
    "click_conversions",
    "view_conversions",
    "revenue",
)
KEY = "account_id, hour, campaign, creative, placement, device"

HAPPENED = f"""SELECT e.account_id, date_trunc('hour', e.time, 'UTC') AS hour, e.device,
        e.properties->'$ids' AS ids, e.properties->>'campaign' AS slug, e.properties->>'creative' AS variant,
        e.properties->>'placement' AS code,
        count(*) FILTER (WHERE e.event = '$impression') AS impressions,
        count(*) FILTER (WHERE e.event = '$viewable') AS viewable,
        count(*) FILTER (WHERE e.event = '$click') AS clicks,
        count(*) FILTER (WHERE e.event = '$click' AND EXISTS (SELECT FROM dmp_event l
            WHERE l.visitor = e.visitor AND l.time > e.time AND l.time < e.time + %(lands)s::interval
                AND l.time >= %(since)s AND l.time < %(until)s::timestamptz + %(lands)s::interval
                AND left(l.event, 1) <> '$' AND NOT l.bot)) AS landed,
        count(*) FILTER (WHERE e.event = '$dismiss') AS dismissed
    FROM dmp_event e
    WHERE e.account_id = ANY(%(accounts)s::uuid[]) AND e.time >= %(since)s AND e.time < %(until)s
        AND e.event IN {EVENTS} AND NOT e.bot
    GROUP BY 1, 2, 3, 4, 5, 6, 7"""
NAMED = """SELECT h.account_id, h.hour, c.id AS campaign,
        coalesce((h.ids->>1)::bigint, v.id, 0) AS creative, coalesce((h.ids->>2)::bigint, p.id, 0) AS placement,
        left(coalesce(h.device, ''), 16) AS device, h.impressions, h.viewable, h.clicks, h.landed, h.dismissed,
        0 AS click_conversions, 0 AS view_conversions, 0 AS revenue
    FROM happened h
    JOIN adserver_campaign c ON c.account_id = h.account_id AND c.id = CASE WHEN h.ids IS NULL
        THEN (SELECT n.id FROM adserver_campaign n WHERE n.account_id = h.account_id AND n.slug = h.slug)
        ELSE (h.ids->>0)::bigint END
    LEFT JOIN adserver_creative v ON h.ids IS NULL AND v.campaign_id = c.id AND v.name = h.variant
    LEFT JOIN adserver_placement p ON h.ids IS NULL AND p.account_id = h.account_id AND p.code = h.code"""
ORDERED = """SELECT o.account_id, date_trunc('hour', o.at, 'UTC'), c.id, o.creative, o.placement, o.device,
        0, 0, 0, 0, 0, count(*) FILTER (WHERE o.cause = 'click' AND NOT o.refund),
        count(*) FILTER (WHERE o.cause = 'view' AND NOT o.refund), sum(o.revenue)
    FROM adserver_conversion o
    JOIN adserver_campaign c ON c.id = o.campaign AND c.account_id = o.account_id
    WHERE o.account_id = ANY(%(accounts)s::uuid[]) AND o.at >= %(since)s AND o.at < %(until)s
    GROUP BY 1, 2, 3, 4, 5, 6"""
STANDING = f"""SELECT s.account_id, s.hour, s.campaign_id, s.creative, s.placement, s.device{", 0" * len(COUNTS)}
    FROM adserver_campaignstat s
    WHERE s.account_id = ANY(%(accounts)s::uuid[]) AND s.hour >= %(since)s AND s.hour < %(until)s"""
# What stands and did not happen counts as nothing. In the order of `counting`: two writers never wait for each other.
SET = f"""WITH happened AS ({HAPPENED}), counted AS ({NAMED} UNION ALL {ORDERED} UNION ALL {STANDING})
INSERT INTO adserver_campaignstat AS s
    (account_id, hour, campaign_id, creative, placement, device, {", ".join(COUNTS)})
SELECT {KEY}, {", ".join(f"sum({name})" for name in COUNTS)} FROM counted
GROUP BY {KEY} ORDER BY campaign, hour, creative, placement, device
ON CONFLICT (campaign_id, hour, creative, placement, device) DO UPDATE SET
    {", ".join(f"{name} = EXCLUDED.{name}" for name in COUNTS)}
    WHERE ({", ".join(f"s.{name}" for name in COUNTS)}) IS DISTINCT FROM
        ({", ".join(f"EXCLUDED.{name}" for name in COUNTS)})
RETURNING s.id"""  # noqa: S608


def roll_up(kind: Pass, now: datetime) -> int:
    """Counts what a pass has to, up to the hour of `now`; gives the number of rows that changed."""
    accounts = list(Campaign.objects.order_by().values_list("account", flat=True).distinct())
    until = Rollup.objects.get_or_create(name=kind.name, defaults={"until": beginning(now)})[0].until
    changed = 0
    for start, end in slices(min(until, now) - kind.back, now):
        changed += count(accounts, start, end)
        Rollup.objects.filter(name=kind.name, until__lt=min(end, now)).update(until=min(end, now))
    return changed


def recount(account: UUID, since: datetime, until: datetime) -> int:
    """Counts the hours of an account from that of `since` to that before `until` from what is kept of its events;
    gives the number of rows that changed."""
    return sum(count([account], start, end) for start, end in slices(since, until))


def count(accounts: Sequence[UUID], since: datetime, until: datetime) -> int:
    """Sets the counts of the hours [since, until). One at a time: a slower one would write what it saw before."""
    values = {"accounts": list(accounts), "since": since, "until": until, "lands": LANDS_WITHIN}
    with transaction.atomic():
        for name, value in SETTINGS.items():
            sql.run(f"SET LOCAL {name} = '{value}'", {})
        Rollup.objects.get_or_create(name=LOCK, defaults={"until": since})
        Rollup.objects.select_for_update().get(name=LOCK)
        return len(sql.run(SET, values, prepare=False))


def slices(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Whole hours, SLICE by SLICE, that `since` and `until` lie in and whose events are kept: statistics of those that
    were dropped stay as they are."""
    start = hour_of(max(since, partitions.kept_since()).astimezone(UTC))
    end = hour_of(until.astimezone(UTC) - timedelta.resolution) + timedelta(hours=1)
    while start < end:
        yield start, min(start + SLICE, end)
        start += SLICE


def beginning(now: datetime) -> datetime:
    """Before the first campaign nothing was shown."""
    first: datetime | None = Campaign.objects.order_by("created_at").values_list("created_at", flat=True).first()
    return first or now
