"""A paused segment keeps its members; a build can be called off."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine

from accounts import clock, snapshot
from adserver.models import Campaign, Creative
from dmp.models import BuildPart, MembershipChange, Segment, SegmentRevision, Visitor
from dmp.segments.build import build_now, start, switch, work
from dmp.segments.clock import never, oldest_due, tick
from dmp.segments.levels import VISITORS
from dmp.segments.pausing import Refused, build_again, cancel, pause
from dmp.segments.retired import clean
from dmp.tasks import build_segments

CQ = "/campaigns/query"
START = clock.now().replace(microsecond=0)
VIEWED = {"event": "productView", "within": "30d"}
OTHER = str(uuid4())


@pytest.fixture
def at():
    with time_machine.travel(START, tick=False) as traveller:
        yield lambda **length: traveller.move_to(START + timedelta(**length))


@pytest.fixture
def segment(shop, at):
    """Makes segments ({name: rule}) and waits until they serve."""

    def make(**rules):
        for name, rule in rules.items():
            Segment.objects.update_or_create(account=shop.account, name=name, defaults={"rule": rule})
        build_now(shop.account.pk)

    return make


@pytest.fixture
def named(shop):
    return lambda name: Segment.objects.get(account=shop.account, name=name)


@pytest.fixture
def hold(shop, named):
    """Pauses a segment, now."""
    return lambda name: pause(snapshot.configuration(shop.account.pk), named(name).pk, clock.now())


@pytest.fixture
def view(api, shop):
    return lambda **fields: api(CQ, shop.event("productView", **{"sku": "S", **fields}))


@pytest.fixture
def inside(api, shop):
    """The segments that the visitor, or another, is in now."""

    def ask(**who):
        return api("/visitors/query", shop.visitor(segments=["*"], **who))[1]["segments"]

    return ask


@pytest.fixture
def edit(shop, named):
    """Changes a rule, and begins its build without waiting for it."""

    def change(name, rule):
        row = named(name)
        row.rule = rule
        row.save()
        start(shop.account.pk)
        return row

    return change


# --- pausing ---
def test_a_paused_segment_keeps_its_members(segment, view, inside, at, hold):
    segment(viewers=VIEWED)
    view()
    hold("viewers")
    at(days=31)
    tick()
    assert inside() == ["viewers"]


def test_who_was_due_when_it_was_paused_is_not_in(segment, view, inside, at, hold):
    segment(viewers=VIEWED)
    view()
    at(days=31)
    hold("viewers")
    assert inside() == []


def test_nobody_enters_a_paused_segment(segment, view, inside, hold):
    segment(viewers=VIEWED)
    hold("viewers")
    view()
    assert inside() == []


def test_it_says_since_when_it_is_paused(segment, named, hold, at):
    segment(viewers=VIEWED)
    at(hours=1)
    hold("viewers")
    assert (named("viewers").status, named("viewers").paused_at) == ("paused", START + timedelta(hours=1))


def test_nothing_stays_due_of_a_paused_segment(segment, view, hold, at):
    segment(viewers=VIEWED)
    view()
    hold("viewers")
    at(days=31)
    while tick():
        pass
    assert oldest_due() is None


def test_what_a_revision_waits_for_that_a_process_does_not_know_yet_stays_due(segment, view):
    segment(viewers=VIEWED)
    view()
    before = Visitor.objects.get()
    never(VISITORS, [before.key])
    assert before.due_at is not None
    assert Visitor.objects.get().due_at == before.due_at


def test_nothing_stays_due_beside_a_live_segment(segment, view, hold, at):
    segment(viewers=VIEWED, buyers={"event": "purchase"})
    view()
    hold("viewers")
    at(days=31)
    assert tick() == 1
    assert oldest_due() is None


def test_a_read_of_somebody_due_by_a_paused_segment_ends_it(segment, view, inside, hold, at):
    segment(viewers=VIEWED, buyers={"event": "purchase"})
    view()
    hold("viewers")
    at(days=31)
    inside()
    assert Visitor.objects.get().due_at is None


def test_an_event_beside_a_paused_segment_costs_one_statement(segment, view, hold, at, django_assert_num_queries):
    segment(viewers=VIEWED)
    view()
    hold("viewers")
    at(seconds=1)
    view()
    at(seconds=2)
    with django_assert_num_queries(1):
        view()


def test_pins_count_while_it_is_paused(segment, api, shop, inside, hold):
    segment(viewers=VIEWED)
    hold("viewers")
    api("/visitors/segments", shop.visitor(assignees=["viewers"]))
    assert inside() == ["viewers"]
    api("/visitors/segments", shop.visitor(releases=["viewers"]))
    assert inside() == []


def test_what_depends_on_it_goes_on_with_its_members(segment, view, inside, at, hold):
    segment(viewers=VIEWED)
    segment(fans={"all": [{"segment": "viewers"}, {"event": "productView", "count": {"gte": 2}}]})
    view()
    hold("viewers")
    at(days=31)
    view(visitorId=OTHER)
    view(visitorId=OTHER)
    view()
    assert (inside(), inside(visitorId=OTHER)) == (["fans", "viewers"], [])


def test_an_edit_of_what_it_names_leaves_it_alone(segment, view, inside, hold):
    segment(viewers=VIEWED)
    segment(fans={"segment": "viewers"})
    view()
    hold("fans")
    segment(viewers={**VIEWED, "count": {"gte": 2}})
    assert inside() == ["fans"]


def test_the_members_of_the_api_are_those_it_keeps(segment, view, api, shop, hold, at):
    segment(viewers=VIEWED)
    view()
    hold("viewers")
    at(days=31)
    body = {"account": shop.id, "token": shop.full, "segment": "viewers", "level": "visitor"}
    assert len(api("/segments/members", body)[1]["members"]) == 1


def test_a_campaign_goes_on_with_its_members(segment, view, api, shop, hold, at):
    segment(viewers=VIEWED)
    campaign = Campaign.objects.create(account=shop.account, name="Sale", slug="sale", status="live")
    campaign.segments.add(Segment.objects.get(name="viewers"))
    Creative.objects.create(campaign=campaign, name="A", content={"title": "20% off"})
    snapshot.clear()
    view()
    hold("viewers")
    at(days=31)
    assert len(view()[1]["campaigns"]) == 1
    assert view(visitorId=OTHER)[1]["campaigns"] == []


def test_an_edit_of_a_paused_segment_waits_until_it_is_resumed(segment, view, inside, named, hold, shop):
    segment(viewers=VIEWED)
    view()
    hold("viewers")
    segment(viewers={"event": "purchase"})
    assert (named("viewers").status, inside()) == ("paused", ["viewers"])
    build_again(shop.account.pk, named("viewers").pk)
    build_now(shop.account.pk)
    assert (named("viewers").status, inside()) == ("live", [])


def test_a_paused_segment_that_loses_its_rule_keeps_only_its_pins(segment, view, inside, named, hold):
    segment(viewers=VIEWED)
    view()
    hold("viewers")
    segment(viewers=None)
    assert (named("viewers").status, named("viewers").paused_at, inside()) == ("live", None, [])


def test_all_is_built_anew_but_what_is_paused(segment, view, inside, named, hold, shop, at):
    segment(viewers=VIEWED)
    view()
    hold("viewers")
    at(days=31)
    build_now(shop.account.pk, again=["viewers"])
    assert (named("viewers").status, inside()) == ("paused", ["viewers"])


def test_a_static_segment_cannot_be_paused(at, shop, hold):
    with pytest.raises(Refused, match="Only a live segment with a rule"):
        hold("VIP")


def test_a_segment_that_is_being_built_cannot_be_paused(segment, edit, hold):
    segment(viewers=VIEWED)
    edit("viewers", {"event": "purchase"})
    with pytest.raises(Refused, match="cancel the build"):
        hold("viewers")


# --- resuming ---
def test_until_it_is_built_a_resumed_segment_keeps_its_members(segment, view, inside, at, named, hold, shop):
    segment(viewers=VIEWED)
    view()
    hold("viewers")
    at(days=31)
    build_again(shop.account.pk, named("viewers").pk)
    start(shop.account.pk)
    assert (named("viewers").status, inside()) == ("building", ["viewers"])


def test_a_resumed_segment_is_as_if_it_had_never_been_paused(segment, view, inside, at, named, hold, shop):
    segment(viewers=VIEWED)
    view()
    hold("viewers")
    at(days=31)
    view(visitorId=OTHER)
    build_again(shop.account.pk, named("viewers").pk)
    build_segments()
    snapshot.clear()
    assert (inside(), inside(visitorId=OTHER)) == ([], ["viewers"])
    assert (named("viewers").status, named("viewers").paused_at) == ("live", None)
    at(days=62)
    assert inside(visitorId=OTHER) == []


def test_who_stays_in_over_a_pause_entered_before_it(segment, view, at, named, hold, shop, api):
    segment(viewers=VIEWED)
    view()
    hold("viewers")
    at(days=1)
    build_again(shop.account.pk, named("viewers").pk)
    build_now(shop.account.pk)
    assert MembershipChange.objects.filter(segment=named("viewers")).count() == 1


def test_what_depends_on_it_follows_it_again(segment, view, inside, named, hold, shop):
    segment(viewers=VIEWED)
    segment(fans={"segment": "viewers"})
    hold("viewers")
    view()
    assert inside() == []
    build_again(shop.account.pk, named("viewers").pk)
    build_now(shop.account.pk)
    assert inside() == ["fans", "viewers"]


def test_a_live_segment_cannot_be_resumed(segment, named, shop):
    segment(viewers=VIEWED)
    with pytest.raises(Refused):
        build_again(shop.account.pk, named("viewers").pk)


# --- cancelling ---
def test_a_cancelled_edit_leaves_the_rule_that_serves(segment, view, inside, edit, named, shop):
    segment(viewers=VIEWED)
    view()
    cancel(shop.account.pk, edit("viewers", {"event": "purchase"}).pk)
    build_segments()
    assert (named("viewers").status, named("viewers").rule, inside()) == ("live", VIEWED, ["viewers"])
    assert not BuildPart.objects.exists()


def test_a_cancelled_first_build_leaves_a_draft(shop, at, named, inside, view):
    row = Segment.objects.create(account=shop.account, name="viewers", rule=VIEWED)
    start(shop.account.pk)
    cancel(shop.account.pk, row.pk)
    build_segments()
    view()
    assert (named("viewers").status, named("viewers").rule, inside()) == ("draft", VIEWED, [])


def test_a_draft_is_built_when_its_rule_is_edited_or_somebody_says_so(shop, at, named):
    row = Segment.objects.create(account=shop.account, name="viewers", rule=VIEWED)
    cancel(shop.account.pk, row.pk)
    row = named("viewers")
    row.description = "Who looked"
    row.save()
    assert named("viewers").status == "draft"
    build_again(shop.account.pk, row.pk)
    assert named("viewers").status == "building"
    cancel(shop.account.pk, row.pk)
    row = named("viewers")
    row.rule = {"event": "productView"}
    row.save()
    build_now(shop.account.pk)
    assert named("viewers").status == "live"


def test_a_worker_in_the_middle_of_a_cancelled_build_switches_nothing(segment, view, inside, edit, named, shop, at):
    segment(viewers=VIEWED)
    view()
    row = edit("viewers", {"event": "purchase"})
    build = SegmentRevision.objects.get(segment=row, state="building").build
    cancel(shop.account.pk, row.pk)
    switch(shop.account.pk, build)
    at(minutes=1)
    assert not work()
    clean()
    assert (named("viewers").status, inside()) == ("live", ["viewers"])
    assert SegmentRevision.objects.filter(segment=row).count() == 1


def test_other_edits_of_a_cancelled_build_are_built(segment, view, inside, edit, named, shop):
    segment(viewers=VIEWED, buyers={"event": "purchase"})
    view()
    edit("buyers", {"event": "productView"})
    cancel(shop.account.pk, edit("viewers", {"event": "purchase"}).pk)
    build_now(shop.account.pk)
    assert (named("viewers").rule, inside()) == (VIEWED, ["buyers", "viewers"])


def test_what_was_built_for_a_cancelled_edits_sake_serves_on(segment, edit, named, shop):
    segment(viewers=VIEWED)
    segment(fans={"segment": "viewers"})
    before = named("fans").revision
    row = edit("viewers", {"event": "purchase"})
    assert named("fans").status == "building"
    cancel(shop.account.pk, row.pk)
    build_segments()
    assert (named("fans").status, named("fans").revision) == ("live", before)


def test_a_cancelled_resumption_leaves_the_segment_paused(segment, view, inside, at, named, hold, shop):
    segment(viewers=VIEWED)
    view()
    hold("viewers")
    at(days=31)
    build_again(shop.account.pk, named("viewers").pk)
    start(shop.account.pk)
    cancel(shop.account.pk, named("viewers").pk)
    assert (named("viewers").status, inside()) == ("paused", ["viewers"])


def test_a_segment_that_is_not_being_built_has_no_build_to_cancel(segment, named, shop):
    segment(viewers=VIEWED)
    with pytest.raises(Refused):
        cancel(shop.account.pk, named("viewers").pk)


def test_no_segment_of_another_account_is_paused_or_cancelled(segment, named, shop, new_account):
    segment(viewers=VIEWED)
    other = new_account("other")
    for do in (cancel, build_again):
        with pytest.raises(Segment.DoesNotExist):
            do(other.pk, named("viewers").pk)
