from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from django.test import Client

from accounts import snapshot
from accounts.clock import now
from accounts.models import Account
from adserver import beacons, tracking
from adserver.models import Campaign
from adserver.signing import sign
from dmp.models import Event, Once, Visitor
from tests.adserver.offers import make_campaign, make_placement
from tests.api.threads import together
from tests.shops import BOT, VISITOR, make_account

LINK = "https://shop.example/sale?a=1&b=ü"
EVENTS = {"i": "$impression", "v": "$viewable", "c": "$click", "x": "$dismiss"}


@pytest.fixture
def campaign(account):
    return make_campaign(account, link=LINK, placement=make_placement(account))


@pytest.fixture
def element(api, shop, campaign):
    """What VISITOR was shown."""
    return api("/campaigns/query", shop.event())[1]["campaigns"][0]


@pytest.fixture
def ask(send):
    def ask(kind, token, method="", **headers):
        return send(f"/{kind}/{token}", b"", method or ("GET" if kind == "c" else "POST"), **headers)

    return ask


def tracked():
    return list(Event.objects.filter(event__startswith="$").order_by("time").values_list("event", flat=True))


def forget():
    """The configuration is read anew, as the background thread does it within a second."""
    snapshot.clear()


def older(campaign, age):
    creative = campaign.creatives.get()
    return sign(campaign.pk, creative.pk, campaign.placement_id, UUID(VISITOR), now() - age)


@pytest.mark.parametrize("kind", EVENTS)
def test_each_kind_is_an_event_of_the_visitor(kind, element, ask, shop):
    ask(kind, element["id"])
    event = Event.objects.get(event=EVENTS[kind])
    assert event.visitor == Visitor.objects.get().key
    assert event.account_id == shop.account.pk
    names = {"campaign": "summer", "creative": "A", "placement": "home-hero"}
    campaign = Campaign.objects.get()
    assert event.properties == names | {"$ids": [campaign.pk, campaign.creatives.get().pk, campaign.placement_id]}


@pytest.mark.parametrize("kind", ["i", "v", "x"])
def test_a_beacon_is_answered_without_content(kind, element, ask):
    response = ask(kind, element["id"])
    assert (response.status_code, response.content) == (204, b"")
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies


def test_a_picture_gets_a_picture(element, ask):
    response = ask("i", element["id"], "GET", HTTP_ACCEPT="image/avif,image/webp,*/*;q=0.8")
    assert (response.status_code, response["Content-Type"]) == (200, "image/gif")
    assert response.content.startswith(b"GIF89a")
    assert tracked() == ["$impression"]


def test_the_elements_own_addresses_work(element, send):
    send(element["beacon"].removeprefix("http://127.0.0.1:8000"), method="GET")
    send(element["link"].removeprefix("http://127.0.0.1:8000"), method="GET")
    assert tracked() == ["$impression", "$click"]


def test_any_body_is_ignored(element, send):
    assert send(f"/i/{element['id']}", b"\xff not json", CONTENT_TYPE="text/plain").status_code == 204
    assert tracked() == ["$impression"]


@pytest.mark.parametrize("kind", ["i", "v", "x"])
def test_preflights_are_answered(kind, send):
    response = send(f"/{kind}/whatever", method="OPTIONS", HTTP_ORIGIN="https://shop.example")
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (204, "*")
    assert "POST" in response["Access-Control-Allow-Methods"]


@pytest.mark.parametrize(
    ("kind", "method"), [("v", "GET"), ("x", "GET"), ("i", "PUT"), ("c", "POST"), ("c", "OPTIONS")]
)
def test_other_methods_are_refused(kind, method, element, ask):
    assert ask(kind, element["id"], method).status_code == 405
    assert tracked() == []


@pytest.mark.parametrize("kind", EVENTS)
def test_a_head_counts_nothing(kind, element, ask):
    ask(kind, element["id"], "HEAD")
    assert tracked() == []


# --- once ---


@pytest.mark.parametrize("kind", EVENTS)
def test_a_second_time_is_answered_alike_and_not_counted(kind, element, ask):
    first, second = ask(kind, element["id"]), ask(kind, element["id"])
    assert (first.status_code, first.headers) == (second.status_code, second.headers)
    assert tracked() == [EVENTS[kind]]


def test_one_kind_does_not_use_up_another(element, ask):
    for kind in EVENTS:
        ask(kind, element["id"])
    assert tracked() == list(EVENTS.values())


@pytest.mark.django_db(transaction=True)
def test_a_hundred_at_once_count_once(element):
    calls = [lambda: Client().post(f"/i/{element['id']}").status_code for _ in range(10)]
    answers = [status for _ in range(10) for status in together(calls)]
    assert answers == [204] * 100
    assert tracked() == ["$impression"]


def test_a_token_is_remembered_until_it_is_too_old(element, ask):
    ask("c", element["id"])
    assert Once.objects.get().expires_at > now() + timedelta(days=7)


# --- what does not count ---


@pytest.mark.parametrize(("kind", "age"), [("i", 24), ("v", 24), ("x", 24), ("c", 7 * 24)])
def test_a_token_counts_up_to_its_age(kind, age, campaign, element, ask):
    ask(kind, older(campaign, timedelta(hours=age, seconds=1)))
    assert tracked() == []
    ask(kind, older(campaign, timedelta(hours=age, seconds=-30)))
    assert tracked() == [EVENTS[kind]]


@pytest.mark.parametrize("kind", EVENTS)
@pytest.mark.parametrize("headers", [{"HTTP_USER_AGENT": BOT}, {"HTTP_SEC_PURPOSE": "prefetch;prerender"}])
def test_bots_and_prefetches_see_the_same_answer_and_do_not_count(kind, headers, element, ask):
    refused = ask(kind, element["id"], **headers)
    assert tracked() == []
    assert refused.status_code == ask(kind, element["id"]).status_code


