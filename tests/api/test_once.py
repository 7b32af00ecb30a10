"""What is recorded once: an order for ever, an eventId for 24 hours; also when both arrive at the same instant."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine

from accounts import clock
from dmp.models import Event, Visitor
from tests.api.threads import together

CQ = "/campaigns/query"
ID = "6fa459ea-ee8a-3ca4-894e-db77e160355e"


def events(shop):
    return Event.objects.filter(account=shop.account).count()


def test_an_order_seen_before_is_answered_and_recorded_once(api, shop):
    purchase = shop.event("purchase", orderId="O1", orderTotal=10)
    assert [api(CQ, purchase)[0] for _ in range(3)] == [200, 200, 200]
    assert events(shop) == 1


def test_an_order_is_known_by_its_trimmed_text_whoever_sends_it(api, shop):
    api(CQ, shop.event("purchase", orderId=" 77 "))
    api(CQ, shop.event("purchase", orderId=77, visitorId=str(uuid4())))
    assert events(shop) == 1


def test_an_order_is_known_for_ever(api, shop):
    api(CQ, shop.event("purchase", orderId="O1"))
    with time_machine.travel(clock.now() + timedelta(days=80), tick=False):
        api(CQ, shop.event("purchase", orderId="O1"))
    assert events(shop) == 1


def test_an_order_seen_before_makes_no_new_visitor(api, shop):
    api(CQ, shop.event("purchase", orderId="O1"))
    assert api(CQ, shop.event("purchase", orderId="O1", visitorId=str(uuid4())))[0] == 200
    assert Visitor.objects.filter(account=shop.account).count() == 1


def test_an_order_id_of_another_event_type_is_a_property(api, shop):
    for _ in range(2):
        api(CQ, shop.event("pageView", orderId="O1"))
    assert events(shop) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fields", [{}, {"profileId": "john@example.com"}], ids=["anonymous", "profile"])
def test_one_order_from_many_requests_at_the_same_instant_is_recorded_once(api, shop, fields):
    purchase = shop.event("purchase", orderId="O1", orderTotal=10, **fields)
    answers = together([lambda: api(CQ, purchase)] * 8)
    assert [status for status, _ in answers] == [200] * 8
    assert events(shop) == 1


@pytest.mark.django_db(transaction=True)
def test_one_order_from_many_visitors_at_the_same_instant_is_recorded_once(api, shop):
    bodies = [shop.event("purchase", orderId="O1", visitorId=str(uuid4()), profileId="john") for _ in range(8)]
    answers = together([lambda body=body: api(CQ, body) for body in bodies])
    assert [status for status, _ in answers] == [200] * 8
    assert events(shop) == 1


@pytest.mark.django_db(transaction=True)
def test_events_at_the_same_instant_are_all_recorded_and_link_one_profile(api, shop):
    visitors = [str(uuid4()) for _ in range(3)]
    bodies = [shop.event(visitorId=visitor, profileId="john@example.com") for visitor in visitors * 4]
    answers = together([lambda body=body: api(CQ, body) for body in bodies])
    assert [status for status, _ in answers] == [200] * 12
    assert events(shop) == 12
    assert Visitor.objects.filter(account=shop.account).values("profile").distinct().count() == 1


def test_an_event_id_is_recorded_once_in_24_hours(api, shop):
    for event_id in (ID, ID.upper(), f" {ID} "):
        assert api(CQ, shop.event(eventId=event_id))[0] == 200
    assert events(shop) == 1


def test_an_event_id_is_free_again_after_24_hours(api, shop):
    start = clock.now()
    for hours, recorded in ((0, 1), (23.9, 1), (24.1, 2), (47, 2)):
        with time_machine.travel(start + timedelta(hours=hours), tick=False):
            api(CQ, shop.event(eventId=ID))
        assert events(shop) == recorded


@pytest.mark.django_db(transaction=True)
def test_one_event_id_from_many_requests_at_the_same_instant_is_recorded_once(api, shop):
    answers = together([lambda: api(CQ, shop.event(eventId=ID))] * 8)
    assert [status for status, _ in answers] == [200] * 8
    assert events(shop) == 1


@pytest.mark.parametrize("value", ["x", 7, [ID], ID.replace("-", "")])
def test_an_event_id_is_a_uuid(api, shop, value):
    status, body = api(CQ, shop.event(eventId=value))
    assert (status, body["errors"][0]["field"]) == (400, "eventId")


# --- Refunds ---


def test_a_refund_is_a_purchase_with_its_own_order_and_a_negative_total(api, shop):
    api(CQ, shop.event("purchase", orderId="O1", orderTotal=100, profileId="john@example.com"))
    assert api(CQ, shop.event("purchase", orderId="O1-refund", orderTotal="-1,020.50"))[0] == 200
    _, body = api("/profiles/query", shop.profile(token=shop.full, attributes=["totalRevenue", "totalOrders"]))
    assert body["attributes"] == {"totalRevenue": [{"value": -920.5}], "totalOrders": [{"value": 1}]}


def test_a_negative_total_under_a_known_order_is_400_and_says_so(api, shop, rows):
    api(CQ, shop.event("purchase", orderId="O1", orderTotal=100))
    before = rows()
    status, body = api(CQ, shop.event("purchase", orderId="O1", orderTotal=-100, visitorId=str(uuid4())))
    assert (status, body["errors"][0]["field"], body["errors"][0]["code"]) == (400, "orderTotal", "conflict")
    assert "O1-refund" in body["message"]
    assert rows() == before


def test_a_refund_sent_again_is_answered_and_recorded_once(api, shop):
    for _ in range(2):
        assert api(CQ, shop.event("purchase", orderId="O1-refund", orderTotal=-5))[0] == 200
    assert events(shop) == 1
