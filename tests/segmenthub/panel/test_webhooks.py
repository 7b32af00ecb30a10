"""Webhooks in the panel: the secret is shown once; what was sent is seen, and sent again."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from dmp.webhooks.models import Delivery, Webhook
from dmp.webhooks.post import sign
from tests.segmenthub.panel.conftest import House

Login = Callable[..., Client]
ADD = {"url": "https://8.8.8.8/new", "level": "profile", "on_enter": "on", "active": "on"}


def added(client: Client) -> tuple[Webhook, str]:
    """A new webhook, and the page that follows."""
    body = client.post(reverse("panel:dmp_webhook_add"), ADD).content.decode()
    return Webhook.objects.get(url=ADD["url"]), body


def test_the_secret_is_shown_once(login: Login, ours: House) -> None:
    client = login(ours.account, "marketer")
    webhook, body = added(client)

    assert re.search(r'<code id="secret">(whsec_[\w-]{32})</code>', body)[1] == webhook.secret  # type: ignore[index]
    for name, args in (("changelist", []), ("change", [webhook.pk]), ("history", [webhook.pk])):
        assert webhook.secret not in client.get(reverse(f"panel:dmp_webhook_{name}", args=args)).content.decode()


def test_rotating_shows_a_new_secret(login: Login, ours: House) -> None:
    client = login(ours.account, "marketer")
    webhook, _ = added(client)

    response = client.post(reverse("panel:dmp_webhook_rotate", args=[webhook.pk]))

    now = Webhook.objects.get(pk=webhook.pk).secret
    assert now != webhook.secret
    assert now in response.content.decode()
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:8000/", "no public address"),
        ("https://8.8.8.8:22/", "Only the ports"),
        ("8.8.8.8", "Give a whole URL"),
    ],
)
def test_an_address_that_is_not_allowed_is_an_error_of_the_form(login: Login, ours: House, url: str, said: str) -> None:
    response = login(ours.account, "marketer").post(reverse("panel:dmp_webhook_add"), {**ADD, "url": url})

    assert said in response.content.decode()
    assert Webhook.objects.filter(account=ours.account).count() == 1


def test_a_test_message_is_queued(login: Login, ours: House) -> None:
    webhook = ours["dmp.webhook"]

    login(ours.account, "marketer").post(reverse("panel:dmp_webhook_test", args=[webhook.pk]))

    delivery = Delivery.objects.get(webhook=webhook, person=None, payload__event="test")
    assert delivery.status == Delivery.Status.PENDING
    assert delivery.next_try_at is not None


@pytest.mark.parametrize("view", ["rotate", "test"])
@pytest.mark.parametrize("whose", ["viewer", "theirs"])
def test_who_may_not_change_a_webhook_does_nothing_with_it(
    login: Login, ours: House, theirs: House, view: str, whose: str
) -> None:
    webhook = (theirs if whose == "theirs" else ours)["dmp.webhook"]
    client = login(ours.account, "owner" if whose == "theirs" else "analyst")

    response = client.post(reverse(f"panel:dmp_webhook_{view}", args=[webhook.pk]))

    assert response.status_code in (403, 404)
    assert Webhook.objects.get(pk=webhook.pk).secret == webhook.secret
    assert webhook.deliveries.count() == 1


@pytest.mark.parametrize(("role", "status"), [("marketer", "pending"), ("analyst", "failed")])
def test_what_failed_is_sent_again(login: Login, ours: House, theirs: House, role: str, status: str) -> None:
    mine, other = ours["dmp.delivery"], theirs["dmp.delivery"]
    Delivery.objects.update(status=Delivery.Status.FAILED, attempts=9)
    form = {"action": "send_again", "_selected_action": [mine.pk, other.pk]}

    login(ours.account, role).post(reverse("panel:dmp_delivery_changelist"), form)

    assert Delivery.objects.get(pk=mine.pk).status == status
    assert Delivery.objects.get(pk=other.pk).status == Delivery.Status.FAILED


def test_the_log_says_what_was_answered(login: Login, ours: House) -> None:
    Delivery.objects.filter(pk=ours["dmp.delivery"].pk).update(answer=503, error="Busy", attempts=3)

    body = login(ours.account, "analyst").get(reverse("panel:dmp_delivery_changelist")).content.decode()

    assert "503 Busy" in body


def test_a_webhook_goes_with_its_messages(login: Login, ours: House) -> None:
    webhook = ours["dmp.webhook"]

    login(ours.account, "marketer").post(reverse("panel:dmp_webhook_delete", args=[webhook.pk]), {"post": "yes"})

    assert not Webhook.objects.filter(pk=webhook.pk).exists()


def test_a_segment_that_a_webhook_tells_of_is_not_deleted(login: Login, ours: House) -> None:
    segment = ours["dmp.segment"]
    ours["adserver.campaign"].segments.clear()
    ours["adserver.adsettings"].delete()

    response = login(ours.account).post(reverse("panel:dmp_segment_delete", args=[segment.pk]), {"post": "yes"})

    assert f"“{segment}” is used by “{ours['dmp.webhook']}”" in response.content.decode()
    assert ours.account.segments.filter(pk=segment.pk).exists()


def test_a_segment_says_which_webhook_tells_of_it(login: Login, ours: House) -> None:
    page = login(ours.account).get(reverse("panel:dmp_segment_change", args=[ours["dmp.segment"].pk]))

    assert reverse("panel:dmp_webhook_change", args=[ours["dmp.webhook"].pk]) in page.content.decode()


def code(page: str, language: str) -> str:
    found = re.search(rf'<pre id="verify-{language}">(.*?)</pre>', page, re.DOTALL)
    assert found is not None
    return unescape(found[1])


def test_the_code_that_is_shown_verifies_messages(login: Login, ours: House) -> None:
    shown: dict[str, Any] = {}
    exec(code(added(login(ours.account, "marketer"))[1], "python"), shown)
    body, at = b'{"event": "test"}', int(time.time())

    asked = [("s", body, at), ("other", body, at), ("s", b"{}", at), ("s", body, at - 400)]
    answers = [shown["verified"](secret, sign("s", body, when), said) for secret, said, when in asked]

    assert answers == [True, False, False, False]
    assert not shown["verified"]("s", "nonsense", body)


@pytest.mark.skipif(shutil.which("node") is None, reason="There is no Node.js.")
def test_so_does_the_code_for_node(login: Login, ours: House) -> None:
    script = code(added(login(ours.account, "marketer"))[1], "node")
    good = sign("s", b"{}", int(time.time()))
    asked = "console.log(['s', 'other'].map((secret) => verified(secret, process.argv[1], Buffer.from('{}'))).join())"

    answer = subprocess.run(["node", "-e", script + asked, good], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "true,false"
