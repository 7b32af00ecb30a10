"""Messages are sent until they are taken, by any number of senders, and a bad receiver holds up no other."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
import time_machine
from django.db import connection

from accounts.clock import now
from accounts.models import Account
from dmp.tasks import deliver_webhooks
from dmp.webhooks import deliver, outbox, post
from dmp.webhooks.models import Delivery, Webhook
from tests.dmp.webhooks.people import enter
from tests.dmp.webhooks.receiver import Receiver, serving

pytestmark = pytest.mark.django_db


def test_it_is_tried_again_after_the_times_of_the_back_off_and_then_fails(
    account: Account, webhook: Webhook, server: Receiver, at: Any
) -> None:
    server.statuses = [500]
    enter(account)
    deliver_webhooks()
    passed = timedelta()
    for number, length in enumerate(deliver.BACK_OFF, 1):
        at(seconds=(passed + length).total_seconds() - 1)
        deliver_webhooks()
        assert len(server.requests) == number
        passed += length * 1.25
        at(seconds=passed.total_seconds())
        deliver_webhooks()
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts, delivery.answer) == ("failed", 9, 500)


def test_the_id_stays_the_same(account: Account, webhook: Webhook, server: Receiver, at: Any) -> None:
    server.statuses = [503, 200]
    enter(account)
    deliver_webhooks()
    at(seconds=13)
    deliver_webhooks()
    first, second = server.messages
    assert first == second
    assert Delivery.objects.get().status == Delivery.Status.DELIVERED


def test_a_failed_one_is_sent_again_on_demand(account: Account, webhook: Webhook, server: Receiver) -> None:
    enter(account)
    outbox.collect()
    Delivery.objects.update(status=Delivery.Status.FAILED, attempts=9)
    assert deliver.send_again(Delivery.objects.all(), now()) == 1
    deliver_webhooks()
    assert Delivery.objects.get().status == Delivery.Status.DELIVERED


def test_a_redirect_is_not_followed(account: Account, webhook: Webhook, server: Receiver) -> None:
    server.statuses = [307]
    enter(account)
    deliver_webhooks()
    assert [path for path, _, _ in server.requests] == ["/hook"]
    assert (Delivery.objects.get().status, Delivery.objects.get().answer) == ("pending", 307)


def test_a_server_that_does_not_answer_is_left_alone_for_a_while(
    account: Account, webhook: Webhook, server: Receiver, at: Any
) -> None:
    server.statuses = [503, 200]
    enter(account)
    deliver_webhooks()
    at(seconds=1)
    enter(account, str(uuid4()))
    deliver_webhooks()
    assert len(server.requests) == 1


def test_old_ones_are_forgotten(account: Account, webhook: Webhook, at: Any) -> None:
    enter(account)
    deliver_webhooks()
    at(days=29)
    deliver.clean(now())
    assert Delivery.objects.count() == 1
    at(days=31)
    deliver.clean(now())
    assert Delivery.objects.count() == 0


def test_a_second_run_sends_nothing_again(account: Account, webhook: Webhook, server: Receiver, at: Any) -> None:
    enter(account)
    for second in range(3):
        at(seconds=second)
        deliver_webhooks()
    assert len(server.requests) == 1


def test_who_lost_the_lease_has_nothing_to_say(account: Account, webhook: Webhook, at: Any) -> None:
    enter(account)
    outbox.collect()
    [lost] = deliver.claim(9, now())
    at(seconds=60)
    [claimed] = deliver.claim(9, now())
    deliver.record([(claimed, post.Answer(200))], now())
    deliver.record([(lost, post.Answer(500))], now())
    assert Delivery.objects.get().status == Delivery.Status.DELIVERED


def test_what_is_claimed_is_not_claimed_again(account: Account, webhook: Webhook) -> None:
    enter(account)
    outbox.collect()
    assert [len(deliver.claim(9, now())) for _ in range(2)] == [1, 0]


def test_what_failed_together_does_not_come_again_together() -> None:
    claims = [deliver.Claim(UUID(int=number), 1, 3, "", "", "", rested=False) for number in (0, 128, 255)]
    assert [round(deliver.back_off(claimed).total_seconds()) for claimed in claims] == [300, 338, 375]


def test_a_delivered_one_is_sent_again_on_demand_with_its_id(
    account: Account, webhook: Webhook, server: Receiver
) -> None:
    enter(account)
    deliver_webhooks()
    deliver.send_again(Delivery.objects.all(), now())
    deliver_webhooks()
    first, second = server.messages
    assert first["id"] == second["id"]


def test_a_server_that_did_not_answer_is_asked_one_message_at_a_time(
    account: Account, webhook: Webhook, server: Receiver, at: Any
) -> None:
    Webhook.objects.update(rest_until=now())
    for _ in range(3):
        enter(account, str(uuid4()))
    outbox.collect()
    at(seconds=1)
    [claimed] = deliver.claim(9, now())
    deliver.record([(claimed, post.Answer(200))], now())
    assert len(deliver.claim(9, now())) == 2


def test_a_message_that_cannot_be_sent_stops_no_other(
    account: Account, webhook: Webhook, server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = Webhook.objects.create(account=account, url=server.url + "/bad", level=Webhook.Level.BOTH)
    real = post.post
    monkeypatch.setattr(deliver, "post", lambda url, *rest: 1 / 0 if url == bad.url else real(url, *rest))
    enter(account)
    deliver_webhooks()
    assert [path for path, _, _ in server.requests] == ["/hook"]
    assert Delivery.objects.get(webhook=bad).error == "It could not be sent: ZeroDivisionError."


def test_what_was_due_for_three_days_has_failed_and_says_so(account: Account, webhook: Webhook, at: Any) -> None:
    enter(account)
    outbox.collect()
    at(days=3, seconds=1)
    deliver.clean(now())
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.error) == ("failed", "It was not sent within three days.")


def test_nothing_is_sent_for_a_suspended_account(account: Account, webhook: Webhook, server: Receiver) -> None:
    enter(account)
    Account.objects.update(status=Account.Status.SUSPENDED)
    deliver_webhooks()
    assert server.requests == []


@pytest.mark.django_db(transaction=True)
def test_a_server_that_hangs_holds_up_no_other(account: Account, server: Receiver) -> None:
    with serving() as hanging:
        hanging.delay = 3
        for receiver in (server, hanging):
            Webhook.objects.create(account=account, url=receiver.url, level=Webhook.Level.BOTH)
        for _ in range(20):
            enter(account, str(uuid4()))
        sender = threading.Thread(target=closing, args=[deliver_webhooks])
        sender.start()
        wait_for(lambda: len(server.requests) == 20)
        enter(account)  # of a change while it waits, the sender learns too
        wait_for(lambda: len(server.requests) == 21)
        assert sender.is_alive()
        hanging.delay = 0
        sender.join()


@pytest.mark.django_db(transaction=True)
def test_a_sender_whose_turn_is_over_leaves_the_field_while_it_waits(
    account: Account, server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "TURN", 0.1)
    with serving() as hanging:
        hanging.delay = 3
        Webhook.objects.create(account=account, url=hanging.url, level=Webhook.Level.BOTH)
        enter(account)
        first = threading.Thread(target=closing, args=[deliver_webhooks])
        first.start()
        wait_for(lambda: len(hanging.requests) == 1)
        time.sleep(0.7)
        Webhook.objects.update(active=False)
        Webhook.objects.create(account=account, url=server.url, level=Webhook.Level.BOTH)
        enter(account, str(uuid4()))
        deliver_webhooks()
        assert (len(server.requests), first.is_alive()) == (1, True)
        first.join()


@pytest.mark.django_db(transaction=True)
def test_what_a_killed_sender_had_is_sent_again_after_the_lease(account: Account, server: Receiver) -> None:
    Webhook.objects.create(account=account, url=server.url, level=Webhook.Level.BOTH)
    enter(account)
    server.delay = 60
    sender = another_process()
    try:
        wait_for(lambda: len(server.requests) == 1)
        sender.send_signal(signal.SIGKILL)
    finally:
        sender.kill()
        sender.wait()
    server.delay = 0
    deliver_webhooks()
    assert len(server.requests) == 1
    with time_machine.travel(now() + deliver.LEASE, tick=False):
        deliver_webhooks()
    first, second = server.messages
    assert first == second
    assert (Delivery.objects.get().status, Delivery.objects.get().attempts) == ("delivered", 2)


def another_process() -> "subprocess.Popen[bytes]":
    """A worker's: it does the task once."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    code = "import django; django.setup(); from dmp.tasks import deliver_webhooks; deliver_webhooks()"
    names = {"DATABASE_URL": url, "WEBHOOK_ALLOW_PRIVATE": "1", "DJANGO_SETTINGS_MODULE": "segmenthub.settings"}
    return subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **names})


def wait_for(what: Any, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)


def closing(call: Any) -> None:
    """In a thread, whose connection is closed at the end."""
    try:
        call()
    finally:
        connection.close()
