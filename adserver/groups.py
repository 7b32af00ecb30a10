"""The two groups of a measurement, read from the marks of decisions and the purchases of the people behind them."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from adserver.models import CampaignChange
from adserver.uplift import Group
from dmp import sql

EVERY_CAMPAIGN = 0
"""The campaign of the marks of an account's own holdout."""

# A person of several units counts once, by the first mark; what all devices buy from then on is the person's.
READ = """WITH people AS (
    SELECT DISTINCT ON (coalesce(v.profile, m.unit)) coalesce(v.profile, m.unit) AS person, m.control, m.at
    FROM adserver_mark m LEFT JOIN dmp_visitor v ON v.key = m.unit
    WHERE m.account_id = %(account)s AND m.campaign = %(campaign)s AND m.at >= %(marked_since)s AND m.at < %(until)s
    ORDER BY coalesce(v.profile, m.unit), m.at, m.unit
), bought AS (
    SELECT coalesce(v.profile, e.visitor) AS person, e.time, e.order_total
    FROM dmp_event e LEFT JOIN dmp_visitor v ON v.key = e.visitor
    WHERE e.account_id = %(account)s AND e.event = 'purchase' AND NOT e.bot
        AND e.time >= %(since)s AND e.time < %(until)s
), outcomes AS (
    SELECT p.person, p.control, p.at,
        coalesce(bool_or(b.time IS NOT NULL AND coalesce(b.order_total, 0) >= 0), false) AS buyer,
        coalesce(sum(b.order_total), 0) AS revenue
    FROM people p LEFT JOIN bought b ON b.person = p.person AND b.time >= p.at
    GROUP BY 1, 2, 3
)
SELECT control, count(*), count(*) FILTER (WHERE buyer), sum(revenue)::float8, sum(revenue * revenue)::float8, min(at)
FROM outcomes GROUP BY 1"""


class Groups(NamedTuple):
    """`since`: the first mark, None without any."""

    treated: Group = Group()
    control: Group = Group()
    since: datetime | None = None


def read(account: UUID, campaign: int, since: datetime, until: datetime, marked_since: datetime) -> Groups:
    """Who was marked from `marked_since` on and before `until`, with what they bought in [since, until) after that."""
    values = {
        "account": account,
        "campaign": campaign,
        "since": since,
        "until": until,
        "marked_since": marked_since,
    }
    rows = sql.run(READ, values, prepare=False)
    of = {control: Group(*counts) for control, *counts, _ in rows}
    return Groups(of.get(False, Group()), of.get(True, Group()), min((row[-1] for row in rows), default=None))


def share_changed_at(campaign: int) -> datetime | None:
    """When the share held out was last edited: people marked before were drawn by another one."""
    changes = CampaignChange.objects.filter(campaign=campaign, changes__has_key="holdout_percent")
    return changes.order_by("-at").values_list("at", flat=True).first()
