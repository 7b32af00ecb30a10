"""No object of another account is ever listed, guessed by id, or offered: a walk over every page of the panel."""

import json
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse

from accounts.models import Role
from tests.segmenthub.panel.conftest import SECRET, House, logged

Login = Callable[..., Client]
LABELS = sorted(model._meta.label_lower for model in admin.site._registry)


def url(label: str, view: str, *args: Any) -> str:
    return reverse(f"panel:{label.replace('.', '_')}_{view}", args=[quote(arg) for arg in args])


def test_every_model_with_an_account_has_pages_or_is_shown_by_our_own() -> None:
    assert [
        *("accounts.account", "accounts.apitoken", "accounts.attribute", "accounts.member", "accounts.platform"),
        *(
            "accounts.refusal",
            "adserver.adsettings",
            "adserver.campaign",
            "adserver.media",
            "adserver.placement",
            "dmp.delivery",
        ),
        *("dmp.eventtype", "dmp.segment", "dmp.webhook"),
    ] == LABELS


@pytest.mark.parametrize("label", LABELS)
def test_a_list_shows_no_row_of_another_account(login: Login, ours: House, theirs: House, label: str) -> None:
    clients = [login(ours.account, role) for role in Role]
    guesses = (f"?id={theirs[label].pk}", f"?account={theirs.account.pk}")

    for client, query in product(clients, ("", "?q=anziba", "?q=example", *guesses)):
        body = client.get(url(label, "changelist") + query, follow=True).content.decode()
        assert SECRET not in body, query


@pytest.mark.parametrize("label", LABELS)
def test_a_row_of_another_account_is_as_unknown_as_none(login: Login, ours: House, theirs: House, label: str) -> None:
    clients = [login(ours.account, role) for role in Role]
    logged(theirs["accounts.member"].user, theirs[label])

    for client, view in product(clients, ("change", "delete", "history")):
        response = client.get(url(label, view, theirs[label].pk))
        assert response.status_code in (302, 403)
        assert SECRET not in response.content.decode()


@pytest.mark.parametrize("label", LABELS)
def test_a_row_of_another_account_is_neither_changed_nor_deleted(
    login: Login, ours: House, theirs: House, label: str
) -> None:
    client = login(ours.account)
    before = type(theirs[label]).objects.values().get(pk=theirs[label].pk)

    client.post(url(label, "change", theirs[label].pk), {"name": "x", "code": "x", "role": "owner", "status": "active"})
    client.post(url(label, "delete", theirs[label].pk), {"post": "yes"})
    for action in ("delete_selected", "revoke"):
        client.post(url(label, "changelist"), {"action": action, "_selected_action": theirs[label].pk, "post": "yes"})

    assert type(theirs[label]).objects.values().get(pk=theirs[label].pk) == before


@pytest.mark.parametrize("label", LABELS)
def test_a_form_offers_nothing_of_another_account(login: Login, ours: House, theirs: House, label: str) -> None:
    client = login(ours.account)

    for address in (url(label, "add"), url(label, "change", ours[label].pk)):
        assert SECRET.lower() not in client.get(address).content.decode().lower()


@pytest.mark.parametrize("field", ["segments", "exclude_segments"])
def test_autocomplete_finds_only_the_accounts_own(login: Login, ours: House, theirs: House, field: str) -> None:
    client = login(ours.account, "marketer")

    query = {"app_label": "adserver", "model_name": "campaign", "field_name": field, "term": ""}
    found = json.loads(client.get(reverse("panel:autocomplete"), query).content)

    assert [result["text"] for result in found["results"]] == ["VIP Oslo"]


def campaign_form(**fields: Any) -> dict[str, Any]:
    inline = {f"creatives-{name}_FORMS": 0 for name in ("TOTAL", "INITIAL")}
    base = {"name": "New", "slug": "new", "status": "draft", "tier": 5, "weight": 10}
    return {**base, **inline, **fields}


@pytest.mark.parametrize(
    ("field", "label"),
    [("segments", "dmp.segment"), ("exclude_segments", "dmp.segment"), ("placement", "adserver.placement")],
)
def test_a_campaign_takes_nothing_of_another_account(
    login: Login, ours: House, theirs: House, field: str, label: str
) -> None:
    client = login(ours.account, "marketer")

    response = client.post(url("adserver.campaign", "add"), campaign_form(**{field: theirs[label].pk}))

    assert response.status_code == 200
    assert "Select a valid choice" in response.content.decode()
    assert not type(ours["adserver.campaign"]).objects.filter(slug="new").exists()


