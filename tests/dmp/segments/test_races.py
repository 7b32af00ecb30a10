"""Two transactions about one person's memberships at once: whoever asks after both answers sees both.

`RACE_ATTEMPTS` says how often each race is run.
"""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random
from threading import Event as Flag
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from accounts import clock, snapshot
from dmp.models import Level, Membership, MembershipChange, Segment, SegmentRevision, Visitor
from dmp.segments import reading
from dmp.segments.active import active
from dmp.segments.build import start, work
from dmp.segments.evaluate import evaluate
from dmp.segments.levels import levels
from dmp.segments.retired import clean
from tests.api.threads import together
from tests.conftest import Api
from tests.shops import Shop

pytestmark = pytest.mark.django_db(transaction=True)
ATTEMPTS = int(os.environ.get("RACE_ATTEMPTS", "20"))
SPENT = {"event": "purchase", "within": "30d", "sum": {"property": "orderTotal", "gte": 1000}}
OFTEN = {"event": "purchase", "within": "30d", "count": {"gte": 3}}
Buy = Callable[..., Any]


@pytest.fixture
def buy(api: Api, shop: Shop) -> Buy:
    """A purchase of 500 in a visitor's browser."""

    def buy(visitor: UUID, **fields: Any) -> Any:
        body = shop.event("purchase", visitorId=str(visitor), orderId=str(uuid4()), orderTotal=500, **fields)
        status, answer = api("/campaigns/query", body)
        assert status == 200, answer
        return answer

    return buy


@pytest.fixture
def inside(api: Api, shop: Shop) -> Callable[..., list[str]]:
    def inside(**person: str) -> list[str]:
        path = "/visitors/query" if "visitorId" in person else "/profiles/query"
        status, answer = api(path, {"account": shop.id, "token": shop.full, "segments": ["*"], **person})
        assert status == 200, answer
        return answer["segments"]  # type: ignore[no-any-return]

    return inside


def serve(shop: Shop, **rules: Any) -> None:
    for name, rule in rules.items():
        Segment.objects.update_or_create(
            account=shop.account, name=name, defaults={"rule": rule, "status": Segment.Status.BUILDING}
        )
    build(shop)


def build(shop: Shop) -> None:
    """As in production, where every process knows of a revision before a part of it is built."""
    start(shop.account.pk)
    snapshot.clear()
    while Segment.objects.filter(account=shop.account, status=Segment.Status.BUILDING).exists():
        if not work(shop.account.pk):
            time.sleep(0.01)
    snapshot.clear()


