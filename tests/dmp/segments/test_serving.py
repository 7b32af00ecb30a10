"""Who is in which segment, asked as a shop asks: through the API, at every instant."""

from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import clock, snapshot
from dmp.models import Event, Membership, MembershipChange, Segment, SegmentRevision, Visitor
from dmp.segments.build import build_now, start
from dmp.segments.clock import tick
from dmp.segments.retired import clean
from dmp.tasks import build_segments
from dmp.tasks import tick as tick_task
from tests.shops import BOT, PROFILE

CQ = "/campaigns/query"
START = clock.now().replace(microsecond=0)
VIEWED = {"event": "productView", "within": "30d", "count": {"gte": 2}}


@pytest.fixture
def at():
    """Moves the clock to so long after the start of the test."""
    with time_machine.travel(START, tick=False) as traveller:
        yield lambda **length: traveller.move_to(START + timedelta(**length))


@pytest.fixture
def segment(shop, at):
    """Makes segments ({name: rule}) and waits until they serve."""

    def make(**rules):
        for name, rule in rules.items():
            Segment.objects.update_or_create(account=shop.account, name=name, defaults={"rule": rule})
        build_now(shop.account.pk)
        return Segment.objects.filter(account=shop.account, name__in=rules).first()

    return make


@pytest.fixture
def view(api, shop):
    return lambda **fields: api(CQ, shop.event("productView", **{"sku": "S", **fields}))


@pytest.fixture
def buy(api, shop):
    return lambda total, **fields: api(CQ, shop.event("purchase", orderId=str(uuid4()), orderTotal=total, **fields))


@pytest.fixture
def inside(api, shop):
    """The segments that the visitor (or the profile) is in now."""

    def ask(level="visitor"):
        return api(f"/{level}s/query", getattr(shop, level)(segments=["*"]))[1]["segments"]

    return ask


def history(segment):
    rows = MembershipChange.objects.filter(segment=segment).order_by("at", "entered")
    return [(row.entered, row.cause) for row in rows]


def test_what_a_member_cannot_lose_is_not_asked_again(segment, view, at):
    segment(viewers=VIEWED)
    for minutes in range(2):
        at(minutes=minutes)
        view()
    at(minutes=3)
    with CaptureQueriesContext(connection) as asked:
        view()
    assert [query["sql"].split()[0] for query in asked] == ["SAVEPOINT", "WITH", "RELEASE"]


@pytest.mark.parametrize("agent", ["", BOT])
def test_a_new_visitor_is_in_what_asks_for_nothing_done(segment, api, shop, inside, agent):
    segment(lookers={"not": {"event": "purchase"}}, half={"sample": {"from": 0, "to": 100}}, viewers=VIEWED)
    api(CQ, shop.event(), HTTP_USER_AGENT=agent)
    assert inside() == ["half", "lookers"]


def test_who_was_known_before_it_was_seen_counts_from_its_first_event(segment, api, shop, inside, at):
    segment(ageless={"attribute": "age", "exists": False, "for": "3d"})
    api("/visitors/attributes", shop.visitor(attributes={"country": ["tr"]}))
    at(days=4)
    assert inside() == ["ageless"]
    api(CQ, shop.event())
    assert inside() == []
    at(days=8)
    assert inside() == ["ageless"]


def test_a_new_visitor_is_not_asked_what_only_events_decide(segment, api, shop):
    segment(viewers=VIEWED, regular={"any": [{"event": "purchase"}, {"attribute": "plan", "eq": "gold"}]})
    api(CQ, shop.event())
    with CaptureQueriesContext(connection) as asked:
        api(CQ, shop.event(visitorId=str(uuid4())))
    assert [query["sql"].split()[0] for query in asked] == ["WITH"]


def test_a_person_enters_with_the_event_that_qualifies_it(segment, view, inside):
    viewers = segment(viewers=VIEWED)
    view()
    assert inside() == []
    view()
    assert inside() == ["viewers"]
    assert history(viewers) == [(True, "event")]


def test_a_person_leaves_at_the_instant_the_rule_ceases_to_hold(segment, view, inside, at):
    segment(viewers=VIEWED)
    view()
    at(days=1)
    view()
    at(days=30, microseconds=-1)
    assert inside() == ["viewers"]
    at(days=30)
    assert inside() == []


def test_the_clock_takes_out_who_left(segment, view, at):
    viewers = segment(viewers=VIEWED)
    view()
    view()
    at(days=30)
    assert tick() == 1
    assert history(viewers) == [(True, "event"), (False, "clock")]
    assert tick() == 0


