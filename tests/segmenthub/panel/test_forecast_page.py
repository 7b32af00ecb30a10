"""The forecast of a campaign in the panel."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from accounts.models import Account
from adserver.forecast import Forecast, Range
from adserver.models import Campaign
from segmenthub.panel import forecast as module
from segmenthub.panel.forecast import goal_words

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


def words(amount, days=None, a_day=(100, 80, 120)):
    ends_at = NOW + timedelta(days=days) if days else None
    campaign = Campaign(account=Account(timezone="UTC"), goal="impressions", amount=amount, ends_at=ends_at)
    return goal_words(campaign, Forecast(1000, 1000, Range(1, 1, 1), Range(*a_day), Range(*a_day), [], None), NOW)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ((800, 10), "It would reach its goal of 800 impressions before its end."),
        ((1201, 10), "It would not reach its goal: about 800 to 1,200 of 1,201 impressions until its end."),
        ((1000, 10), "Its goal of 1,000 impressions is uncertain: 800 to 1,200 until its end."),
        (
            (1000,),
            "It would reach its goal of 1,000 impressions around 25 June 2026: in 8 to 13 days of showing as fast as it"
            " can.",
        ),
        ((1000, None, (0, 0, 0)), "It would hardly reach its goal of 1,000 impressions."),
        (
            (1000, None, (100, 0, 200)),
            "It would reach its goal of 1,000 impressions around 25 June 2026: in 5 to many days of showing as fast as"
            " it can.",
        ),
    ],
)
def test_the_goal_is_told_in_words(asked, told):
    assert words(*asked) == told


def test_without_a_goal_nothing_is_said_of_it():
    campaign = Campaign(account=Account(timezone="UTC"))
    assert goal_words(campaign, Forecast(1, 1, *3 * [Range(1, 1, 1)], [], None), NOW) == ""


@pytest.fixture
def page(login, ours):
    client = login(ours.account, "viewer")

    def ask(campaign):
        response = client.get(reverse("panel:campaign_forecast", args=[campaign.pk]))
        return response.status_code, response.content.decode()

    return ask


def test_where_few_came_it_says_so(page, ours):
    status, text = page(ours["adserver.campaign"])
    assert status == 200
    assert "Not enough history" in text


def test_it_shows_ranges_and_days(page, ours, monkeypatch):
    found = Forecast(5000, 2000, Range(400, 350, 450), Range(90, 80, 100), Range(45, 40, 50), [(NOW.date(), 90.0)], 0.5)
    monkeypatch.setattr(module, "forecast", lambda *_: found)
    _, text = page(ours["adserver.campaign"])
    for part in ("350 to 450", "40 to 50", "Mon 15 Jun", "2,000 of 5,000 visitors", "50 of 100 answers"):
        assert part in text


def test_another_accounts_campaign_is_not_found(page, theirs):
    assert page(theirs["adserver.campaign"])[0] == 404
