"""Builds whose worker ends, or whose rule cannot be read any more."""

from datetime import timedelta
from time import sleep
from uuid import UUID, uuid4

import pytest
import time_machine
from django.db import connection

from accounts import clock
from accounts.models import Attribute
from dmp.models import BuildPart, Membership, Segment, SegmentRevision, Visitor
from dmp.segments import build, lease, retired

VIEWED = {"event": "productView"}


@pytest.fixture
def started(shop, db):
    """Begins the build of a rule, later than all processes know of it."""

    def start(rule):
        segment, _ = Segment.objects.update_or_create(account=shop.account, name="some", defaults={"rule": rule})
        build.start(shop.account.pk)
        return segment

    return start


def status(segment):
    segment.refresh_from_db()
    return segment.status, segment.failure


def test_a_build_that_ends_its_worker_each_time_fails_and_says_so(started):
    segment = started(VIEWED)
    BuildPart.objects.update(attempts=build.MAX_ATTEMPTS, lease_until=clock.now() - timedelta(seconds=1))
    build.work()
    assert status(segment) == ("failed", "It could not be built: its worker was ended 3 times")
    assert not BuildPart.objects.exists()


def test_a_part_whose_worker_may_still_be_there_is_left_alone(started):
    segment = started(VIEWED)
    BuildPart.objects.update(attempts=build.MAX_ATTEMPTS, lease_until=clock.now() + timedelta(seconds=20))
    with time_machine.travel(clock.now() + timedelta(seconds=10)):
        assert not build.work()
    assert status(segment) == ("building", "")


def test_a_rule_that_cannot_be_read_any_more_is_not_switched_to(started, shop):
    Attribute.objects.create(account=shop.account, name="size", type="number")
    segment = started({"attribute": "size", "gt": 3})
    Attribute.objects.filter(name="size").delete()
    while build.work():
        pass
    assert status(segment) == (
        "failed",
        "It could not be built: the rule names something that is not there any more",
    )
    assert segment.revision is None


def test_an_edit_while_a_part_is_built_is_no_failure(started, monkeypatch):
    segment = started(VIEWED)

    def edited(*args):
        started({"event": "purchase"})
        raise RuntimeError("what it read is gone")

    with monkeypatch.context() as edit:
        edit.setattr(build, "do", edited)
        build.work()
    assert status(segment) == ("building", "")
    assert SegmentRevision.objects.get(segment=segment, state="building").rule == {"event": "purchase"}


@pytest.mark.django_db(transaction=True)
def test_a_part_is_kept_as_long_as_its_worker_lives(shop, monkeypatch):
    monkeypatch.setattr(lease, "LEASE", timedelta(seconds=0.6))
    part = BuildPart.objects.create(
        build=shop.account.pk, account=shop.account, revision=1, rank=0, level="visitor", low=UUID(int=0)
    )
    with lease.kept(part):
        sleep(1.2)
        part.refresh_from_db()
        assert part.lease_until is not None
        assert part.lease_until > clock.now()
    kept_until = part.lease_until
    sleep(0.5)
    part.refresh_from_db()
    assert part.lease_until - kept_until < timedelta(seconds=0.5)
    connection.close()


def test_an_edit_that_was_read_before_a_switch_leaves_the_switch_alone(shop):
    Segment.objects.create(account=shop.account, name="buyers", rule={"event": "purchase"})
    read = Segment.objects.get(name="buyers")
    build.build_now(shop.account.pk)
    read.description = "Who bought"
    read.save()
    segment = Segment.objects.get(name="buyers")
    assert (segment.status, segment.description) == ("live", "Who bought")
    assert segment.revision is not None


def test_no_more_parts_are_worked_on_at_once_than_the_setting_says(started, settings):
    settings.BUILDS_AT_ONCE = 1
    started(VIEWED)
    BuildPart.objects.update(rank=0)
    other = BuildPart.objects.last()
    BuildPart.objects.filter(pk=other.pk).update(lease_until=clock.now() + timedelta(seconds=20))
    with time_machine.travel(clock.now() + timedelta(seconds=10)):
        assert not build.work()
        settings.BUILDS_AT_ONCE = 2
        assert build.work()


def test_what_is_left_of_a_retired_revision_is_forgotten_the_next_time(shop):
    visitor = Visitor.objects.create(key=uuid4(), account=shop.account, visitor_id=uuid4(), created_at=clock.now())
    segment = Segment.objects.create(account=shop.account, name="some")
    long_ago = clock.now() - timedelta(hours=1)
    revision = SegmentRevision.objects.create(
        segment=segment, rule=VIEWED, state="retired", build=uuid4(), created_at=long_ago, retired_at=long_ago
    )
    Membership.objects.create(
        person=visitor.pk, segment=segment, revision=revision.pk, account=shop.account, level="visitor", by_rule=True
    )
    retired.clean(seconds=0)
    assert Membership.objects.exists()
    retired.clean(seconds=5)
    assert not Membership.objects.exists()
    assert not SegmentRevision.objects.filter(pk=revision.pk).exists()
