"""Creatives that name the person, through the API and at a click."""

import hmac
from hashlib import sha256

import pytest
from django.db import DatabaseError

from accounts import snapshot
from adserver import tracking
from tests.adserver.offers import make_campaign
from tests.shops import PROFILE, VISITOR

HTML = {"html": '<p>Hello {{ attributes.country|default:"you" }}, {{ attributes.firstName|default:"friend" }}</p>'}
LINK = 'https://shop.example/sale?from={{ attributes.country|default:"any" }}'


@pytest.fixture
def campaign(account):
    campaign = make_campaign(account, link=LINK)
    campaign.creatives.update(type="html", content=HTML)
    return campaign


@pytest.fixture
def know(api, shop):
    """Writes attributes of the visitor."""

    def know(path="/visitors/attributes", who=None, **attributes):
        body = {"account": shop.id, "token": shop.full, "attributes": attributes, **(who or {"visitorId": VISITOR})}
        status, answer = api(path, body)
        assert (status, answer["errors"]) == (200, [])

    return know


@pytest.fixture
def shown(api, shop):
    def shown(**fields):
        status, body = api("/campaigns/query", shop.event(**fields))
        assert status == 200, body
        return body["campaigns"][0]

    return shown


def test_a_person_that_nobody_knows_gets_the_defaults(campaign, shown):
    assert shown()["content"] == {"html": "<p>Hello you, friend</p>"}


def test_an_attribute_of_the_device_is_said_and_a_personal_one_is_not(campaign, shown, know):
    know(country="NL", firstName="Jane")
    assert shown()["content"] == {"html": "<p>Hello NL, friend</p>"}


def test_a_hostile_value_stays_text(campaign, shown, know):
    know(country="<script>alert(1)</script>")
    html = shown()["content"]["html"]
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_with_the_shops_signature_the_person_is_called_by_name(account, campaign, shown, know):
    know("/profiles/attributes", {"profileId": PROFILE}, firstName="Jane", country="FR")
    assert shown(profileId=PROFILE)["content"] == {"html": "<p>Hello FR, friend</p>"}
    signature = hmac.new(account.identity_secret.encode(), PROFILE.encode(), sha256).hexdigest()
    assert shown(profileId=PROFILE, profileSignature=signature)["content"] == {"html": "<p>Hello FR, Jane</p>"}
    assert shown(profileId=PROFILE, profileSignature="0" * 64)["content"] == {"html": "<p>Hello FR, friend</p>"}


def test_a_click_fills_the_link_with_what_is_known_then(campaign, shown, know, send):
    token = shown()["id"]
    assert send(f"/c/{token}", method="GET")["Location"] == "https://shop.example/sale?from=any"
    know(country="N L&x=1")
    assert send(f"/c/{token}", method="GET")["Location"] == "https://shop.example/sale?from=N%20L%26x%3D1"


def test_a_click_leads_on_while_nobody_can_tell_who_it_is(campaign, shown, send, monkeypatch):
    token = shown()["id"]

    def away(*args, **more):
        raise DatabaseError

    monkeypatch.setattr(tracking, "values_of", away)
    assert send(f"/c/{token}", method="GET")["Location"] == "https://shop.example/sale?from=any"


def test_a_creative_without_macros_reads_nothing_more(account, api, shop, django_assert_num_queries):
    make_campaign(account, dismiss_days=0)
    api("/campaigns/query", shop.event())
    with django_assert_num_queries(1):
        assert api("/campaigns/query", shop.event())[1]["campaigns"]


def test_a_macro_that_cannot_be_read_any_more_leads_nowhere(campaign, shown, send):
    token = shown()["id"]
    campaign.creatives.update(link="https://shop.example/{{ attributes.")
    snapshot.clear()
    assert send(f"/c/{token}", method="GET").status_code == 404
