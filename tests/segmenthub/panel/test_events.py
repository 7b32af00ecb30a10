"""Finding what somebody did: by visitorId, by a name of the profile, by the number of an order."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from accounts.clock import now
from adserver.models import Campaign
from cdp.identifiers import name
from cdp.models import Device
from dmp.keys import key
from dmp.models import Event, Once, Visitor
from tests.segmenthub.panel.conftest import VISITOR, House

Login = Callable[..., Client]


@pytest.fixture
def shown(login: Login, ours: House, theirs: House) -> Callable[..., str]:
    """The page of recorded events for some fields, as an analyst sees it."""
    client = login(ours.account, "analyst")

    def shown(page: str = "events", **fields: str) -> str:
        return client.get(reverse(f"panel:{page}"), fields).content.decode()

    return shown


def recorded(house: House, event: str, **fields: object) -> None:
    own = {"visitor": house.visitor, "account": house.account, "time": now(), "id": UUID(int=7)}
    Event.objects.create(event=event, **{**own, **fields})  # type: ignore[misc]


@pytest.fixture
def linked(ours: House) -> str:
    """The e-mail of the profile whose device the visitor is."""
    email = "jane@oslo.example"
    identifier = name(ours.account.pk, email).key
    Device.objects.create(profile=ours.profile, visitor=ours.visitor, identifier=identifier, linked_at=now())
    return email


@pytest.mark.parametrize("who", [str(VISITOR), "jane@oslo.example", "JANE@oslo.example"])
def test_events_are_found_by_who_did_them(shown: Callable[..., str], linked: str, who: str) -> None:
    assert "/Oslo" in shown(visitor=who)


def test_events_of_nobody_known_say_what_to_give(shown: Callable[..., str]) -> None:
    assert "Give a whole visitorId, profileId or e-mail." in shown(visitor="jane@zanzibar.example")


def test_an_order_is_found_by_its_number(shown: Callable[..., str], ours: House) -> None:
    once = key(ours.account.pk, "o", "A-17")
    Once.objects.create(key=once, event=once)
    recorded(ours, "purchase", id=once, order_id="A-17", order_total=20)
    assert "A-17</dd>" in shown(order="A-17")
    assert "No such order" in shown(order="A-18")


def test_an_order_of_another_account_is_none_of_ours(shown: Callable[..., str], theirs: House) -> None:
    once = key(theirs.account.pk, "o", "A-17")
    Once.objects.create(key=once, event=once)
    recorded(theirs, "purchase", id=once, order_id="A-17")
    assert "No such order" in shown(order="A-17")


def test_what_the_ad_server_recorded_is_told_in_words(shown: Callable[..., str], ours: House) -> None:
    campaign: Campaign = ours["adserver.campaign"]
    recorded(ours, "$impression", properties={"$ids": [campaign.pk, 1, 1], "campaign": campaign.slug})
    body = shown(event="$impression")
    assert "<strong>Was shown a campaign</strong>" in body
    assert reverse("panel:campaign_report", args=[campaign.pk]) in body
    assert "$ids" not in body


def test_visitors_are_found_by_their_profile_and_profiles_by_their_visitor(
    shown: Callable[..., str], ours: House, linked: str
) -> None:
    Visitor.objects.filter(key=ours.visitor).update(profile=ours.profile)
    assert str(VISITOR) in shown("visitors", q=linked)
    assert linked in shown("profiles", q=str(VISITOR))
