"""Rules that name computed attributes serve like any other: from the event that qualifies, until the very instant."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse

from accounts import clock
from accounts.models import Attribute, Member
from accounts.snapshot import configuration
from dmp.models import Segment, SegmentRevision, Visitor
from dmp.segments import reading
from dmp.segments.active import active
from dmp.segments.build import accounts_to_build, build_now
from dmp.segments.explain import explain
from dmp.segments.references import segments_asking
from tests.shops import PROFILE

START = clock.now().replace(microsecond=0)
SPENT = {"as": "sum", "event": "purchase", "property": "orderTotal", "within": "30d"}
BIG = {"attribute": "spent", "gte": 100}


@pytest.fixture
def at():
    """Moves the clock to so long after the start of the test."""
    with time_machine.travel(START, tick=False) as traveller:
        yield lambda **length: traveller.move_to(START + timedelta(**length))


@pytest.fixture
def define(shop, at):
    """Makes a computed attribute and a segment whose rule names it, and waits until it serves."""

    def make(rule, **definitions):
        for name, raw in definitions.items():
            Attribute.objects.update_or_create(
                account=shop.account, name=name, defaults={"computed": raw, "type": "number"}
            )
        Segment.objects.update_or_create(account=shop.account, name="some", defaults={"rule": rule})
        build_now(shop.account.pk)

    return make


@pytest.fixture
def buy(api, shop):
    return lambda total: api("/campaigns/query", shop.event("purchase", orderId=str(uuid4()), orderTotal=total))


@pytest.fixture
def inside(api, shop):
    return lambda level="visitor": api(f"/{level}s/query", getattr(shop, level)(segments=["*"]))[1]["segments"]


def test_a_person_enters_with_the_event_and_leaves_when_the_window_has_moved(define, buy, inside, at):
    define(BIG, spent=SPENT)
    buy(60)
    assert inside() == []
    buy(60)
    assert inside() == ["some"]
    at(days=30, microseconds=-1)
    assert inside() == ["some"]
    at(days=30)
    assert inside() == []


def test_a_profiles_value_is_over_all_its_devices(define, api, shop, inside):
    define(BIG, spent=SPENT)
    for _ in range(2):
        visitor = {"visitorId": str(uuid4()), "profileId": PROFILE}
        api("/campaigns/query", shop.event("purchase", orderId=str(uuid4()), orderTotal=60, **visitor))
    assert inside("profile") == ["some"]
    found = api("/profiles/query", shop.profile(attributes=["spent"], token=shop.full))[1]
    assert found["attributes"] == {"spent": [{"value": 120}]}


def test_time_alone_makes_the_time_since_the_last_event_pass_a_bound(define, buy, inside, at):
    define({"attribute": "since", "gt": 3600}, since={"as": "timeSinceLast", "event": "purchase"})
    buy(1)
    at(hours=1)
    assert inside() == []
    at(hours=1, microseconds=1)
    assert inside() == ["some"]
    buy(1)
    assert inside() == []


def test_those_of_before_are_in(define, buy, inside):
    buy(100)
    define({"attribute": "totalRevenue", "gte": 100})
    assert inside() == ["some"]


def test_nothing_bought_is_zero_orders(define, api, shop, inside):
    define({"attribute": "totalOrders", "eq": 0})
    api("/campaigns/query", shop.event("pageView"))
    assert inside() == ["some"]


def test_another_definition_builds_the_segments_that_name_it(define, buy, inside, shop):
    define(BIG, spent=SPENT)
    buy(60)
    buy(60)
    Attribute.objects.filter(name="spent").update(computed={**SPENT, "as": "max"})
    assert inside() == ["some"]  # the old one serves until the new one is built
    assert accounts_to_build() == [shop.account.pk]
    build_now(shop.account.pk)
    assert inside() == []
    assert accounts_to_build() == []


def test_a_definition_that_no_longer_fits_the_rule_fails_the_segment_once(define, shop):
    define(BIG, spent=SPENT)
    Attribute.objects.filter(name="spent").update(computed={"as": "last", "event": "purchase", "property": "orderId"})
    build_now(shop.account.pk)
    segment = Segment.objects.get(name="some")
    assert segment.status == "failed"
    assert "gte" in segment.failure
    assert accounts_to_build() == []


def test_a_rule_is_bound_to_the_definitions_that_it_names(define):
    define({"all": [BIG, {"attribute": "$device", "eq": "mobile"}]}, spent=SPENT, other=SPENT)
    assert SegmentRevision.objects.get(state="live").definitions == {"spent": SPENT, "$device": None}


def test_an_attribute_in_use_names_its_segments(define, shop):
    define(BIG, spent=SPENT)
    assert [row.name for row in segments_asking(shop.account.pk, "spent")] == ["some"]
    assert segments_asking(shop.account.pk, "totalOrders") == []


def test_why_shows_the_value(define, buy, shop):
    define(BIG, spent=SPENT)
    buy(60)
    found = configuration(shop.account.pk)
    (revision,) = active.of(found).revisions
    people = {"visitor": list(Visitor.objects.values_list("key", flat=True))}
    (known,) = reading.read(people, reading.wanted([revision], clock.now()), found.zone)
    assert explain(revision.rule, known.facts, clock.now()).rests_on == ("“spent” is 60.",)


def test_an_event_that_it_does_not_count_reads_nothing(define, api, shop, at, django_assert_num_queries):
    define(BIG, spent=SPENT)
    api("/campaigns/query", shop.event("pageView"))
    at(seconds=1)
    with django_assert_num_queries(1):
        api("/campaigns/query", shop.event("pageView"))


def test_an_attribute_in_use_is_not_deleted(define, shop, client, django_user_model):
    define(BIG, spent=SPENT)
    user = django_user_model.objects.create_user("o@example.com")
    Member.objects.create(account=shop.account, user=user, role="owner")
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    attribute = Attribute.objects.get(name="spent")
    page = client.post(reverse("panel:accounts_attribute_delete", args=[attribute.pk]), {"post": "yes"})
    assert "“spent” is used by “some”" in page.content.decode()
    assert Attribute.objects.filter(name="spent").exists()