@pytest.mark.parametrize("kind", ["i", "v", "x"])
@pytest.mark.parametrize("token", ["nonsense", "a/b", "A" * 80, "ü", "%00", "a%0Ab", "%0A"])
def test_a_beacon_with_a_bad_token_is_answered_alike(kind, token, element, ask):
    assert ask(kind, token).status_code == 204
    assert tracked() == []


def test_a_suspended_account_counts_nothing_and_leads_nowhere(element, ask, shop):
    Account.objects.filter(pk=shop.account.pk).update(status="suspended")
    forget()
    assert ask("i", element["id"]).status_code == 204
    assert ask("c", element["id"]).status_code == 404
    assert tracked() == []


def test_a_deleted_campaign_counts_nothing_and_leads_nowhere(element, ask):
    Campaign.objects.get().delete()
    forget()
    assert ask("i", element["id"]).status_code == 204
    assert ask("c", element["id"]).status_code == 404
    assert tracked() == []


def test_an_unknown_visitor_is_not_made(campaign, ask, rows):
    creative = campaign.creatives.get()
    before = rows()
    ask("i", sign(campaign.pk, creative.pk, 0, UUID("11111111-1111-4111-8111-111111111111"), now()))
    assert rows() == {**before, "dmp_once": 1}


def test_a_creative_of_another_campaign_leads_nowhere(campaign, ask):
    other = make_campaign(make_account("other"), "winter", link="https://evil.example")
    mixed = sign(campaign.pk, other.creatives.get().pk, 0, UUID(VISITOR), now())
    assert ask("c", mixed).status_code == 404


# --- what the event leaves alone ---


def test_the_visitor_is_not_seen_by_it(element, ask):
    before = Visitor.objects.values().get()
    for kind in EVENTS:
        ask(kind, element["id"], HTTP_USER_AGENT="Mozilla/5.0 (iPhone)")
    assert Visitor.objects.values().get() == before


def test_last_seen_stays(element, ask, api, shop):
    def last_seen():
        return api("/visitors/query", shop.visitor(token=shop.full, attributes=["lastSeen"]))[1]["attributes"]

    before = last_seen()
    ask("i", element["id"])
    assert last_seen() == before


@pytest.mark.parametrize("event", EVENTS.values())
def test_nobody_posts_one(event, api, shop):
    status, answer = api("/campaigns/query", shop.event(event))
    assert (status, answer["errors"][0]["field"]) == (400, "event")


def test_it_does_not_log_a_person_out(api, shop, element, ask):
    Account.objects.filter(pk=shop.account.pk).update(keep_links=False)
    forget()
    api("/campaigns/query", shop.event(profileId="john@example.com"))
    ask("i", element["id"])
    assert Visitor.objects.get().profile is not None


# --- clicks ---


def test_a_click_leads_to_the_stored_link(element, ask):
    response = ask("c", element["id"])
    assert (response.status_code, response["Location"]) == (302, "https://shop.example/sale?a=1&b=%C3%BC")
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies


def test_a_head_leads_there_too(element, ask):
    assert ask("c", element["id"], "HEAD")["Location"].startswith("https://shop.example/sale")


@pytest.mark.parametrize("status", ["paused", "archived", "draft"])
def test_a_click_on_what_ended_still_leads_there(status, element, ask):
    Campaign.objects.update(status=status)
    forget()
    assert ask("c", element["id"]).status_code == 302


def test_an_old_click_leads_there_uncounted(campaign, element, ask):
    assert ask("c", older(campaign, timedelta(days=100))).status_code == 302
    assert tracked() == []


def test_the_link_as_it_is_now_is_used(campaign, element, ask):
    campaign.creatives.update(link="https://shop.example/new")
    forget()
    assert ask("c", element["id"])["Location"] == "https://shop.example/new"


def test_nothing_in_the_request_changes_where_it_leads(element, send):
    response = send(f"/c/{element['id']}?url=https://evil.example&next=//evil.example", method="GET", HTTP_HOST="evil")
    assert response["Location"].startswith("https://shop.example/")


@pytest.mark.parametrize(
    "change", [lambda t: "", lambda t: t[:-1], lambda t: t + "/x", lambda t: t[::-1], lambda t: t + "%0A"]
)
def test_a_bad_link_is_a_small_page(change, element, ask):
    response = ask("c", change(element["id"]))
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")
    assert "Location" not in response


def test_a_creative_without_a_link_has_none(api, shop, campaign, ask):
    campaign.creatives.update(link="")
    element = api("/campaigns/query", shop.event())[1]["campaigns"][0]
    assert element["link"] is None
    assert ask("c", element["id"]).status_code == 404


# --- the database away ---


@pytest.fixture
def away(element, ask, monkeypatch):
    """The process has seen the campaign, then the database goes."""
    ask("v", element["id"])
    monkeypatch.setattr(tracking, "record_beside", lambda *args: connection_refused())


def connection_refused():
    raise psycopg.OperationalError("connection refused")


def test_without_the_database_a_beacon_is_asked_to_come_again(away, element, ask):
    response = ask("i", element["id"])
    assert (response.status_code, response["Retry-After"]) == (503, "1")
    assert response["Access-Control-Allow-Origin"] == "*"


def test_without_the_database_a_click_still_leads_there(away, element, ask):
    assert ask("c", element["id"]).status_code == 302


def test_without_the_database_an_unknown_link_is_a_small_page(element, ask, monkeypatch):
    monkeypatch.setattr(beacons, "look_up", lambda token: connection_refused())
    response = ask("c", element["id"])
    assert (response.status_code, response["Retry-After"]) == (503, "1")
    assert response["Content-Type"].startswith("text/html")
