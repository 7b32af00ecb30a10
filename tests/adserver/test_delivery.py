"""How far a campaign is, and whether it will get there."""

from datetime import UTC, datetime, timedelta

import pytest

from adserver.counting import hour_of
from adserver.delivery import delivery
from adserver.models import CampaignStat, Pace, Progress
from tests.adserver.offers import make_campaign

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def make(account):
    def make(**fields):
        defaults = {"starts_at": NOW - 4 * DAY, "ends_at": NOW + 4 * DAY, "goal": "impressions", "amount": 1000}
        return make_campaign(account, **{**defaults, **fields})

    return make


def shown(campaign, *numbers):
    """So many on each of the last days, today last; the goal's own count agrees."""
    for days, number in enumerate(reversed(numbers)):
        CampaignStat.objects.create(
            account=campaign.account,
            campaign=campaign,
            hour=hour_of(NOW - days * DAY),
            impressions=number,
            clicks=number,
        )
    Progress.objects.create(campaign=campaign, account=campaign.account, impressions=sum(numbers), clicks=sum(numbers))


def pace(campaign, forecast, **fields):
    defaults = {"probability": 0.25, "flat": False, "at": NOW}
    Pace.objects.create(campaign=campaign, account=campaign.account, forecast=forecast, **{**defaults, **fields})


def test_the_days_add_up_to_what_is_done(make):
    campaign = make()
    shown(campaign, 100, 150, 200)
    found = delivery(campaign, NOW)
    assert (found.done, found.percent, found.planned) == (450, 45, 500)
    assert [(day.number, day.total) for day in found.days] == [(0, 0), (0, 0), (100, 100), (150, 250), (200, 450)]
    assert found.days[-1].plan == 500


def test_what_was_counted_before_the_days_drawn_counts(make):
    campaign = make(starts_at=NOW - 100 * DAY)
    shown(campaign, 10)
    Progress.objects.update(impressions=400)
    found = delivery(campaign, NOW)
    assert (len(found.days), found.days[0].total, found.days[-1].total) == (60, 390, 400)


def test_enough_forecast_is_on_course(make):
    campaign = make()
    shown(campaign, 450)
    pace(campaign, 2200)
    found = delivery(campaign, NOW)
    assert found.good
    assert "about 2,200 are expected" in found.verdict
    assert "takes 25 %" in found.verdict


def test_too_little_forecast_says_where_it_will_end_and_what_to_do(make):
    campaign = make()
    shown(campaign, 450)
    pace(campaign, 150, flat=True)
    found = delivery(campaign, NOW)
    assert not found.good
    assert "end at 60 %" in found.verdict
    assert "rough" in found.verdict


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"amount": 10}, "The goal is reached"),
        ({"ends_at": NOW}, "It ended with 990 impressions missing"),
        ({"ends_at": None}, "Without an end"),
        ({}, "The forecast comes"),
        ({"goal": "none", "amount": None}, ""),
    ],
)
def test_each_standing_is_told(make, fields, verdict):
    campaign = make(**fields)
    shown(campaign, 10)
    found = delivery(campaign, NOW).verdict
    assert verdict in found
    assert bool(found) == bool(verdict)


def test_a_goal_of_clicks_is_told_against_its_plan(make):
    campaign = make(goal="clicks")
    shown(campaign, 100)
    pace(campaign, 10)
    found = delivery(campaign, NOW)
    assert (found.kind, found.good) == ("clicks", False)
    assert "behind plan" in found.verdict


def test_without_an_end_there_is_no_plan(make):
    assert delivery(make(ends_at=None), NOW).planned is None
    assert delivery(make(slug="fast", pacing="asap"), NOW).planned is None


def test_one_that_begins_later_has_today_and_nothing(make):
    found = delivery(make(starts_at=NOW + DAY), NOW)
    assert [day.number for day in found.days] == [0]
    assert found.planned == 0
