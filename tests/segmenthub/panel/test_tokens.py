"""API tokens in the panel: the secret is shown once, the digest never."""

import json
import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken
from tests.segmenthub.panel.conftest import House

Login = Callable[..., Client]
ADD = {"name": "New server", "access": ["profiles:read"], "read_attributes": ["*"], "write_attributes": []}


def secret_of(body: str) -> str:
    found = re.search(r'<code id="secret">(sgh_\w{32})</code>', body)
    assert found
    return found[1]


def test_the_secret_is_shown_once_and_works(login: Login, ours: House) -> None:
    client = login(ours.account)

    response = client.post(reverse("panel:accounts_apitoken_add"), ADD)
    secret = secret_of(response.content.decode())

    query = {"account": str(ours.account.pk), "token": secret, "profileId": "jane@oslo.example", "segments": ["*"]}
    answer = client.post("/profiles/query", json.dumps(query), content_type="application/json")
    assert answer.json()["segments"] == ["VIP Oslo"]


def test_no_page_shows_the_secret_again(login: Login, ours: House) -> None:
    client = login(ours.account)
    response = client.post(reverse("panel:accounts_apitoken_add"), ADD)
    secret = secret_of(response.content.decode())
    token = ApiToken.objects.get(name="New server")

    assert "no-store" in response["Cache-Control"]
    for name, args in (("changelist", []), ("change", [token.pk]), ("history", [token.pk]), ("delete", [token.pk])):
        body = client.get(reverse(f"panel:accounts_apitoken_{name}", args=args)).content.decode()
        assert secret not in body
        assert bytes(token.digest).hex() not in body


def test_the_line_to_try_it_names_account_and_secret(login: Login, ours: House) -> None:
    response = login(ours.account).post(reverse("panel:accounts_apitoken_add"), ADD)

    line = response.context["curl"]
    body = json.loads(line[line.index("{") : -1])
    assert (body["account"], body["token"]) == (str(ours.account.pk), response.context["secret"])
    assert "/profiles/query" in line


def test_rotating_shows_a_new_secret_once(login: Login, ours: House) -> None:
    token = ours["accounts.apitoken"]
    before = bytes(token.digest)

    response = login(ours.account).post(reverse("panel:accounts_apitoken_rotate", args=[token.pk]))

    token.refresh_from_db()
    assert secret_of(response.content.decode()).startswith(token.prefix)
    assert bytes(token.digest) != before


@pytest.mark.parametrize("view", ["rotate", "revoke"])
def test_a_link_cannot_rotate_or_revoke(login: Login, ours: House, view: str) -> None:
    address = reverse(f"panel:accounts_apitoken_{view}", args=[ours["accounts.apitoken"].pk])

    assert login(ours.account).get(address).status_code == 405


def test_revoking_says_so(login: Login, ours: House) -> None:
    client = login(ours.account)
    token = ours["accounts.apitoken"]

    response = client.post(reverse("panel:accounts_apitoken_revoke", args=[token.pk]), follow=True)

    token.refresh_from_db()
    assert token.revoked_at is not None
    assert "is revoked" in response.content.decode()


def test_the_same_name_twice_is_an_error_of_the_form(login: Login, ours: House) -> None:
    response = login(ours.account).post(reverse("panel:accounts_apitoken_add"), {**ADD, "name": "Server Oslo"})

    assert "Another API token has this name already" in response.content.decode()


def test_the_same_name_in_another_account_is_fine(login: Login, ours: House, theirs: House) -> None:
    response = login(ours.account).post(
        reverse("panel:accounts_apitoken_add"), {**ADD, "name": theirs["accounts.apitoken"].name}
    )

    assert secret_of(response.content.decode())


def test_an_attribute_of_another_account_is_no_choice(login: Login, ours: House, theirs: House) -> None:
    response = login(ours.account).post(
        reverse("panel:accounts_apitoken_add"), {**ADD, "read_attributes": [theirs["accounts.attribute"].name]}
    )

    assert not ApiToken.objects.filter(name="New server").exists()
    assert response.status_code == 200
