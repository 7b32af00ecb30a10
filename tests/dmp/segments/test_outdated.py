"""What a rule means besides its words may change: then it is built again, and serves as it was until that is done."""

from datetime import UTC, datetime
from importlib import import_module

import pytest
import time_machine
from django.db import connection

from accounts.models import Account, Attribute
from dmp.models import EventType, Property, Segment, SegmentRevision
from dmp.segments.build import accounts_to_build, build_now, start
from dmp.segments.pausing import cancel

DAY_OF_VIEW = datetime(2026, 3, 1, 20, tzinfo=UTC)
TODAY = {"event": "productView", "within": {"calendar": "day"}}
MOVES_OF_TODAY = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)  # in Istanbul it is the next day


@pytest.fixture
def clock():
    with time_machine.travel(DAY_OF_VIEW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def segment(shop, clock):
    def make(rule):
        Segment.objects.create(account=shop.account, name="some", rule=rule)
        build_now(shop.account.pk)

    return make


@pytest.fixture
def inside(api, shop):
    return lambda: api("/visitors/query", shop.visitor(segments=["*"]))[1]["segments"]


@pytest.fixture
def move(shop):
    return lambda zone: Account.objects.filter(pk=shop.account.pk).update(timezone=zone)


@pytest.fixture
def declared(shop):
    event = EventType.objects.create(account=shop.account, code="signUp")
    return Property.objects.create(event_type=event, name="plan", type="text")


def test_another_zone_builds_the_segments_again_and_until_then_the_old_serves(segment, inside, move, api, shop, clock):
    segment(TODAY)
    api("/campaigns/query", shop.event("productView", sku="S"))
    move("Europe/Istanbul")
    clock.move_to(MOVES_OF_TODAY)
    assert inside() == ["some"]
    assert accounts_to_build() == [shop.account.pk]
    build_now(shop.account.pk)
    assert inside() == []
    assert accounts_to_build() == []


def test_another_zone_has_other_days(segment, inside, move, api, shop, clock):
    segment({"event": "productView", "unique": {"period": "day", "gte": 2}})
    for at in (DAY_OF_VIEW, MOVES_OF_TODAY):  # one day in UTC
        clock.move_to(at)
        api("/campaigns/query", shop.event("productView", sku="S"))
    assert inside() == []
    move("Europe/Istanbul")
    build_now(shop.account.pk)
    assert inside() == ["some"]


def test_an_event_between_the_change_and_the_switch_is_judged_by_the_old_zone(segment, inside, move, api, shop, clock):
    segment(TODAY)
    move("Europe/Istanbul")
    clock.move_to(datetime(2026, 3, 1, 20, 30, tzinfo=UTC))
    api("/campaigns/query", shop.event("productView", sku="S"))
    clock.move_to(MOVES_OF_TODAY)
    assert inside() == ["some"]


def test_another_type_of_a_property_builds_the_segments_that_name_it(segment, declared, shop):
    segment({"event": "signUp", "where": {"property": "plan", "exists": True}})
    Property.objects.filter(pk=declared.pk).update(type="number")
    assert accounts_to_build() == [shop.account.pk]
    build_now(shop.account.pk)
    assert accounts_to_build() == []


def test_until_it_is_built_a_property_keeps_its_type(segment, declared, inside, api, shop):
    segment({"event": "signUp", "where": {"property": "plan", "eq": "gold"}})
    api("/campaigns/query", shop.event("signUp", plan="gold"))
    Property.objects.filter(pk=declared.pk).update(type="number")
    assert inside() == ["some"]
    build_now(shop.account.pk)
    assert Segment.objects.get(name="some").status == "failed"
    assert accounts_to_build() == []


def test_another_type_of_an_attribute_builds_the_segments_that_name_it(segment, shop):
    vip = Attribute.objects.create(account=shop.account, name="level", type="text")
    segment({"attribute": "level", "exists": True})
    Attribute.objects.filter(pk=vip.pk).update(type="number")
    assert accounts_to_build() == [shop.account.pk]


def test_what_a_rule_does_not_name_may_change_its_type(segment, declared, shop):
    segment(TODAY)
    Property.objects.filter(pk=declared.pk).update(type="number")
    assert accounts_to_build() == []


def test_revisions_from_before_the_upgrade_are_not_built_again(segment, declared, shop):
    segment({"event": "signUp", "where": {"property": "plan", "eq": "gold"}})
    bound = SegmentRevision.objects.values("zone", "types").get()
    SegmentRevision.objects.update(zone="", types={})
    with connection.cursor() as cursor:
        cursor.execute(import_module("dmp.migrations.0013_types_of_revisions").BIND)
    assert SegmentRevision.objects.values("zone", "types").get() == bound
    assert accounts_to_build() == []


def test_a_cancelled_build_stays_cancelled_until_the_next_change(segment, move, shop):
    segment(TODAY)
    move("Europe/Istanbul")
    start(shop.account.pk)
    cancel(shop.account.pk, Segment.objects.get(name="some").pk)
    assert accounts_to_build() == []
    assert start(shop.account.pk) is None
    move("Asia/Tokyo")
    assert accounts_to_build() == [shop.account.pk]
