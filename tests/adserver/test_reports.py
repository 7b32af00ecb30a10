"""What campaigns did, added up as marketers ask for it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from adserver.counting import hour_of
from adserver.models import CampaignReason, CampaignStat
from adserver.reasons import NOT_SHOWN, words
from adserver.reports import Counts, Period, Reason, funnel, reasons, report
from tests.adserver.offers import make_campaign
from tests.shops import make_account

NOW = datetime(2026, 6, 10, 12, 34, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")
WEEK = Period(date(2026, 6, 4), date(2026, 6, 10), UTC_ZONE)


@pytest.fixture
def campaign(account):
    return make_campaign(account)


def counted(campaign, hour=NOW, **fields):
    defaults = {"account": campaign.account, "campaign": campaign, "hour": hour_of(hour), "device": "mobile"}
    CampaignStat.objects.create(**{**defaults, **fields})


def test_all_counts_are_added_up(campaign, account):
    counted(campaign, impressions=10, clicks=2, click_conversions=1, revenue=Decimal("9.50"))
    counted(campaign, device="desktop", impressions=5, view_conversions=1, revenue=Decimal("0.50"))
    total = report(account.pk, WEEK).total
    assert (total.impressions, total.clicks, total.conversions, total.revenue) == (15, 2, 2, 10)
    assert total.ctr == pytest.approx(100 * 2 / 15)


def test_nothing_counted_is_a_report_of_nothing(account):
    found = report(account.pk, WEEK)
    assert found.total == Counts()
    assert found.total.ctr is None
    assert [day for day, _ in found.days] == [date(2026, 6, 4) + timedelta(days=n) for n in range(7)]
    assert found.creatives == found.campaigns == []


def test_each_breakdown_adds_up_to_the_total(campaign, account):
    for number in range(40):
        counted(
            campaign,
            NOW - timedelta(hours=3 * number),
            creative=number % 3,
            placement=number % 2,
            device=["mobile", "desktop", ""][number % 3],
            impressions=number,
        )
    found = report(account.pk, WEEK)
    for rows in found[1:]:
        assert sum(counts.impressions for _, counts in rows) == found.total.impressions > 0
    assert [key for key, _ in found.placements] == [1, 0]
    assert {key for key, _ in found.devices} == {"mobile", "desktop", ""}


def test_a_campaign_is_told_from_the_others(campaign, account):
    counted(campaign, impressions=1)
    other = make_campaign(account, "winter")
    counted(other, impressions=2)
    assert report(account.pk, WEEK, other.pk).total.impressions == 2
    assert report(account.pk, WEEK).campaigns[0][0] == other.pk


def test_another_account_is_not_in_it(campaign, account):
    counted(campaign, impressions=1)
    other = make_account("other")
    assert report(other.pk, WEEK).total == Counts()
    assert report(other.pk, WEEK, campaign.pk).total == Counts()
    assert reasons(other.pk, WEEK, campaign.pk) == []


def test_days_are_the_zones(campaign, account):
    zone = ZoneInfo("America/New_York")
    counted(campaign, datetime(2026, 6, 10, 3, tzinfo=UTC), impressions=1)  # 23:00 of the 9th there
    found = report(account.pk, WEEK._replace(zone=zone))
    assert [counts.impressions for _, counts in found.days] == [0, 0, 0, 0, 0, 1, 0]
    assert found.hours[23][1].impressions == 1


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_has_the_hours_it_has(day, hours, campaign, account):
    period = Period(day, day, ZoneInfo("Europe/Berlin"))
    for number in range(-2, 30):
        counted(campaign, period.since + timedelta(hours=number), impressions=1)
    assert report(account.pk, period).total.impressions == hours


def test_an_hour_belongs_to_the_day_in_which_it_begins(campaign, account):
    period = Period(date(2026, 6, 10), date(2026, 6, 10), ZoneInfo("Asia/Kolkata"))  # from 18:30 UTC on
    counted(campaign, datetime(2026, 6, 9, 18, tzinfo=UTC), impressions=1)
    counted(campaign, datetime(2026, 6, 9, 19, tzinfo=UTC), impressions=2)
    assert report(account.pk, period).total.impressions == 2


def test_long_periods_are_told_by_week(campaign, account):
    period = Period(date(2026, 1, 1), date(2026, 6, 10), UTC_ZONE)
    counted(campaign, impressions=3)
    found = report(account.pk, period)
    assert len(found.days) == 23
    assert found.days[-1] == (date(2026, 6, 4), found.total)


def test_the_funnel_tells_each_step_against_one_before():
    steps = {step.name: step for step in funnel(Counts(1000, 500, 400, 200, 20, 10, 0, 0, 4, 2, Decimal(1)))}
    rates = {name: step.rate for name, step in steps.items()}
    assert rates["Eligible"] is None
    assert rates == {
        **{"Eligible": None, "Served": 50, "Impressions": 80, "Viewable": 50, "Clicks": 5, "Landed": 50},
        **{"Conversions by click": 20, "Conversions by view": 1},
    }


def test_the_funnel_of_nothing_has_no_rates():
    assert {step.rate for step in funnel(Counts())} == {None}


# --- reasons ---


def test_reasons_are_told_over_time_most_often_first(campaign, account):
    for hours, reason, count in ((0, "segment", 3), (24, "segment", 4), (0, "draw", 5), (24 * 30, "path", 99)):
        CampaignReason.objects.create(
            account=account, campaign=campaign, hour=hour_of(NOW) - timedelta(hours=hours), reason=reason, count=count
        )
    assert reasons(account.pk, WEEK, campaign.pk) == [
        Reason("segment", 7, [0, 0, 0, 0, 0, 4, 3]),
        Reason("draw", 5, [0, 0, 0, 0, 0, 0, 5]),
    ]


def test_each_reason_of_a_decision_has_words():
    told = (
        "schedule placement creative platform device event path segment excluded conditions stopped dismissed frequency"
        " label tier draw limit goal pacing holdout bot"
    )
    assert set(told.split()) == set(NOT_SHOWN)


def test_a_reason_that_is_not_known_stands_for_itself():
    assert words("invalid:odd").text == "odd"
    assert words("invalid:bot").text != words("bot").text
