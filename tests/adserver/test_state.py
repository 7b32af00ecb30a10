"""Caps, stop rules and dismissals through the API: by the person, over devices, with and without Valkey."""

from datetime import timedelta
from threading import Thread
from uuid import UUID

import pytest
import redis
from django.conf import settings

from accounts import snapshot, valkey
from accounts.clock import now
from adserver import state
from adserver.models import Campaign, Conversion
from dmp.keys import key, visitor_key
from dmp.models import Event
from tests.adserver.offers import make_campaign, make_placement
from tests.shops import PROFILE, VISITOR

OTHER = "33333333-3333-4333-8333-333333333333"
DAY = timedelta(days=1)


def valkey_loses_everything():
    """Of people; others may use it at the same time."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    for name in client.scan_iter("ad:*"):
        client.delete(name)


@pytest.fixture
def ask(api, shop):
    """The campaigns that a page view brings, as {slug: element}."""

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


def edit(campaign, **fields):
    Campaign.objects.filter(pk=campaign.pk).update(**fields)
    snapshot.clear()


def earlier(by):
    """Moves what happened back, as if so much time had passed, and has it read anew."""
    for event in Event.objects.all():
        Event.objects.filter(pk=event.pk).delete()
        event.time -= by
        event.save(force_insert=True)
    units = [visitor_key(event.account_id, UUID(VISITOR)) for event in Event.objects.all()[:1]]
    state.forget(units)


def test_a_capped_campaign_is_silent_after_so_many_impressions(ask, tell, account):
    make_campaign(account, cap=2)
    for _ in range(2):
        tell("i", ask()["summer"])
    assert ask() == {}


def test_serving_alone_uses_no_cap(ask, account):
    make_campaign(account, cap=1)
    assert [list(ask()) for _ in range(3)] == [["summer"]] * 3


def test_an_impression_told_twice_counts_once(ask, tell, account):
    make_campaign(account, cap=2)
    element = ask()["summer"]
    tell("i", element)
    tell("i", element)
    assert "summer" in ask()


def test_a_cap_ends_with_its_hours(ask, tell, account):
    make_campaign(account, cap=1, cap_hours=24)
    tell("i", ask()["summer"])
    assert ask() == {}
    earlier(DAY)
    assert "summer" in ask()


@pytest.mark.parametrize(("rule", "kind"), [({"stop_after": "click"}, "c"), ({"dismiss_days": 3}, "x")])
def test_a_click_or_a_dismissal_silences_it(ask, tell, account, rule, kind):
    make_campaign(account, **rule)
    tell(kind, ask()["summer"])
    assert ask() == {}


def test_a_dismissal_is_over_after_its_days(ask, tell, account):
    make_campaign(account, dismiss_days=3)
    tell("x", ask()["summer"])
    earlier(3 * DAY)
    assert "summer" in ask()


def test_a_conversion_stops_a_campaign_that_stops_after_it(ask, account):
    campaign = make_campaign(account, stop_after="conversion")
    assert "summer" in ask()
    visitor = visitor_key(account.pk, UUID(VISITOR))
    Conversion.objects.create(
        key=key(account.pk, "o", "1"),
        visitor=visitor,
        account=account,
        order_id="1",
        campaign=campaign.pk,
        cause="click",
        touched_at=now(),
        at=now(),
    )
    state.forget([visitor])
    assert ask() == {}


def test_a_cap_is_the_persons_over_its_devices(ask, tell, account):
    make_campaign(account, cap=1)
    tell("i", ask(profileId=PROFILE)["summer"])
    assert ask(visitorId=OTHER, profileId=PROFILE) == {}


def test_what_a_device_saw_before_it_was_known_counts_for_its_person(ask, tell, account):
    make_campaign(account, cap=1)
    assert "summer" in ask(profileId=PROFILE)
    tell("i", ask(visitorId=OTHER)["summer"])
    assert ask(visitorId=OTHER, profileId=PROFILE) == {}
    assert ask(profileId=PROFILE) == {}


def test_what_valkey_lost_is_read_from_the_events(ask, tell, account):
    make_campaign(account, cap=1)
    tell("i", ask()["summer"])
    valkey_loses_everything()
    assert ask() == {}


def test_without_valkey_capped_campaigns_are_silent_and_house_ads_show(ask, account):
    hero = make_placement(account)
    make_campaign(account, cap=5, placement=hero, tier=1)
    make_campaign(account, "house", placement=hero, tier=9, dismiss_days=30)
    assert list(ask()) == ["summer"]
    valkey.use("unix:///nonexistent/valkey.sock")
    assert list(ask()) == ["house"]
    valkey.use(settings.REDIS_URL)
    assert list(ask()) == ["summer"]


def test_without_valkey_capped_campaigns_are_silent_for_new_visitors_too(ask, account):
    make_campaign(account, cap=5)
    valkey.use("unix:///nonexistent/valkey.sock")
    assert ask() == {}


def test_an_impression_that_valkey_was_not_told_of_counts_when_it_is_back(ask, tell, account):
    make_campaign(account, cap=1)
    ask()
    element = ask()["summer"]  # Valkey knows the person now
    valkey.use("unix:///nonexistent/valkey.sock")
    tell("i", element)
    valkey.use(settings.REDIS_URL)
    assert ask() == {}


def test_an_impression_beside_a_reading_is_not_lost(ask, tell, account, monkeypatch):
    """Someone reads the events, the impression is committed and told, and only then the copy would be stored."""
    make_campaign(account, cap=1)
    element = ask()["summer"]
    read = state.load

    def slow(*args):
        found = read(*args)
        tell("i", element)
        return found

    state.forget([visitor_key(account.pk, UUID(VISITOR))])
    with monkeypatch.context() as during:
        during.setattr(state, "load", slow)
        ask()
    assert ask() == {}


def test_a_decision_without_limits_asks_nobody(ask, account, django_assert_num_queries):
    campaign = make_campaign(account)
    edit(campaign, dismiss_days=0)
    valkey.use("unix:///nonexistent/valkey.sock")
    ask()
    with django_assert_num_queries(1):
        assert "summer" in ask()


def test_a_person_who_is_known_to_valkey_costs_no_statement(ask, account, django_assert_num_queries):
    make_campaign(account, cap=3)
    ask()
    ask()
    with django_assert_num_queries(1):
        ask()


def test_the_state_is_kept_apart_by_account(ask, tell, api, account, new_account):
    make_campaign(account, cap=1)
    other = new_account("other")
    make_campaign(other, cap=1)
    tell("i", ask()["summer"])
    assert ask() == {}
    assert "summer" in ask(account=str(other.pk))


def test_each_of_many_threads_asks_valkey():
    answers = []
    for _ in range(120):  # one after the other: those of threads that ended count, too
        thread = Thread(target=lambda: answers.append(valkey.ask("PING")))
        thread.start()
        thread.join()
    assert len(answers) == 120
