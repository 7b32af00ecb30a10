"""What the side panel reads: segments as the API tells them, and why each campaign came."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.clock import now
from segmenthub.demo import shop
from tests.conftest import count_rows
from tests.segmenthub.demo_shop.conftest import VISITOR, Event, view

pytestmark = pytest.mark.django_db


def seen(client: Client, visitor: str = VISITOR) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(f"/demo/seen?visitor={visitor}").json()
    return answer | {"by_name": {one["name"]: one for one in answer["segments"]}}


def inside(client: Client, level: str) -> list[str]:
    return sorted(one["name"] for one in seen(client)["segments"] if level in one["inside"])


def asked(client: Client, token: str, path: str, **who: str) -> Any:
    body = {"account": shop.ACCOUNT, "token": token, "segments": ["*"], **who}
    return client.post(path, json.dumps(body), content_type="application/json").json()["segments"]


def why(client: Client, happened: dict[str, Any]) -> dict[str, Any]:
    """What is told of an event, by placement."""
    body = {**happened["sent"], "shown": [one["campaign"] for one in happened["answer"]["campaigns"]]}
    answer = client.post("/demo/why", json.dumps(body), content_type="application/json").json()
    return {one["placement"]: one for one in answer["placements"]}


def test_a_visitor_enters_by_the_second_jacket(client: Client, happen: Event) -> None:
    view(happen)
    assert inside(client, "visitor") == []
    view(happen, 1)
    assert inside(client, "visitor") == ["Jackets right now"]


def test_segments_are_those_that_the_api_tells(client: Client, token: str, happen: Event) -> None:
    happen("purchase", orderId="O1", orderTotal=700, profileId="jane@example.com")
    view(happen)
    view(happen, 1)
    assert inside(client, "visitor") == asked(client, token, "/visitors/query", visitorId=VISITOR)
    assert inside(client, "profile") == asked(client, token, "/profiles/query", profileId="jane@example.com")
    assert inside(client, "profile") == ["Jackets right now", "VIP"]
    assert seen(client)["profile"] == "jane@example.com"


@pytest.mark.parametrize("minutes", [4, 6])
def test_a_window_that_ran_out_is_left_by_being_looked_at(client: Client, happen: Event, minutes: int) -> None:
    view(happen)
    view(happen, 1)
    with time_machine.travel(now() + timedelta(minutes=minutes)):
        assert inside(client, "visitor") == (["Jackets right now"] if minutes < 5 else [])


def test_it_tells_when_a_window_runs_out(client: Client, happen: Event) -> None:
    view(happen)
    view(happen, 1)
    changes_at = datetime.fromisoformat(seen(client)["by_name"]["Jackets right now"]["changes_at"])
    assert timedelta(minutes=4) < changes_at - now() <= timedelta(minutes=5)


def test_an_abandoned_cart_is_entered_by_time_and_left_by_an_order(client: Client, happen: Event) -> None:
    happen("addToCart", sku="JA-1019", price=178.9)
    assert seen(client)["by_name"]["Cart abandoner"]["changes_at"]
    with time_machine.travel(now() + timedelta(seconds=25)):
        assert inside(client, "visitor") == ["Cart abandoner"]
        happen("purchase", orderId="O1", orderTotal=178.9)
        assert inside(client, "visitor") == []


def test_it_tells_how_far_a_visitor_is(client: Client, happen: Event) -> None:
    assert seen(client)["by_name"]["VIP"]["step"] == {"done": 0, "needed": 600}
    view(happen)
    happen("purchase", orderId="O1", orderTotal=329.9)
    found = seen(client)["by_name"]
    assert found["Jackets right now"]["step"] == {"done": 1, "needed": 2}
    assert found["VIP"]["step"] == {"done": 329.9, "needed": 600}


def test_looking_at_nobody_makes_nobody(client: Client, token: str) -> None:
    before = count_rows()
    assert not seen(client)["known"]
    assert count_rows() == before


@pytest.mark.parametrize("visitor", ["", "x", "7d4b1c9e-3f53-1c7e-9d7b-2f6f1b8a9c01"])
def test_a_wrong_visitor_is_refused(client: Client, token: str, visitor: str) -> None:
    response = client.get(f"/demo/seen?visitor={visitor}")
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "visitorId")


def test_why_a_campaign_came(client: Client, happen: Event) -> None:
    view(happen)
    view(happen, 1)
    [shown] = why(client, happen())["home-hero"]["shown"]
    assert shown == {"name": "Jackets: 10 % today", "segments": ["Jackets right now"]}


def test_why_the_others_did_not(client: Client, happen: Event) -> None:
    others = {one["name"]: one["reason"] for one in why(client, happen())["home-hero"]["others"]}
    assert others["VIP early access"] == "The person is in none of its segments"
    assert {"Your cart is waiting", "Jackets: 10 % today"} < set(others)


def test_asking_why_counts_the_event_no_second_time(client: Client, happen: Event) -> None:
    first, before = view(happen), count_rows()
    others = {one["name"]: one["reason"] for one in why(client, first)["home-hero"]["others"]}
    assert others["Jackets: 10 % today"] == "The person is in none of its segments"
    assert count_rows() == before


def test_what_was_shown_and_would_be_drawn_otherwise_now_counts_as_shown(client: Client, happen: Event) -> None:
    happened = happen()
    for _ in range(20):
        place = why(client, happened)["home-hero"]
        assert [one["name"] for one in place["shown"]] in (["Winter sale"], ["New jackets are in"])


@pytest.mark.parametrize("body", [b"[]", b'{"event": "nope"}', b'{"shown": 5}', b"\xff"])
def test_a_body_that_is_no_event_is_refused(client: Client, token: str, body: bytes) -> None:
    response = client.post("/demo/why", body, content_type="application/json")
    assert (response.status_code, response.json()["status"]) == (400, 400)