def test_a_creative_takes_no_picture_of_another_account(login: Login, ours: House, theirs: House) -> None:
    client = login(ours.account, "marketer")
    creative = {"name": "A", "type": "image", "weight": 1, "media": theirs["adserver.media"].pk, "content": "{}"}
    inline = {f"creatives-0-{name}": value for name, value in creative.items()}

    response = client.post(url("adserver.campaign", "add"), campaign_form(**inline, **{"creatives-TOTAL_FORMS": 1}))

    assert "Select a valid choice" in response.content.decode()


def test_a_creative_of_another_account_is_not_reached_through_a_campaign(
    login: Login, ours: House, theirs: House
) -> None:
    client = login(ours.account, "marketer")
    foreign = theirs["adserver.campaign"].creatives.get()
    inline = {"creatives-TOTAL_FORMS": 1, "creatives-INITIAL_FORMS": 1, "creatives-0-id": foreign.pk}
    creative = {
        "name": "stolen",
        "type": "json",
        "weight": 1,
        "content": "{}",
        "campaign": ours["adserver.campaign"].pk,
    }
    inline |= {f"creatives-0-{name}": value for name, value in creative.items()}

    client.post(url("adserver.campaign", "change", ours["adserver.campaign"].pk), campaign_form(**inline))

    foreign.refresh_from_db()
    assert (foreign.name, foreign.campaign) == (SECRET, theirs["adserver.campaign"])


OWN_PAGES = ["index", "events", "visitors", "profiles"]


QUERIES = ("", "?all", f"?q=jane@{SECRET.lower()}.example", "?q=22222222", "?event=pageView")


@pytest.mark.parametrize("view", OWN_PAGES)
def test_our_own_pages_show_no_other_account(login: Login, ours: House, theirs: House, view: str) -> None:
    clients = [login(ours.account, role) for role in Role]

    for client, query in product(clients, QUERIES):
        body = client.get(reverse(f"panel:{view}") + query).content.decode()
        assert f"/{SECRET}" not in body
        assert str(theirs.visitor) not in body
        assert str(theirs.profile) not in body


def test_a_person_or_segment_of_another_account_is_not_found(login: Login, ours: House, theirs: House) -> None:
    clients = [login(ours.account, role) for role in Role]
    pages = [("visitor", theirs.visitor), ("profile", theirs.profile), ("segment", theirs["dmp.segment"].pk)]

    for client, (page, key) in product(clients, pages):
        assert client.get(reverse(f"panel:{page}", args=[key])).status_code in (403, 404)
        assert client.post(reverse(f"panel:{page}", args=[key])).status_code in (403, 404, 405)


@pytest.mark.parametrize("view", ["rotate", "revoke"])
def test_a_token_of_another_account_is_not_touched(login: Login, ours: House, theirs: House, view: str) -> None:
    token = theirs["accounts.apitoken"]
    before = bytes(token.digest)

    response = login(ours.account).post(reverse(f"panel:accounts_apitoken_{view}", args=[token.pk]))

    token.refresh_from_db()
    assert response.status_code == 404
    assert (bytes(token.digest), token.revoked_at) == (before, None)


def test_a_user_of_another_account_is_not_invited(login: Login, ours: House, theirs: House) -> None:
    member = theirs["accounts.member"]

    response = login(ours.account).post(reverse("panel:accounts_member_invite", args=[member.pk]))

    assert response.status_code == 302
    assert SECRET not in response.content.decode()


def test_nobody_switches_to_an_account_that_is_not_theirs(login: Login, ours: House, theirs: House) -> None:
    client = login(ours.account)

    client.post(reverse("panel:switch"), {"account": theirs.account.pk})

    assert SECRET not in client.get(reverse("panel:index")).content.decode()


def test_a_forged_session_falls_back_to_the_users_own_account(login: Login, ours: House, theirs: House) -> None:
    client = login(ours.account)
    session = client.session
    session["account"] = str(theirs.account.pk)
    session.save()

    assert SECRET not in client.get(reverse("panel:index")).content.decode()


def test_the_search_of_the_frame_finds_pages_only(login: Login, ours: House, theirs: House) -> None:
    client = login(ours.account)

    for query in ("?s=anziba", "?s=anziba&extended=1"):
        assert SECRET not in client.get(reverse("panel:search") + query).content.decode()


def test_lists_cannot_be_searched_by_what_they_do_not_show(login: Login, ours: House) -> None:
    client = login(ours.account)

    for label, query in (
        ("accounts.apitoken", "digest__startswith=a"),
        ("accounts.member", "user__password__startswith=p"),
        ("accounts.platform", "account__identity_secret__startswith=a"),
    ):
        assert client.get(f"{url(label, 'changelist')}?{query}").status_code in (302, 400)