def test_people_who_were_there_before_the_segment_are_in(segment, view, inside):
    view()
    view()
    viewers = segment(viewers=VIEWED)
    assert inside() == ["viewers"]
    assert history(viewers) == [(True, "edit")]


def test_a_new_visitor_is_in_what_holds_for_nobodys_past(segment, api, shop, inside):
    segment(strangers={"not": {"event": "purchase"}})
    api(CQ, shop.event())
    assert inside() == ["strangers"]


def test_a_link_joins_the_devices_histories_in_the_same_response(segment, view, inside, shop, api):
    segment(viewers=VIEWED)
    view()
    view(visitorId=str(uuid4().hex[:8]) + "-2222-4222-8222-222222222222", profileId=PROFILE)
    assert inside("profile") == []
    view(profileId=PROFILE)
    assert (inside("profile"), inside()) == (["viewers"], ["viewers"])


def test_an_attribute_moves_its_person_at_once(segment, api, shop, inside):
    segment(turks={"attribute": "country", "eq": "tr"}, others={"attribute": "country", "nin": ["tr"]})
    api("/visitors/attributes", shop.visitor(attributes={"country": "tr"}))
    assert inside() == ["turks"]
    api("/visitors/attributes", shop.visitor(attributes={"country": "de"}))
    assert inside() == ["others"]


@pytest.mark.parametrize("headers", [{}, {"HTTP_USER_AGENT": BOT}])
def test_consent_moves_its_person_at_once(segment, api, shop, inside, headers):
    segment(consenting={"attribute": "consent.ads", "eq": True}, silent={"attribute": "consent.ads", "exists": False})
    api(CQ, shop.event())
    assert inside() == ["silent"]
    api(CQ, shop.event(consent={"ads": True}), **headers)
    assert inside() == ["consenting"]


def test_an_edit_is_switched_to_and_the_old_rule_is_forgotten(segment, view, inside, at, shop):
    viewers = segment(viewers=VIEWED)
    view()
    view()
    segment(viewers={**VIEWED, "count": {"gte": 3}})
    assert inside() == []
    view()
    assert inside() == ["viewers"]
    clean()
    assert SegmentRevision.objects.filter(segment=viewers).count() == 1
    assert Visitor.objects.get(account=shop.account).segments == [Segment.objects.get(pk=viewers.pk).revision]


def test_until_the_edit_is_built_the_old_rule_serves(segment, view, inside, shop):
    segment(viewers=VIEWED)
    view()
    view()
    edited = Segment.objects.get(account=shop.account, name="viewers")
    edited.rule = {**VIEWED, "count": {"gte": 3}}
    edited.save()
    assert start(shop.account.pk) is not None
    assert inside() == ["viewers"]
    view()
    assert inside() == ["viewers"]


def test_an_event_during_a_build_counts_after_the_switch(segment, view, inside, shop):
    segment(viewers={**VIEWED, "count": {"gte": 5}})
    view()
    Segment.objects.filter(account=shop.account, name="viewers").update(rule=VIEWED, status="building")
    start(shop.account.pk)
    view()
    build_now(shop.account.pk)
    assert inside() == ["viewers"]


def test_what_depends_on_a_segment_follows_it(segment, view, inside):
    segment(viewers=VIEWED)
    segment(others={"not": {"segment": "viewers"}}, fans={"segment": "viewers"})
    view()
    assert inside() == ["others"]
    view()
    assert inside() == ["fans", "viewers"]


def test_an_edit_rebuilds_what_depends_on_it(segment, view, inside):
    segment(viewers=VIEWED, fans={"segment": "viewers"})
    view()
    assert inside() == []
    segment(viewers={"event": "productView"})
    assert inside() == ["fans", "viewers"]


def test_a_pin_moves_what_depends_on_it(segment, api, shop, inside):
    segment(fans={"segment": "VIP"})
    api("/visitors/segments", shop.visitor(assignees=["VIP"]))
    assert inside() == ["VIP", "fans"]
    api("/visitors/segments", shop.visitor(removes=["VIP"]))
    assert inside() == []


def test_membership_that_lasts_counts_from_its_recorded_start(segment, api, shop, inside, at):
    segment(loyal={"segment": "VIP", "for": "7d"})
    api("/visitors/segments", shop.visitor(assignees=["VIP"]))
    at(days=7, seconds=-1)
    assert inside() == ["VIP"]
    at(days=7)
    assert inside() == ["VIP", "loyal"]


