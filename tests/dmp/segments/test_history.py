"""The size of a segment at the end of each day, and who came and went, as the panel draws it."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine

from accounts import snapshot
from accounts.clock import now
from dmp.models import MembershipChange, Segment
from dmp.segments.build import build_now
from dmp.segments.history import history
from tests.shops import make_account, make_shop

CQ = "/campaigns/query"
VIEWED = {"event": "productView", "within": "2d"}
NOON = datetime(2026, 3, 27, 11, tzinfo=UTC)
"""A Friday; in Berlin the clocks go forward on the Sunday."""


@pytest.fixture
def at(db):
    """Moves the clock to so long after NOON."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield lambda **length: traveller.move_to(NOON + timedelta(**length))


@pytest.fixture
def shop(at):
    return make_shop(make_account(timezone="Europe/Berlin"))


@pytest.fixture
def segment(shop):
    def make(rule):
        row, _ = Segment.objects.update_or_create(account=shop.account, name="viewers", defaults={"rule": rule})
        build_now(shop.account.pk)
        return row

    return make


@pytest.fixture
def view(api, shop):
    """Somebody new looks at a product."""
    return lambda: api(CQ, shop.event("productView", sku="S", visitorId=str(uuid4())))


@pytest.fixture
def days(shop, segment):
    """The visitors' days from the 27th on: (day of the month, size, entered, left)."""

    def read():
        found = history(
            snapshot.configuration(shop.account.pk), Segment.objects.get(name="viewers").pk, NOON.date(), now()
        )[0]
        return [(day.date.day, day.size, day.entered.total(), day.left.total()) for day in found.days]

    return read


def test_a_size_is_that_at_the_end_of_its_day(segment, view, at, days):
    segment(VIEWED)
    view()
    at(days=1)
    view()
    view()
    assert days() == [(27, 1, 1, 0), (28, 3, 2, 0)]


def test_who_left_by_time_alone_is_counted_though_nobody_asked(segment, view, at, days):
    segment(VIEWED)
    view()
    at(days=3)
    assert days() == [(27, 1, 1, 0), (28, 1, 0, 0), (29, 1, 0, 0), (30, 0, 0, 1)]


def test_days_are_those_of_the_accounts_time_zone(segment, view, at, days):
    segment({"event": "productView"})
    at(hours=11, minutes=59)  # 23:59 in Berlin
    view()
    at(hours=12)
    view()
    assert days() == [(27, 1, 1, 0), (28, 2, 1, 0)]


def test_a_day_of_23_hours_ends_an_hour_earlier(segment, view, at, days):
    segment({"event": "productView"})
    at(days=2, hours=10, minutes=59)  # 23:59 in Berlin, where it is summer now
    view()
    at(days=2, hours=11)
    view()
    assert days()[2:] == [(29, 1, 1, 0), (30, 2, 1, 0)]


def test_a_day_of_25_hours_ends_an_hour_later(segment, view, at, days):
    segment({"event": "productView"})
    to_october = date(2026, 10, 25) - NOON.date()
    at(days=to_october.days, hours=11, minutes=59)  # 23:59 in Berlin, where it is winter again
    view()
    at(days=to_october.days, hours=12)
    view()
    assert [day for day in days() if day[2]][-2:] == [(25, 1, 1, 0), (26, 2, 1, 0)]


def test_the_first_build_brings_in_who_was_there(segment, view, days, shop):
    view()
    row = segment(VIEWED)
    assert days() == [(27, 1, 1, 0)]
    found = history(snapshot.configuration(shop.account.pk), row.pk, NOON.date(), now())[0]
    assert found.days[0].entered == {"edit": 1}


def test_an_edit_that_keeps_a_person_is_no_move_of_it(segment, view, at, days):
    segment(VIEWED)
    view()
    at(days=1)
    segment({"event": "productView", "within": "3d"})
    assert days() == [(27, 1, 1, 0), (28, 1, 0, 0)]


def test_a_rule_taken_away_takes_its_people_out(segment, view, at, days):
    segment(VIEWED)
    view()
    at(days=1)
    segment(None)
    assert days() == [(27, 1, 1, 0), (28, 0, 0, 1)]


def test_a_pin_counts_and_its_release_too(segment, api, shop, at, days):
    segment(VIEWED)
    api("/visitors/segments", shop.visitor(assignees=["viewers"]))
    at(days=1)
    api("/visitors/segments", shop.visitor(releases=["viewers"]))
    assert days() == [(27, 1, 1, 0), (28, 0, 0, 1)]


def test_who_was_in_before_the_days_shown_is_in_all_of_them(segment, view, at, days):
    segment({"event": "productView"})
    at(days=-10)
    view()
    at(days=1)
    view()
    assert days() == [(27, 1, 0, 0), (28, 2, 1, 0)]


def test_changes_before_the_days_shown_may_be_gone(segment, view, at, days):
    segment({"event": "productView"})
    at(days=-10)
    view()
    MembershipChange.objects.all().delete()
    at(days=1)
    assert days() == [(27, 1, 0, 0), (28, 1, 0, 0)]


def test_visitors_and_profiles_are_counted_apart(segment, api, shop):
    row = segment(VIEWED)
    api(CQ, shop.event("productView", sku="S", profileId="john@example.com"))
    api(CQ, shop.event("productView", sku="S", visitorId=str(uuid4())))
    found = history(snapshot.configuration(shop.account.pk), row.pk, NOON.date(), now())
    assert {level.level: level.size for level in found} == {"visitor": 2, "profile": 1}
