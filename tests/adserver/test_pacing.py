"""A goal is spread over its time and reached, whatever the traffic does."""

import math
import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts import snapshot
from accounts.clock import now as clock
from accounts.models import ConfigurationVersion
from adserver import counting, tasks
from adserver.models import Campaign, CampaignReason, CampaignStat, Pace, Progress
from adserver.pacing import HOUR, last_week, pace
from tests.adserver.offers import make_campaign

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)


def curve(local):
    """A shop's day: hardly anybody at night, a peak in the evening."""
    return 40 * (1.05 + math.sin((local.hour + local.minute / 60 - 14) * math.pi / 12)) ** 2


def history(begin, zone, factor):
    hours = {}
    at = (begin - timedelta(days=8)).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while at < begin:
        hours[at] = sum(curve((at + n * MINUTE).astimezone(zone)) for n in range(60)) * factor
        at += HOUR
    return hours


def simulate(day, zone, *, traffic=1.0, noise=0.0, share=0.3, shown=1.0, known=True, seed=1):
    """(delivered, goal, delivered by hour) of one day; the traffic is `traffic` times the forecast."""
    chance = random.Random(seed)
    begin = datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), datetime.min.time(), zone).astimezone(UTC)
    seen = history(begin, zone, 1 / traffic) if known else {}
    minutes = round((end - begin) / MINUTE)
    goal = int(share * shown * sum(curve((begin + n * MINUTE).astimezone(zone)) for n in range(minutes)))
    delivered, passed, by_hour = 0, 0, [0] * (minutes // 60)
    for n in range(minutes):
        now = begin + n * MINUTE
        rate = delivered / passed if passed > 200 else 1.0
        found = pace(seen, zone, now, end, goal - delivered, rate)
        come = round(curve(now.astimezone(zone)) * (1 + chance.uniform(-noise, noise)))
        hour = now.replace(minute=0)
        seen[hour] = seen.get(hour, 0) + come
        for _ in range(come):
            if delivered < goal and chance.random() < found.probability:
                passed += 1
                if chance.random() < shown:
                    delivered += 1
                    by_hour[n // 60] += 1
    return delivered, goal, by_hour


DAYS = {"24 hours": datetime(2026, 6, 1), "23 hours": datetime(2026, 3, 29), "25 hours": datetime(2026, 10, 25)}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("day", DAYS)
def test_half_the_traffic_of_the_forecast_with_noise_delivers_what_was_asked(day, seed):
    delivered, goal, _ = simulate(DAYS[day].date(), BERLIN, traffic=0.5, noise=0.3, seed=seed)
    assert 0.99 * goal <= delivered <= goal


@pytest.mark.parametrize("options", [{"traffic": 2.0}, {"known": False}, {"shown": 0.4}, {"share": 0.9, "noise": 0.3}])
def test_it_is_reached_also(options):
    delivered, goal, _ = simulate(DAYS["24 hours"].date(), BERLIN, **options)
    assert 0.99 * goal <= delivered <= goal


def test_it_is_spread_as_people_come():
    _, goal, by_hour = simulate(DAYS["24 hours"].date(), BERLIN)
    come = [sum(curve(datetime(2026, 6, 1, hour, minute)) for minute in range(60)) for hour in range(24)]
    for hour in range(24):
        assert abs(by_hour[hour] - goal * come[hour] / sum(come)) < 0.02 * goal


def test_without_history_it_says_so():
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    found = pace({now - HOUR: 600.0}, BERLIN, now, now + 10 * HOUR, 600)
    assert found.flat
    assert 0.09 < found.probability < 0.12


def test_a_goal_that_cannot_be_reached_takes_all_and_one_that_is_reached_none():
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert pace({now - HOUR: 10.0}, BERLIN, now, now + HOUR, 1000).probability == 1
    assert pace({now - HOUR: 10.0}, BERLIN, now, now + HOUR, 0).probability == 0


@pytest.mark.parametrize(
    ("at", "before"),
    [
        (datetime(2026, 6, 8, 12, 30, tzinfo=UTC), datetime(2026, 6, 1, 12, tzinfo=UTC)),
        (datetime(2026, 3, 30, 10, tzinfo=UTC), datetime(2026, 3, 23, 11, tzinfo=UTC)),
    ],
)
def test_last_week_is_by_the_clock_on_the_wall(at, before):
    assert last_week(at, BERLIN) == before


# --- through the product ---


@pytest.fixture
def campaign(account):
    return make_campaign(account, goal="impressions", amount=1000, ends_at=clock() + 10 * HOUR)


def seen(campaign, hour, **counts):
    CampaignStat.objects.create(account=campaign.account, campaign=campaign, hour=hour, **counts)


def test_each_minute_the_pace_follows_what_was_counted(campaign):
    this_hour = counting.hour_of(clock())
    seen(campaign, this_hour - HOUR, eligible=10_000)
    tasks.pace()
    found = Pace.objects.get()
    assert found.flat
    assert found.probability < 0.05
    Progress.objects.create(campaign=campaign, account=campaign.account, impressions=1000)
    tasks.pace()
    assert Pace.objects.get().probability == 0


def test_the_less_of_it_is_seen_the_more_takes_part(campaign):
    seen(campaign, counting.hour_of(clock()) - HOUR, eligible=10_000)
    Progress.objects.create(campaign=campaign, account=campaign.account, impressions=100)
    tasks.pace()
    before = Pace.objects.get().probability
    slowed = CampaignReason(account=campaign.account, campaign=campaign, hour=clock(), reason="pacing", count=9000)
    slowed.save()
    tasks.pace()
    assert Pace.objects.get().probability < before


def test_a_forecast_is_kept_up_to_date_while_the_pace_stays_and_counts_what_is_seen(campaign):
    Campaign.objects.update(amount=100_000)
    seen(campaign, counting.hour_of(clock()) - HOUR, eligible=300)
    tasks.pace()
    before, version = Pace.objects.get(), ConfigurationVersion.objects.get(account_id=campaign.account.pk).version
    Progress.objects.create(campaign=campaign, account=campaign.account, impressions=75)
    tasks.pace()
    after = Pace.objects.get()
    assert before.probability == after.probability == 1
    assert after.forecast == pytest.approx(before.forecast / 4, rel=0.01)
    assert ConfigurationVersion.objects.get(account_id=campaign.account.pk).version == version


def test_decisions_take_the_pace(campaign, api, shop):
    Pace.objects.create(campaign=campaign, account=campaign.account, probability=0, at=clock())
    snapshot.clear()
    assert api("/campaigns/query", shop.event())[1]["campaigns"] == []
    counting.flush()
    assert list(CampaignReason.objects.values_list("reason", "count")) == [("pacing", 1)]
    assert CampaignStat.objects.get().eligible == 1


def test_a_goal_without_an_end_or_as_fast_as_possible_is_not_slowed(account):
    make_campaign(account, "endless", goal="impressions", amount=10)
    make_campaign(account, "asap", goal="impressions", amount=10, pacing="asap", ends_at=clock() + HOUR)
    tasks.pace()
    assert not Pace.objects.exists()
