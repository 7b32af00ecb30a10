"""Webhooks: each change is told once, signed, until it is taken, and only to public addresses."""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine

from accounts.clock import now
from accounts.models import Account
from cdp.identifiers import name
from cdp.identity import ensure_profile
from cdp.models import Profile
from dmp.keys import visitor_key
from dmp.memberships import Pins, pin
from dmp.models import Level, MembershipChange, Segment, Visitor
from dmp.tasks import deliver_webhooks
from dmp.webhooks import deliver, outbox, post
from dmp.webhooks.models import Delivery, Webhook
from tests.api.threads import together
from tests.dmp.receiver import Receiver, serving
from tests.shops import PROFILE, VISITOR, make_bare_account

START = now().replace(microsecond=0)


@pytest.fixture
def at() -> Iterator[Callable[..., None]]:
    """Moves the clock to so long after the start of the test."""
    with time_machine.travel(START, tick=False) as traveller:
        yield lambda **length: traveller.move_to(START + timedelta(**length))


@pytest.fixture(autouse=True)
def _loopback(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True


@pytest.fixture
def server() -> Iterator[Receiver]:
    with serving() as receiver:
        yield receiver


@pytest.fixture
def webhook(account: Account, server: Receiver, at: Any) -> Webhook:
    return Webhook.objects.create(account=account, url=server.url, level=Webhook.Level.BOTH)


def vip(account: Account) -> Segment:
    return Segment.objects.get_or_create(account=account, name="VIP")[0]


def visitor(account: Account, visitor_id: str = VISITOR) -> UUID:
    key = visitor_key(account.pk, UUID(visitor_id))
    Visitor.objects.get_or_create(
        key=key, defaults={"account": account, "visitor_id": UUID(visitor_id), "created_at": now()}
    )
    return key


def enter(account: Account, visitor_id: str = VISITOR) -> None:
    pin(Visitor, Level.VISITOR, account.pk, visitor(account, visitor_id), Pins(assign=[vip(account).pk]), now())


def leave(account: Account) -> None:
    pin(Visitor, Level.VISITOR, account.pk, visitor(account), Pins(remove=[vip(account).pk]), now())


@pytest.mark.django_db
class TestMessages:
    def test_entering_is_told_with_a_signature_that_verifies(
        self, account: Account, webhook: Webhook, server: Receiver
    ) -> None:
        enter(account)
        deliver_webhooks()

        [(path, headers, body)] = server.requests
        at, _, digest = headers["x-segmenthub-signature"].removeprefix("t=").partition(",v1=")
        expected = hmac.new(webhook.secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        assert (path, digest, int(at)) == ("/hook", expected, int(START.timestamp()))

    def test_a_message_says_who_entered_what_when_and_why(
        self, account: Account, webhook: Webhook, server: Receiver
    ) -> None:
        enter(account)
        deliver_webhooks()

        delivery = Delivery.objects.get()
        assert server.requests[0][1]["x-segmenthub-id"] == str(delivery.pk)
        assert server.messages == [
            {
                "id": str(delivery.pk),
                "event": "entered",
                "segment": "VIP",
                "level": "visitor",
                "visitorId": VISITOR,
                "at": START.isoformat().replace("+00:00", "Z"),
                "cause": "pin",
            }
        ]
        assert (delivery.status, delivery.answer, delivery.attempts) == ("delivered", 200, 1)

    def test_a_profile_is_told_by_its_profile_id(self, account: Account, webhook: Webhook, server: Receiver) -> None:
        key = ensure_profile(account.pk, name(account.pk, PROFILE), now())
        pin(Profile, Level.PROFILE, account.pk, key, Pins(assign=[vip(account).pk]), now())
        deliver_webhooks()
        assert [message["profileId"] for message in server.messages] == [PROFILE]

    def test_leaving_is_told_too(self, account: Account, webhook: Webhook, server: Receiver, at: Any) -> None:
        enter(account)
        at(seconds=1)
        leave(account)
        deliver_webhooks()
        assert sorted(message["event"] for message in server.messages) == ["entered", "left"]

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"on_enter": False}, []),
            ({"level": "profile"}, []),
            ({"level": "visitor"}, ["VIP"]),
            ({"active": False}, []),
        ],
    )
    def test_a_webhook_is_told_what_it_asked_for(
        self, account: Account, webhook: Webhook, server: Receiver, fields: dict[str, Any], told: list[str]
    ) -> None:
        Webhook.objects.filter(pk=webhook.pk).update(**fields)
        enter(account)
        deliver_webhooks()
        assert [message["segment"] for message in server.messages] == told

    def test_a_webhook_of_one_segment_is_told_of_no_other(
        self, account: Account, webhook: Webhook, server: Receiver
    ) -> None:
        Webhook.objects.filter(pk=webhook.pk).update(segment=Segment.objects.get(account=account, name="Churn"))
        enter(account)
        deliver_webhooks()
        assert server.requests == []

    def test_what_was_before_the_webhook_is_not_told(self, account: Account, server: Receiver, at: Any) -> None:
        enter(account)
        at(seconds=1)
        Webhook.objects.create(account=account, url=server.url, level=Webhook.Level.BOTH)
        deliver_webhooks()
        assert server.requests == []

    def test_what_was_while_it_was_off_is_not_told(
        self, account: Account, webhook: Webhook, server: Receiver, at: Any
    ) -> None:
        webhook.active = False
        webhook.save()
        enter(account)
        at(seconds=1)
        webhook.active = True
        webhook.save()
        deliver_webhooks()
        assert server.requests == []

    def test_tenants_are_kept_apart(self, webhook: Webhook, server: Receiver) -> None:
        enter(make_bare_account("other shop"))
        deliver_webhooks()
        assert server.requests == []