@pytest.fixture(autouse=True)
def _known_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that began before a revision was known end within this time."""
    monkeypatch.setattr("dmp.segments.build.KNOWN_TO_ALL", timedelta(seconds=0.3))


def test_two_purchases_of_a_visitor_at_once_have_it_in_after_both_answers(
    shop: Shop, buy: Buy, inside: Callable[..., list[str]]
) -> None:
    serve(shop, spenders=SPENT)
    for _ in range(ATTEMPTS):
        visitor = uuid4()
        together([partial(buy, visitor)] * 2)
        stored = Visitor.objects.get(account=shop.account, visitor_id=visitor)
        assert len(stored.segments) == 1  # by the answers themselves: no read has evaluated it
        assert inside(visitorId=str(visitor)) == ["spenders"]
    assert MembershipChange.objects.filter(entered=True).count() == MembershipChange.objects.count() == ATTEMPTS


def test_two_devices_of_a_profile_at_once_have_it_in_after_both_answers(
    shop: Shop, buy: Buy, inside: Callable[..., list[str]]
) -> None:
    serve(shop, spenders=SPENT)
    for number in range(ATTEMPTS):
        profile = f"{number}@example.com"
        phone, laptop = uuid4(), uuid4()
        together([partial(buy, device, profileId=profile) for device in (phone, laptop)])
        assert inside(profileId=profile) == ["spenders"]
        assert [inside(visitorId=str(device)) for device in (phone, laptop)] == [[], []]


def test_two_known_devices_of_a_profile_at_once_have_it_in_after_both_answers(
    shop: Shop, buy: Buy, api: Api, inside: Callable[..., list[str]]
) -> None:
    serve(shop, spenders=SPENT)
    for number in range(ATTEMPTS):
        profile = f"{number}@example.com"
        devices = [uuid4(), uuid4()]
        for device in devices:
            api("/campaigns/query", shop.event(visitorId=str(device), profileId=profile))
        together([partial(buy, device) for device in devices])
        assert inside(profileId=profile) == ["spenders"]


# An edit while events come in

VISITORS = [UUID(int=number + 1, version=4) for number in range(24)]
DEVICES_OF = 2
"""So many visitors are of one profile."""


def profile_of(number: int) -> str:
    return f"{number // DEVICES_OF}@example.com"


def test_an_edit_under_fire_ends_in_the_truth_and_shows_nothing_half_built(
    shop: Shop, buy: Buy, inside: Callable[..., list[str]]
) -> None:
    serve(shop, fans=OFTEN)
    for number, visitor in enumerate(VISITORS):  # three purchases each: all are in by the old rule, and by the new one
        for _ in range(3):
            buy(visitor, profileId=profile_of(number))
    over = Flag()
    seen: list[list[str]] = []

    def shop_on(seed: int) -> None:
        random = Random(seed)
        while not over.is_set():
            number = random.randrange(len(VISITORS))
            buy(VISITORS[number], profileId=profile_of(number))

    def look_on(seed: int) -> None:
        random = Random(seed)
        while not over.is_set():
            number = random.randrange(len(VISITORS))
            seen.append(inside(visitorId=str(VISITORS[number])))
            seen.append(inside(profileId=profile_of(number)))

    def edit() -> None:
        try:
            for least in (2, 3, 1):
                serve(shop, fans={**OFTEN, "count": {"gte": least}})
        finally:
            over.set()

    together([edit, partial(shop_on, 1), partial(shop_on, 2), partial(look_on, 3)])
    assert seen
    assert all(found == ["fans"] for found in seen)
    assert_true(shop)


def test_an_edit_under_fire_moves_everyone_to_the_new_truth(shop: Shop, buy: Buy) -> None:
    serve(shop, fans=OFTEN)
    over = Flag()

    def shop_on(seed: int) -> None:
        random = Random(seed)
        while not over.is_set():
            number = min(random.randrange(len(VISITORS)) for _ in range(3))  # some buy often, some hardly
            buy(VISITORS[number], profileId=profile_of(number))

    def edit() -> None:
        try:
            for least in (6, 12, 4, 9):
                serve(shop, fans={**OFTEN, "count": {"gte": least}})
        finally:
            over.set()

    together([edit, *(partial(shop_on, seed) for seed in range(3))])
    assert_true(shop)


def assert_true(shop: Shop) -> None:
    """Each person is in what its events say, and in nothing else."""
    snapshot.clear()
    configuration = snapshot.configuration(shop.account.pk)
    assert configuration is not None
    revisions = active.of(configuration).revisions
    assert [revision.live for revision in revisions] == [True]
    now = clock.now()
    people = {name: level.model._default_manager.values_list("key", flat=True) for name, level in levels.items()}
    found = reading.read(people, reading.wanted(revisions, now), configuration.zone)
    assert {person.level for person in found} == {Level.VISITOR, Level.PROFILE}
    for person in found:
        mine = [evaluate(revision.rule, person.facts, now).member for revision in revisions]
        stored = {row.revision for row in person.rows.values() if row.by_rule}
        expected = {revision.id for revision, member in zip(revisions, mine, strict=True) if member}
        assert stored & {revision.id for revision in revisions} == expected
        assert set(person.segments) & {revision.id for revision in revisions} == expected


def test_two_that_forget_a_revision_do_not_wait_for_each_other(shop: Shop, buy: Buy) -> None:
    serve(shop, buyers={"event": "purchase"})
    buy(uuid4())
    serve(shop, buyers={"event": "purchase", "count": {"gte": 2}})
    time.sleep(0.3)
    old = SegmentRevision.objects.filter(state="retired")
    with transaction.atomic():  # another one is at it
        revision = old.select_for_update(no_key=True).get()
        together([clean])
        assert Membership.objects.filter(revision=revision.pk).count() == 1
    clean()
    assert not old.exists()
    assert not Membership.objects.filter(revision=revision.pk).exists()
