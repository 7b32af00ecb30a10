"""Each change that is committed is told, however late, whatever caused it; what nobody asked for costs nothing."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection, transaction

from accounts.clock import now
from accounts.models import Account
from dmp.memberships import Pins, pin
from dmp.models import Level, MembershipChange, Segment, Visitor
from dmp.segments import clock
from dmp.segments.build import build_now
from dmp.tasks import deliver_webhooks, tick
from dmp.webhooks import deliver, outbox
from dmp.webhooks.models import Delivery, Webhook
from segmenthub.celery import app
from tests.api.threads import together
from tests.conftest import Api
from tests.dmp.webhooks.people import enter, vip, visitor
from tests.dmp.webhooks.receiver import Receiver
from tests.shops import PROFILE, Shop, make_bare_account

VIEWED = {"event": "productView", "within": "30d"}


def told() -> list[tuple[str, str]]:
    outbox.collect()
    return [(row.payload["event"], row.payload["cause"]) for row in Delivery.objects.order_by("payload__at")]


@pytest.mark.django_db
def test_more_changes_than_a_batch_are_all_told(
    account: Account, webhook: Webhook, server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "BATCH", 2)
    people = [str(uuid4()) for _ in range(5)]
    for person in people:
        enter(account, person)
    deliver_webhooks()
    assert sorted(message["visitorId"] for message in server.messages) == sorted(people)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_tell_each_change_once(account: Account, server: Receiver) -> None:
    Webhook.objects.create(account=account, url=server.url, level=Webhook.Level.BOTH)
    people = [str(uuid4()) for _ in range(30)]
    for person in people:
        enter(account, person)
    together([deliver_webhooks, deliver_webhooks])
    deliver_webhooks()
    assert sorted(message["visitorId"] for message in server.messages) == sorted(people)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("minutes", [1, 600])
def test_a_change_that_is_committed_late_is_told_once(account: Account, server: Receiver, minutes: int) -> None:
    Webhook.objects.create(account=account, url=server.url, level=Webhook.Level.BOTH)
    segment = vip(account)
    written, later = threading.Event(), threading.Event()

    def change_slowly() -> None:
        with transaction.atomic():
            pin(Visitor, Level.VISITOR, account.pk, visitor(account), Pins(assign=[segment.pk]), now())
            written.set()
            assert later.wait(20)
        connection.close()

    slow = threading.Thread(target=change_slowly)
    slow.start()
    assert written.wait(20)
    quick = str(uuid4())
    enter(account, quick)
    deliver_webhooks()
    assert [message["visitorId"] for message in server.messages] == [quick]
    with time_machine.travel(now() + timedelta(minutes=minutes), tick=False):
        deliver_webhooks()
        later.set()
        slow.join()
        deliver_webhooks()
        deliver_webhooks()
    assert len(server.requests) == 2


@pytest.mark.django_db
def test_a_change_that_is_rolled_back_is_not_told(account: Account, webhook: Webhook) -> None:
    with transaction.atomic():
        enter(account)
        transaction.set_rollback(True)
    assert told() == []


@pytest.fixture
def viewers(shop: Shop, webhook: Webhook) -> Segment:
    segment: Segment = Segment.objects.create(account=shop.account, name="Viewers", rule=VIEWED)
    build_now(shop.account.pk)
    return segment


@pytest.mark.django_db
def test_an_event_is_told_and_so_is_the_clock(viewers: Segment, api: Api, shop: Shop, at: Any) -> None:
    api("/campaigns/query", shop.event("productView", sku="S"))
    at(days=31)
    clock.tick()
    assert told() == [("entered", "event"), ("left", "clock")]


@pytest.fixture
def _worker() -> Iterator[None]:
    """This process does what tasks call for."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


@pytest.mark.django_db
@pytest.mark.usefixtures("_worker")
def test_who_leaves_by_the_clock_is_told_of_at_once(
    viewers: Segment, api: Api, shop: Shop, server: Receiver, at: Any
) -> None:
    api("/campaigns/query", shop.event("productView", sku="S"))
    deliver_webhooks()
    at(days=31)
    tick()
    assert [message["event"] for message in server.messages] == ["entered", "left"]


@pytest.mark.django_db
def test_an_edit_is_told(viewers: Segment, api: Api, shop: Shop, at: Any) -> None:
    api("/campaigns/query", shop.event("productView", sku="S"))
    at(seconds=1)
    Segment.objects.filter(pk=viewers.pk).update(rule={"event": "purchase"}, status=Segment.Status.BUILDING)
    build_now(shop.account.pk)
    assert told() == [("entered", "event"), ("left", "edit")]


@pytest.mark.django_db
def test_a_link_is_told_at_the_profile(viewers: Segment, api: Api, shop: Shop, at: Any) -> None:
    api("/campaigns/query", shop.event("productView", sku="S"))
    at(seconds=1)
    api("/campaigns/query", shop.event(profileId=PROFILE))
    assert told() == [("entered", "event"), ("entered", "link")]


@pytest.mark.django_db
@pytest.mark.parametrize("of", ["nobody", "another segment", "another account", "one that is off"])
def test_what_no_webhook_asked_for_is_not_marked(shop: Shop, server: Receiver, of: str) -> None:
    account = make_bare_account("other") if of == "another account" else shop.account
    segment = Segment.objects.create(account=account, name="Other") if of == "another segment" else None
    if of != "nobody":
        Webhook.objects.create(account=account, url=server.url, segment=segment, active=of != "one that is off")
    enter(shop.account)
    assert [change.untold for change in MembershipChange.objects.all()] == [False]


@pytest.mark.django_db
def test_an_account_with_very_many_changes_holds_up_no_other(
    account: Account, webhook: Webhook, server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "BATCH", 1)
    for _ in range(3):
        enter(account, str(uuid4()))
    other = make_bare_account("other")
    Webhook.objects.create(account=other, url=server.url, level=Webhook.Level.BOTH)
    enter(other)
    assert outbox.collect() == 2
    assert Delivery.objects.filter(webhook__account=other).count() == 1


@pytest.mark.django_db
def test_nothing_is_told_of_people_who_are_gone(account: Account, webhook: Webhook) -> None:
    enter(account)
    Visitor.objects.all().delete()
    assert told() == []


@pytest.mark.django_db
def test_an_erasure_takes_what_was_told_and_what_is_still_to_be_told(account: Account, webhook: Webhook) -> None:
    enter(account)
    deliver_webhooks()
    deliver.send_again(Delivery.objects.all(), now())
    outbox.forget([visitor(account)])
    assert Delivery.objects.count() == 0


@pytest.mark.django_db
def test_nothing_to_tell_costs_one_statement(
    account: Account, webhook: Webhook, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(3):  # within its transaction
        assert outbox.collect() == 0