def test_a_pin_beats_the_rule_and_its_release_gives_it_back(segment, view, api, shop, inside):
    segment(viewers=VIEWED)
    api("/visitors/segments", shop.visitor(removes=["viewers"]))
    view()
    view()
    assert inside() == []
    api("/visitors/segments", shop.visitor(releases=["viewers"]))
    assert inside() == ["viewers"]


def test_a_segment_that_loses_its_rule_keeps_only_its_pins(segment, view, inside):
    segment(viewers=VIEWED)
    view()
    view()
    segment(viewers=None)
    assert inside() == []


def test_a_rule_that_cannot_be_read_any_more_says_so(segment, shop):
    Segment.objects.create(account=shop.account, name="lost", rule={"event": "gone"})
    build_now(shop.account.pk)
    lost = Segment.objects.get(account=shop.account, name="lost")
    assert (lost.status, "gone" in lost.failure) == ("failed", True)


def test_members_are_listed_as_they_are_now(segment, view, api, shop, at):
    segment(viewers=VIEWED)
    view()
    view()
    body = {"account": shop.id, "token": shop.full, "segment": "viewers", "level": "visitor"}
    members = api("/segments/members", body)[1]["members"]
    assert [row["visitorId"] for row in members] == [shop.visitor()["visitorId"]]
    at(days=30)
    assert api("/segments/members", body)[1]["members"] == []


def test_a_page_view_that_no_rule_names_costs_one_statement(segment, api, shop, django_assert_num_queries, at):
    segment(viewers=VIEWED)
    api(CQ, shop.event())
    at(seconds=1)
    with django_assert_num_queries(1):
        api(CQ, shop.event())


def test_an_event_that_a_rule_names_costs_at_most_two_statements_more(segment, view, at):
    segment(viewers=VIEWED, strangers={"not": {"event": "productView"}})
    view()
    at(seconds=1)
    with CaptureQueriesContext(connection) as queries:
        view()
    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(statements) == 3


def test_rows_are_kept_only_for_those_who_are_in_or_whose_time_comes(segment, api, shop):
    segment(viewers=VIEWED)
    api(CQ, shop.event())
    assert not Membership.objects.exists()


def test_the_workers_build_an_edit_and_take_out_who_left(shop, view, inside, at):
    viewers = Segment.objects.create(account=shop.account, name="viewers", rule=VIEWED)
    view()
    view()
    build_segments()
    snapshot.clear()  # what the process's own thread does within a second
    assert inside() == ["viewers"]
    assert Segment.objects.get(pk=viewers.pk).status == "live"
    at(days=30)
    tick_task()
    assert history(viewers) == [(True, "edit"), (False, "clock")]


def test_recompute_repairs_what_was_lost(segment, view, inside, shop):
    segment(viewers=VIEWED)
    view()
    view()
    Visitor.objects.update(segments=[])
    Membership.objects.all().delete()
    assert inside() == []
    call_command("recompute", shop.id, "--wait", stdout=StringIO())
    assert inside() == ["viewers"]


def test_a_removed_attribute_is_unchanged_since_its_removal(segment, api, shop, inside, at):
    segment(homeless={"attribute": "country", "exists": False, "for": "7d"})
    api("/visitors/attributes", shop.visitor(attributes={"country": "tr"}))
    at(days=10)
    api("/visitors/attributes", shop.visitor(attributes={"country": None}))
    at(days=17, seconds=-1)
    assert inside() == []
    at(days=17)
    assert inside() == ["homeless"]


def test_a_person_with_very_many_events_is_counted_whole(segment, view, inside, shop):
    segment(fans={"event": "productView", "count": {"gte": 2102}})
    view()
    [visitor] = Visitor.objects.all()
    Event.objects.bulk_create(
        Event(visitor=visitor.key, time=START, id=uuid4(), account=shop.account, event="productView", sku="S")
        for _ in range(2100)
    )
    assert inside() == []
    view()
    assert inside() == ["fans"]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("test", [{"last": "99999w"}, {"next": "7d"}, {"anniversary": "7d"}, {"gte": "2000-01-01"}])
def test_the_first_and_the_last_of_days_are_no_error(segment, api, shop, test, day):
    segment(born={"attribute": "birthday", **test})
    assert api("/visitors/attributes", shop.visitor(attributes={"birthday": day}))[0] == 200
    assert api("/visitors/query", shop.visitor(segments=["*"]))[0] == 200
    segment(born={"any": [{"attribute": "birthday", **test}]})
    assert Segment.objects.get(name="born").status == "live"
