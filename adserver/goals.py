"""Goals and daily caps, exact: never one impression or click more than was asked for.

`Progress` is counted in the transaction of the impression or click itself. While more than a margin is left, whatever
was shown counts. Within the margin a campaign is shown only with a reservation of five minutes, counted here under the
row's lock, and an impression without one is refused ("late"). A click beyond its goal is refused too.

Decisions look at progress as it was within the last second; what they then show is settled here.
"""

import time
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from accounts import background, clock, snapshot
from accounts.snapshot import Configuration
from adserver.live import Limits, offers
from adserver.models import Reservation
from dmp import sql

HELD = timedelta(minutes=5)
FRESH = 1.0
"""Seconds for which progress is looked up once."""


class Standing(NamedTuple):
    """Campaigns, by id, that reached their goal or the day's cap, and those so near that a place must be kept."""

    reached: frozenset[int] = frozenset()
    near: frozenset[int] = frozenset()


class Late(Exception):
    """The goal was reached, or no place was kept: the impression or click does not count."""


MADE = """INSERT INTO adserver_progress (campaign_id, account_id, impressions, clicks, today)
SELECT c.id, c.account_id, coalesce(sum(s.impressions), 0), coalesce(sum(s.clicks), 0), 0
FROM adserver_campaign c LEFT JOIN adserver_campaignstat s ON s.campaign_id = c.id
WHERE c.id = ANY(%(campaigns)s) GROUP BY c.id ON CONFLICT DO NOTHING"""
"""A campaign that gets a goal while it runs begins with what is counted of it."""
PROGRESS = """SELECT campaign_id, impressions, clicks, CASE WHEN day >= %(day)s THEN today ELSE 0 END
FROM adserver_progress WHERE campaign_id = ANY(%(campaigns)s)"""
SHOWN = """WITH kept AS (
    DELETE FROM adserver_reservation WHERE token = %(token)s AND expires_at > %(now)s RETURNING 1
)
UPDATE adserver_progress SET impressions = impressions + 1, day = greatest(day, %(day)s),
    today = CASE WHEN day >= %(day)s THEN today + 1 ELSE 1 END
WHERE campaign_id = %(campaign)s
    AND impressions < CASE WHEN EXISTS (SELECT FROM kept) THEN %(goal)s ELSE %(free)s END
    AND CASE WHEN day >= %(day)s THEN today ELSE 0 END
        < CASE WHEN EXISTS (SELECT FROM kept) THEN %(daily)s ELSE %(daily_free)s END
RETURNING 1"""
CLICKED = """UPDATE adserver_progress SET clicks = clicks + 1
WHERE campaign_id = %(campaign)s AND clicks < %(goal)s RETURNING 1"""
LOCKED = """SELECT impressions, CASE WHEN day >= %(day)s THEN today ELSE 0 END
FROM adserver_progress WHERE campaign_id = %(campaign)s FOR UPDATE"""
WAITING = "SELECT count(*) FROM adserver_reservation WHERE campaign_id = %(campaign)s AND expires_at > %(now)s"


def margin(amount: int) -> int:
    """How many before the end places are kept one by one: 5 %, at least 100."""
    return max(-(-amount // 20), 100)


def day_of(configuration: Configuration, now: datetime) -> date:
    return now.astimezone(configuration.zone).date()


_known: dict[UUID, tuple[float, Configuration, Standing]] = {}


def standing(configuration: Configuration, now: datetime) -> Standing:
    """Where the account's live campaigns stand, as of the last second."""
    limits = offers.of(configuration).limits
    if not limits:
        return Standing()
    known = _known.get(configuration.id)
    if known is None or known[1] is not configuration or time.monotonic() - known[0] > FRESH or not background.runs():
        return look(configuration, now)
    return known[2]


def look(configuration: Configuration, now: datetime) -> Standing:
    at = time.monotonic()
    limits = offers.of(configuration).limits
    rows = sql.run(PROGRESS, {"campaigns": list(limits), "day": day_of(configuration, now)})
    seen = {campaign: (impressions, clicks, today) for campaign, impressions, clicks, today in rows}
    reached, near = set(), set()
    for campaign, limit in limits.items():
        impressions, clicks, today = seen.get(campaign, (0, 0, 0))
        left = [limit.impressions - impressions, limit.daily - today]
        if min(*left, limit.clicks - clicks) <= 0:
            reached.add(campaign)
        elif left[0] <= margin(limit.impressions) or left[1] <= margin(limit.daily):
            near.add(campaign)
    found = Standing(frozenset(reached), frozenset(near))
    _known[configuration.id] = at, configuration, found
    return found


def look_again() -> None:
    """Reads progress anew for the accounts that this process decides for, so that no decision waits for it."""
    for account in list(_known):
        configuration = snapshot.configuration(account)
        if configuration is None or not offers.of(configuration).limits:
            _known.pop(account, None)
        else:
            look(configuration, clock.now())


def reserve(configuration: Configuration, campaign: int, token: UUID, now: datetime) -> bool:
    """Keeps a place for a token's impression; False when none is left. `token` is the key of its impression."""
    limit = offers.of(configuration).limits.get(campaign, Limits())
    values = {"campaign": campaign, "day": day_of(configuration, now), "now": now}
    with transaction.atomic():
        rows = sql.run(LOCKED, values)
        if not rows:
            make([campaign])
            rows = sql.run(LOCKED, values)
        left = [limit.impressions - rows[0][0], limit.daily - rows[0][1]]
        if left[0] > margin(limit.impressions) and left[1] > margin(limit.daily):
            return True
        # a statement of its own: it sees what others committed while this one waited for the lock
        waiting = sql.run(WAITING, values)[0][0]
        if min(left) <= waiting:
            return False
        Reservation.objects.create(
            token=token, account_id=configuration.id, campaign_id=campaign, expires_at=now + HELD
        )
    return True


def has_place(configuration: Configuration, campaign: int, now: datetime) -> bool:
    """Whether `reserve` would keep a place now; nothing is kept or locked."""
    limit = offers.of(configuration).limits.get(campaign, Limits())
    values = {"campaigns": [campaign], "campaign": campaign, "day": day_of(configuration, now), "now": now}
    rows = sql.run(PROGRESS, values)
    impressions, today = (rows[0][1], rows[0][3]) if rows else (0, 0)
    left = min(limit.impressions - impressions, limit.daily - today)
    return bool(left > sql.run(WAITING, values)[0][0])


def make(campaigns: Collection[int]) -> None:
    sql.run(MADE, {"campaigns": list(campaigns)})


def count(configuration: Configuration, limit: Limits, campaign: int, event: str, token: UUID, now: datetime) -> None:
    """Counts an impression or a click, in the transaction that records it; raises Late when it may not count.
    `token`: the key of its impression."""
    values = {
        "campaign": campaign,
        "token": token,
        "now": now,
        "day": day_of(configuration, now),
        "goal": limit.impressions if event == "$impression" else limit.clicks,
        "free": limit.impressions - margin(limit.impressions),
        "daily": limit.daily,
        "daily_free": limit.daily - margin(limit.daily),
    }
    statement = SHOWN if event == "$impression" else CLICKED
    if sql.run(statement, values):
        return
    make([campaign])
    if not sql.run(statement, values):
        raise Late


def sweep(now: datetime) -> None:
    """Forgets places that nobody took."""
    Reservation.objects.filter(expires_at__lt=now - HELD).delete()


background.every(FRESH / 2, look_again)
