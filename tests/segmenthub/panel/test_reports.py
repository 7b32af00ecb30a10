"""The pages that tell what campaigns did, and the files of them."""

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.urls import reverse

from accounts.clock import now
from accounts.models import Account
from adserver.counting import hour_of
from adserver.models import AdSettings, Campaign, CampaignReason, CampaignStat, Mark
from dmp.segments.preview import TooSlow
from segmenthub.panel import uplift
from segmenthub.panel.tables import harmless
from tests.adserver.happenings import record
from tests.segmenthub.panel.conftest import SECRET


@pytest.fixture
def campaign(ours):
    return ours["adserver.campaign"]


@pytest.fixture
def counted(campaign):
    """A hundred impressions and four clicks of our campaign's creative, an hour ago; it was made the day before."""
    Campaign.objects.filter(pk=campaign.pk).update(created_at=now() - timedelta(days=1))
    count(campaign, impressions=100, clicks=4, eligible=400, served=120, click_conversions=1, revenue=Decimal("19.90"))


def count(campaign, ago=timedelta(hours=1), **fields):
    defaults = {"creative": campaign.creatives.get().pk, "placement": campaign.placement_id, "device": "mobile"}
    CampaignStat.objects.create(
        account=campaign.account, campaign=campaign, hour=hour_of(now() - ago), **{**defaults, **fields}
    )


@pytest.fixture
def page(login, ours, campaign):
    """The text of the campaign's report, or of the account's (`of=None`)."""
    client = login(ours.account, "viewer")

    def ask(of=campaign, **asked):
        address = reverse("panel:campaign_report", args=[of.pk]) if of else reverse("panel:reports")
        response = client.get(address, asked)
        assert response.status_code == 200
        return response.content.decode()

    return ask


def rows(text):
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_both_pages_tell_the_funnel(page, counted, campaign):
    for text in (page(), page(None)):
        assert "30.00 % of eligible" in text
        assert "4.00 % of impressions (CTR)" in text
        assert "19.90" in text
    assert reverse("panel:campaign_report", args=[campaign.pk]) in page(None)


def test_the_campaign_and_the_menu_lead_there(login, ours, campaign):
    client = login(ours.account, "viewer")
    form = client.get(reverse("panel:adserver_campaign_change", args=[campaign.pk])).content.decode()
    assert reverse("panel:campaign_report", args=[campaign.pk]) in form
    assert f'href="{reverse("panel:reports")}"' in form


def test_a_live_campaign_shows_its_delivery_on_its_own_page(login, ours, campaign, counted):
    Campaign.objects.filter(pk=campaign.pk).update(status="live", goal="impressions", amount=1000)
    form = login(ours.account, "viewer").get(reverse("panel:adserver_campaign_change", args=[campaign.pk]))
    assert "100 of 1,000 impressions" in form.content.decode()


def test_a_goal_is_told_on_both_pages(page, campaign, counted):
    Campaign.objects.filter(pk=campaign.pk).update(status="live", goal="impressions", amount=1000)
    assert "100 of 1,000 impressions" in page()
    assert "100 of 1,000 impressions" in page(None)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("draft", "It is a draft"),
        ("live", "Nothing has happened"),
        ("paused", "It is paused"),
        ("archived", "archived"),
    ],
)
def test_an_empty_report_says_what_to_do(page, campaign, status, told):
    Campaign.objects.filter(pk=campaign.pk).update(status=status)
    assert told in page()


def test_an_account_without_campaigns_is_told_to_make_one(login):
    account = Account.objects.create(name="New shop")
    address = reverse("panel:reports")
    assert "Make a campaign" in login(account, "marketer").get(address).content.decode()
    assert "Make a campaign" not in login(account, "viewer").get(address).content.decode()


def test_an_account_whose_campaigns_rest_is_told_so(page):
    assert "No campaign took part in these days" in page(None)


def test_only_the_days_asked_for_are_told(page, campaign):
    count(campaign, timedelta(days=10), impressions=77)
    assert "77" not in page(days="7")
    assert ">77<" in page(days="30")
    day = (now() - timedelta(days=10)).astimezone(campaign.account.zone).date().isoformat()
    assert ">77<" in page(**{"from": day, "to": day})


@pytest.mark.parametrize(
    "asked",
    [
        {"from": "x"},
        {"from": "2026-02-30"},
        {"from": "2026-05-01", "to": "2026-04-01"},
        {"from": "0001-01-01"},
        {"to": "0001-01-02"},
        {"from": "9999-12-31"},
        {"from": "\x00"},
    ],
)
def test_days_that_cannot_be_are_answered_with_the_last_30(page, counted, asked):
    assert "last 30" in page(**asked) or "\x00" in asked["from"]


@pytest.mark.parametrize("days", ["0", "-1", "31", "x", "²"])
def test_other_lengths_than_those_offered_are_30_days(page, counted, days):
    assert 'aria-current="page">30 days' in page(days=days)


def test_reasons_are_told_in_words_with_what_to_do(page, campaign):
    for reason, number in (("segment", 30), ("draw", 10), ("invalid:bot", 5)):
        CampaignReason.objects.create(
            account=campaign.account, campaign=campaign, hour=hour_of(now()), reason=reason, count=number
        )
    text = page()
    assert "The person is in none of its segments" in text
    assert "(75.0 %)" in text
    assert "Give it more weight." in text
    assert "A crawler called" in text


# --- files ---


