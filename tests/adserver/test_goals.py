"""Goals and daily caps are exact: also with several clients at once, and when they are edited."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client

from accounts import snapshot
from accounts.clock import now
from accounts.models import Account, Platform
from adserver import goals
from adserver.models import Campaign, Progress, Reservation
from dmp.models import Event
from tests.adserver.offers import make_campaign, make_placement
from tests.api.threads import together
from tests.shops import VISITOR

IMPRESSIONS = {"goal": "impressions", "pacing": "asap"}


@pytest.fixture
def ask(api, shop):
    def ask(**fields):
        status, body = api("/campaigns/query", shop.event(**fields))
        assert status == 200, body
        return {element["campaign"]: element for element in body["campaigns"]}

    return ask


@pytest.fixture
def tell(send):
    def tell(kind, element):
        return send(f"/{kind}/{element['id']}", b"", "GET" if kind == "c" else "POST").status_code

    return tell


def test_an_explanation_says_that_no_place_is_left(account, api, shop):
    make_campaign(account, amount=1, **IMPRESSIONS)
    assert api("/campaigns/query", shop.event())[1]["campaigns"]
    body = shop.event(token=shop.full, explain=True)
    [entry] = api("/campaigns/query", body)[1]["explain"]
    assert entry["reason"] == "goal"
    assert Reservation.objects.count() == 1


def count(event="$impression"):
    return Event.objects.filter(event=event).count()


def edit(campaign, **fields):
    Campaign.objects.filter(pk=campaign.pk).update(**fields)
    snapshot.clear()


@pytest.mark.parametrize(("amount", "margin"), [(1, 100), (1000, 100), (2001, 101), (1_000_000, 50_000)])
def test_places_are_kept_for_the_last_twentieth_and_at_least_a_hundred(amount, margin):
    assert goals.margin(amount) == margin


def test_a_reached_goal_is_not_shown_and_the_house_is(ask, tell, account):
    hero = make_placement(account)
    make_campaign(account, placement=hero, tier=1, amount=2, **IMPRESSIONS)
    make_campaign(account, "house", placement=hero, tier=9)
    for _ in range(2):
        tell("i", ask()["summer"])
    assert list(ask()) == ["house"]
    assert Progress.objects.get().impressions == 2


def test_near_the_goal_no_more_is_shown_than_there_are_places(ask, account):
    make_campaign(account, amount=3, **IMPRESSIONS)
    assert [len(ask()) for _ in range(5)] == [1, 1, 1, 0, 0]
    assert Reservation.objects.count() == 3


def test_a_place_that_nobody_took_comes_back_after_five_minutes(ask, account):
    make_campaign(account, amount=1, **IMPRESSIONS)
    with time_machine.travel(datetime(2026, 6, 1, 12, tzinfo=UTC), tick=False) as clock:
        assert ask()
        clock.shift(timedelta(minutes=5, seconds=-1))
        assert not ask()
        clock.shift(timedelta(seconds=1))
        assert ask()


def test_an_impression_whose_place_expired_is_late(ask, tell, account):
    make_campaign(account, amount=1, **IMPRESSIONS)
    with time_machine.travel(datetime(2026, 6, 1, 12, tzinfo=UTC), tick=False) as clock:
        element = ask()["summer"]
        clock.shift(timedelta(minutes=5))
        assert tell("i", element) == 204
    assert count() == 0


def test_far_from_the_goal_nothing_is_kept(ask, tell, account):
    make_campaign(account, amount=101, **IMPRESSIONS)
    tell("i", ask()["summer"])
    assert not Reservation.objects.exists()
    tell("i", ask()["summer"])
    assert count() == 2
    assert not Reservation.objects.exists()  # taken by its impression


def test_what_was_shown_without_a_place_is_late_within_the_margin(ask, tell, account):
    make_campaign(account, amount=102, **IMPRESSIONS)
    shown = [ask()["summer"] for _ in range(4)]
    for element in shown:
        tell("i", element)
    assert count() == 2


def test_an_impression_told_again_is_counted_once(ask, tell, account):
    make_campaign(account, amount=500, **IMPRESSIONS)
    element = ask()["summer"]
    tell("i", element)
    tell("i", element)
    assert Progress.objects.get().impressions == 1


def test_a_lowered_goal_stops_at_once_and_a_raised_one_goes_on(ask, tell, account):
    campaign = make_campaign(account, amount=500, **IMPRESSIONS)
    for _ in range(3):
        tell("i", ask()["summer"])
    waiting = ask()["summer"]
    edit(campaign, amount=3)
    assert ask() == {}
    tell("i", waiting)
    assert count() == 3
    edit(campaign, amount=5)
    assert ask()


def test_a_click_beyond_the_goal_leads_on_and_does_not_count(ask, tell, account):
    make_campaign(account, goal="clicks", amount=1)
    one, other = ask()["summer"], ask()["summer"]
    assert (tell("c", one), tell("c", other)) == (302, 302)
    assert count("$click") == 1
    assert ask() == {}


def test_a_daily_cap_begins_anew_at_midnight_of_the_account(ask, tell, account):
    zone = ZoneInfo("Europe/Istanbul")
    Account.objects.filter(pk=account.pk).update(timezone="Europe/Istanbul")
    make_campaign(account, daily_cap=2)
    with time_machine.travel(datetime(2026, 6, 1, 23, 50, tzinfo=zone), tick=False) as clock:
        for _ in range(2):
            tell("i", ask()["summer"])
        assert ask() == {}
        clock.shift(timedelta(minutes=10))
        tell("i", ask()["summer"])
        assert (Progress.objects.get().today, Progress.objects.get().impressions) == (1, 3)


@pytest.mark.parametrize(("day", "hours"), [(datetime(2026, 3, 29), 23), (datetime(2026, 10, 25), 25)])
def test_a_day_of_23_or_25_hours_is_one_day(ask, tell, account, day, hours):
    Account.objects.filter(pk=account.pk).update(timezone="Europe/Berlin")
    make_campaign(account, daily_cap=1)
    begin = day.replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    with time_machine.travel(begin, tick=False) as clock:
        tell("i", ask()["summer"])
        clock.shift(timedelta(hours=hours, seconds=-1))
        assert ask() == {}
        clock.shift(timedelta(seconds=1))
        assert ask()


def test_a_goal_given_later_begins_with_what_is_counted(account, ask, tell):
    campaign = make_campaign(account, amount=5, **IMPRESSIONS)
    campaign.stats.create(account=account, hour=now(), impressions=4)
    tell("i", ask()["summer"])
    assert Progress.objects.get().impressions == 5


def test_the_statements_of_a_decision_far_from_its_goal(account, ask, tell, monkeypatch, django_assert_num_queries):
    """Progress is read by the background thread."""
    make_campaign(account, amount=5000, dismiss_days=0, **IMPRESSIONS)
    ask()
    monkeypatch.setattr(goals.background, "runs", lambda: True)
    ask()
    with django_assert_num_queries(1):
        assert ask()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("amount", [1, 10, 1000])
def test_eight_clients_never_get_one_more_than_the_goal(amount):
    account = Account.objects.create(name="race")
    Platform.objects.create(account=account, code="web")
    campaign = make_campaign(account, amount=amount, dismiss_days=0, **IMPRESSIONS)
    if amount == 1000:  # the last of them are enough: the first 890 are told in one statement
        Progress.objects.create(campaign=campaign, account=account, impressions=890)
    body = {"account": str(account.pk), "visitorId": VISITOR, "platform": "web", "event": "pageView"}

    def client():
        http = Client()
        told = 0
        for _ in range(30):
            answer = http.post("/campaigns/query", body, content_type="application/json").json()
            for element in answer["campaigns"]:
                told += 1
                http.post(f"/i/{element['id']}")
        return told

    counted = Progress.objects.filter(campaign=campaign)
    before = counted.values_list("impressions", flat=True).first() or 0
    assert sum(together([client] * 8)) >= min(amount, 240 if amount == 1000 else amount) - before
    assert before + count() == amount == counted.get().impressions
