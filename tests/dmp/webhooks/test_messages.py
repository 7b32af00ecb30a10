"""What a webhook is told: what it asked for, signed, and nothing else."""

import hashlib
import hmac
from typing import Any

import pytest

from accounts.clock import now
from accounts.models import Account
from cdp.identifiers import name
from cdp.identity import ensure_profile
from cdp.models import Profile
from dmp.memberships import Pins, pin
from dmp.models import Level, Segment
from dmp.tasks import deliver_webhooks
from dmp.webhooks.models import Delivery, Webhook
from tests.dmp.webhooks.people import START, enter, leave, vip
from tests.dmp.webhooks.receiver import Receiver
from tests.shops import PROFILE, VISITOR, make_bare_account

pytestmark = pytest.mark.django_db


def test_entering_is_told_with_a_signature_that_verifies(account: Account, webhook: Webhook, server: Receiver) -> None:
    enter(account)
    deliver_webhooks()

    [(path, headers, body)] = server.requests
    at, _, digest = headers["x-segmenthub-signature"].removeprefix("t=").partition(",v1=")
    expected = hmac.new(webhook.secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert (path, digest, int(at)) == ("/hook", expected, int(START.timestamp()))


def test_a_message_says_who_entered_what_when_and_why(account: Account, webhook: Webhook, server: Receiver) -> None:
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


def test_a_profile_is_told_by_its_profile_id(account: Account, webhook: Webhook, server: Receiver) -> None:
    key = ensure_profile(account.pk, name(account.pk, PROFILE), now())
    pin(Profile, Level.PROFILE, account.pk, key, Pins(assign=[vip(account).pk]), now())
    deliver_webhooks()
    assert [message["profileId"] for message in server.messages] == [PROFILE]


def test_leaving_is_told_too(account: Account, webhook: Webhook, server: Receiver, at: Any) -> None:
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
    account: Account, webhook: Webhook, server: Receiver, fields: dict[str, Any], told: list[str]
) -> None:
    Webhook.objects.filter(pk=webhook.pk).update(**fields)
    enter(account)
    deliver_webhooks()
    assert [message["segment"] for message in server.messages] == told


def test_a_webhook_of_one_segment_is_told_of_no_other(account: Account, webhook: Webhook, server: Receiver) -> None:
    Webhook.objects.filter(pk=webhook.pk).update(segment=Segment.objects.get(account=account, name="Churn"))
    enter(account)
    deliver_webhooks()
    assert server.requests == []


def test_what_was_before_the_webhook_is_not_told(account: Account, server: Receiver, at: Any) -> None:
    enter(account)
    at(seconds=1)
    Webhook.objects.create(account=account, url=server.url, level=Webhook.Level.BOTH)
    deliver_webhooks()
    assert server.requests == []


def test_what_was_while_it_was_off_is_not_told(account: Account, webhook: Webhook, server: Receiver, at: Any) -> None:
    webhook.active = False
    webhook.save()
    enter(account)
    at(seconds=1)
    webhook.active = True
    webhook.save()
    deliver_webhooks()
    assert server.requests == []


def test_tenants_are_kept_apart(webhook: Webhook, server: Receiver) -> None:
    enter(make_bare_account("other shop"))
    deliver_webhooks()
    assert server.requests == []