def test_a_table_is_a_file(page, counted, campaign):
    [row] = rows(page(csv="creatives"))
    assert row["Creative"] == campaign.creatives.get().name
    assert (row["impressions"], row["clicks"], row["revenue"], row["ctr_percent"]) == (
        "100",
        "4",
        "19.900000",
        "4.0000",
    )
    assert len(rows(page(csv="days", days="7"))) == 7
    assert rows(page(None, csv="campaigns"))[0]["Campaign"] == campaign.name


def test_reasons_are_a_file(page, campaign):
    CampaignReason.objects.create(
        account=campaign.account, campaign=campaign, hour=hour_of(now()), reason="draw", count=3
    )
    [row] = rows(page(csv="reasons", days="7"))
    assert (row["Reason"], row["Total"]) == ("Another one of its tier was drawn", "3")


def test_a_file_has_a_name_and_is_no_page(login, ours, campaign):
    address = reverse("panel:campaign_report", args=[campaign.pk])
    response = login(ours.account, "viewer").get(address, {"csv": "days", "from": "2026-01-01", "to": "2026-01-02"})
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == f'attachment; filename="{campaign.slug}-days-2026-01-01-2026-01-02.csv"'


def test_an_unknown_file_is_not_found(login, ours):
    assert login(ours.account).get(reverse("panel:reports"), {"csv": "../etc"}).status_code == 404


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("x")'])
def test_no_name_is_a_formula_in_a_file(page, counted, campaign, name):
    campaign.creatives.update(name=name)
    assert rows(page(csv="creatives"))[0]["Creative"] == f"'{name}"
    type(campaign).objects.update(name=name)
    assert rows(page(None, csv="campaigns"))[0]["Campaign"] == f"'{name}"


def test_a_number_below_nothing_stays_a_number(page, campaign):
    assert harmless(Decimal(-3)) == -3
    count(campaign, revenue=Decimal("-3"))
    assert rows(page(csv="creatives"))[0]["revenue"] == "-3.000000"


# --- whose it is ---


def test_a_report_holds_nothing_of_another_account(login, ours, theirs, counted):
    count(theirs["adserver.campaign"], impressions=987_654)
    client = login(ours.account)
    for address in (reverse("panel:reports"), reverse("panel:campaign_report", args=[ours["adserver.campaign"].pk])):
        for asked in ({}, *({"csv": name} for name in ("days", "creatives", "placements", "devices", "hours"))):
            text = client.get(address, asked).content.decode()
            assert SECRET not in text
            assert "987" not in text.replace(",", "")


@pytest.mark.parametrize("asked", [{}, {"csv": "days"}, {"csv": "reasons"}])
def test_a_campaign_of_another_account_is_not_found(login, ours, theirs, asked):
    address = reverse("panel:campaign_report", args=[theirs["adserver.campaign"].pk])
    assert login(ours.account).get(address, asked).status_code == 404


# --- what it adds ---


def measured(campaign, number, treated, control, buyers):
    """People marked ten days ago, of whom so many on each side bought."""
    at = now() - timedelta(days=10)
    marks, bought = [], []
    for side, people in enumerate((treated, control)):
        for n in range(people):
            unit = UUID(int=(side + 1) * 10**6 + n)
            marks.append(Mark(unit=unit, campaign=number, account=campaign.account, control=bool(side), at=at))
            if n < buyers[side]:
                bought.append(unit)
    Mark.objects.bulk_create(marks)
    for unit in bought:
        record(campaign.account, "purchase", at + timedelta(days=1), visitor=unit, order_total=Decimal(10))


def held_out(campaign, percent):
    Campaign.objects.filter(pk=campaign.pk).update(holdout_percent=percent)


def test_a_lift_is_told_with_its_interval(page, campaign, counted):
    held_out(campaign, 50)
    measured(campaign, campaign.pk, 400, 400, (120, 40))
    text = page()
    assert "bought more often than those held out: +200.0 %" in text
    assert "in 95 of 100 cases the truth is between" in text
    assert "do not trust" not in text


def test_harm_is_told_too(page, campaign, counted):
    held_out(campaign, 50)
    measured(campaign, campaign.pk, 400, 400, (40, 120))
    assert "bought less often than those held out: −66.7 %" in page()


def test_what_cannot_be_told_names_no_winner_but_days(page, campaign, counted):
    held_out(campaign, 50)
    measured(campaign, campaign.pk, 400, 400, (48, 40))
    text = page()
    assert "This cannot be told yet" in text
    assert "more days like these are needed" in text
    assert "more often" not in text


def test_groups_of_the_wrong_size_are_warned_of(page, campaign, counted):
    held_out(campaign, 10)
    measured(campaign, campaign.pk, 400, 400, (48, 40))
    assert "50.0 % are held out, not 10 %" in page()


def test_the_accounts_own_holdout_is_told_on_its_page(page, campaign, counted):
    AdSettings.objects.filter(account=campaign.account).update(holdout_percent=50)
    measured(campaign, 0, 400, 400, (120, 40))
    assert "+200.0 %" in page(None)
    assert "+200.0 %" not in page()


@pytest.mark.parametrize(("percent", "told"), [(0, "Nobody is held out of it"), (10, "Nobody has been held out yet")])
def test_without_a_group_it_says_what_to_do(page, campaign, counted, percent, told):
    held_out(campaign, percent)
    assert told in page()


def test_groups_that_bought_nothing_are_not_compared(page, campaign, counted):
    held_out(campaign, 50)
    measured(campaign, campaign.pk, 4, 4, (0, 0))
    assert "nothing can be compared" in page()


def test_what_takes_too_long_says_what_to_do(page, counted, monkeypatch):
    def slow(*args: Any) -> None:
        raise TooSlow

    monkeypatch.setattr(uplift, "read", slow)
    assert "Choose fewer days." in page()
