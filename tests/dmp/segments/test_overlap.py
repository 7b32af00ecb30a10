"""How many people are in each combination of segments, at one instant."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine

from accounts import clock, snapshot
from accounts.clock import now
from dmp.models import Segment
from dmp.segments.build import build_now
from dmp.segments.overlap import overlap

CQ = "/campaigns/query"
START = clock.now().replace(microsecond=0)
VIEWED = {"event": "productView", "within": "1d"}
BOUGHT = {"event": "purchase"}


@pytest.fixture
def at(db):
    with time_machine.travel(START, tick=False) as traveller:
        yield lambda **length: traveller.move_to(START + timedelta(**length))


@pytest.fixture
def compare(at, shop):
    """The combinations of visitors (or profiles) in some segments, by name."""
    for name, rule in {"viewers": VIEWED, "buyers": BOUGHT}.items():
        Segment.objects.create(account=shop.account, name=name, rule=rule)
    build_now(shop.account.pk)

    def ask(*names, level=0):
        keys = [Segment.objects.get(account=shop.account, name=name).pk for name in names]
        return overlap(snapshot.configuration(shop.account.pk), keys, now())[level]

    return ask


@pytest.fixture
def view(api, shop):
    return lambda who, **more: api(CQ, shop.event("productView", sku="S", visitorId=who, **more))


@pytest.fixture
def buy(api, shop):
    return lambda who: api(CQ, shop.event("purchase", orderId=str(uuid4()), orderTotal=1, visitorId=who))


def test_each_combination_is_counted_once(compare, view, buy):
    both, looker, buyer = (str(uuid4()) for _ in range(3))
    for who in (both, looker):
        view(who)
    for who in (both, buyer):
        buy(who)
    found = compare("viewers", "buyers")
    assert found.combinations == {0b01: 1, 0b10: 1, 0b11: 1}
    assert (found.union, found.intersection, found.size(0), found.only(1)) == (3, 1, 2, 1)


def test_who_left_by_time_alone_is_in_no_more(compare, view, buy, at):
    who = str(uuid4())
    view(who)
    buy(who)
    at(days=1)
    assert compare("viewers", "buyers").combinations == {0b10: 1}


def test_pins_count_and_keep_out(compare, view, api, shop):
    api("/visitors/segments", shop.visitor(assignees=["VIP"]))
    view(shop.visitor()["visitorId"])
    assert compare("VIP", "viewers").combinations == {0b11: 1}
    api("/visitors/segments", shop.visitor(removes=["viewers"]))
    assert compare("VIP", "viewers").combinations == {0b01: 1}


def test_five_segments_are_compared(compare, view, shop):
    for name in ("d", "e"):
        Segment.objects.create(account=shop.account, name=name, rule=VIEWED)
    build_now(shop.account.pk)
    view(str(uuid4()))
    found = compare("viewers", "buyers", "VIP", "d", "e")
    assert found.combinations == {0b11001: 1}
    assert found.intersection == 0


def test_profiles_are_counted_apart(compare, view):
    view(str(uuid4()), profileId="john@example.com")
    view(str(uuid4()), profileId="john@example.com")
    assert compare("viewers", "buyers").combinations == {0b01: 2}
    assert compare("viewers", "buyers", level=1).combinations == {0b01: 1}


def test_the_numbers_are_those_of_the_list_of_members(compare, view, buy, api, shop):
    for _ in range(3):
        who = str(uuid4())
        view(who)
        buy(who)
    body = {"account": shop.id, "token": shop.full, "segment": "viewers", "level": "visitor"}
    assert len(api("/segments/members", body)[1]["members"]) == compare("viewers", "buyers").size(0) == 3


def test_a_segment_of_another_account_has_nobody(compare, view, shop, new_account):
    view(str(uuid4()))
    mine = Segment.objects.get(account=shop.account, name="viewers").pk
    other = new_account("other")
    found = overlap(snapshot.configuration(other.pk), [mine, Segment.objects.get(account=other, name="VIP").pk], now())
    assert found[0].combinations == {}