@pytest.mark.django_db
class TestOnce:
    def test_a_second_run_sends_nothing_again(
        self, account: Account, webhook: Webhook, server: Receiver, at: Any
    ) -> None:
        enter(account)
        for second in range(3):
            at(seconds=second)
            deliver_webhooks()
        assert len(server.requests) == 1

    @pytest.mark.parametrize("late", [5, 300])
    def test_a_change_that_is_committed_late_is_told_once(
        self, account: Account, webhook: Webhook, server: Receiver, at: Any, late: int
    ) -> None:
        at(seconds=1)
        deliver_webhooks()
        at(seconds=late)
        deliver_webhooks()
        MembershipChange.objects.create(
            person=visitor(account), segment=vip(account), account=account, level=Level.VISITOR, entered=True,
            at=START + timedelta(seconds=1), cause="event",
        )  # fmt: skip
        for later in (1, 60):
            at(seconds=late + later)
            deliver_webhooks()
        assert len(server.requests) == 1

    def test_more_changes_than_a_batch_are_all_told(
        self, account: Account, webhook: Webhook, server: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outbox, "BATCH", 2)
        outbox.statement.cache_clear()
        people = [str(uuid4()) for _ in range(5)]
        for person in people:
            enter(account, person)
        deliver_webhooks()
        outbox.statement.cache_clear()
        assert sorted(message["visitorId"] for message in server.messages) == sorted(people)

    def test_who_lost_the_lease_has_nothing_to_say(self, account: Account, webhook: Webhook, at: Any) -> None:
        enter(account)
        outbox.collect()
        [lost] = deliver.claim(9, now())
        at(seconds=60)
        [claimed] = deliver.claim(9, now())
        deliver.record(claimed, post.Answer(200), now())
        deliver.record(lost, post.Answer(500), now())
        assert Delivery.objects.get().status == Delivery.Status.DELIVERED

    def test_what_is_claimed_is_not_claimed_again(self, account: Account, webhook: Webhook) -> None:
        enter(account)
        outbox.collect()
        assert [len(deliver.claim(9, now())) for _ in range(2)] == [1, 0]


@pytest.mark.django_db(transaction=True)
def test_two_at_once_tell_each_change_once(account: Account, server: Receiver) -> None:
    Webhook.objects.create(account=account, url=server.url, level=Webhook.Level.BOTH)
    people = [str(uuid4()) for _ in range(30)]
    for person in people:
        enter(account, person)
    together([deliver_webhooks, deliver_webhooks])
    deliver_webhooks()
    assert sorted(message["visitorId"] for message in server.messages) == sorted(people)


@pytest.mark.django_db
class TestTryingAgain:
    def test_it_is_tried_again_after_the_times_of_the_back_off_and_then_fails(
        self, account: Account, webhook: Webhook, server: Receiver, at: Any
    ) -> None:
        server.statuses = [500]
        enter(account)
        deliver_webhooks()
        passed = timedelta()
        for number, length in enumerate(deliver.BACK_OFF, 1):
            at(seconds=(passed + length).total_seconds() - 1)
            deliver_webhooks()
            assert len(server.requests) == number
            passed += length
            at(seconds=passed.total_seconds())
            deliver_webhooks()
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.attempts, delivery.answer) == ("failed", 9, 500)

    def test_the_id_stays_the_same(self, account: Account, webhook: Webhook, server: Receiver, at: Any) -> None:
        server.statuses = [503, 200]
        enter(account)
        deliver_webhooks()
        at(seconds=10)
        deliver_webhooks()
        first, second = server.messages
        assert first == second
        assert Delivery.objects.get().status == Delivery.Status.DELIVERED

    def test_a_failed_one_is_sent_again_on_demand(self, account: Account, webhook: Webhook, server: Receiver) -> None:
        enter(account)
        outbox.collect()
        Delivery.objects.update(status=Delivery.Status.FAILED, attempts=9)
        assert deliver.send_again(Delivery.objects.all(), now()) == 1
        deliver_webhooks()
        assert Delivery.objects.get().status == Delivery.Status.DELIVERED

    def test_a_redirect_is_not_followed(self, account: Account, webhook: Webhook, server: Receiver) -> None:
        server.statuses = [307]
        enter(account)
        deliver_webhooks()
        assert [path for path, _, _ in server.requests] == ["/hook"]
        assert (Delivery.objects.get().status, Delivery.objects.get().answer) == ("pending", 307)

    def test_a_server_that_does_not_answer_is_left_alone_for_a_while(
        self, account: Account, webhook: Webhook, server: Receiver, at: Any
    ) -> None:
        server.statuses = [503, 200]
        enter(account)
        deliver_webhooks()
        at(seconds=1)
        enter(account, str(uuid4()))
        deliver_webhooks()
        assert len(server.requests) == 1

    def test_old_ones_are_forgotten(self, account: Account, webhook: Webhook, at: Any) -> None:
        enter(account)
        deliver_webhooks()
        at(days=29)
        deliver.clean(now())
        assert Delivery.objects.count() == 1
        at(days=31)
        deliver.clean(now())
        assert Delivery.objects.count() == 0
