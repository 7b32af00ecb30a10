"""A role sees and does only what is its own."""

import json
import re
from collections.abc import Callable

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.access import ORDER
from accounts.models import Account, Attribute, Role
from tests.segmenthub.panel.conftest import House

Login = Callable[..., Client]

TABLE = {  # model: (least role that may see it, least that may change it)
    "accounts.account": ("admin", "owner"),
    "accounts.apitoken": ("admin", "admin"),
    "accounts.attribute": ("analyst", "admin"),
    "accounts.member": ("admin", "admin"),
    "accounts.platform": ("analyst", "admin"),
    "accounts.refusal": ("analyst", None),
    "adserver.adsettings": ("viewer", "marketer"),
    "adserver.campaign": ("viewer", "marketer"),
    "adserver.media": ("viewer", "marketer"),
    "adserver.placement": ("viewer", "marketer"),
    "dmp.delivery": ("analyst", None),
    "dmp.eventtype": ("analyst", "admin"),
    "dmp.segment": ("viewer", "marketer"),
    "dmp.webhook": ("analyst", "marketer"),
}
ADDED = {"accounts.attribute": "marketer"}  # where more may add one than change any: one that is computed
PAGES = {"index": "viewer", "reports": "viewer", "events": "analyst", "visitors": "analyst", "profiles": "analyst"}


def may(role: str, least: str | None) -> bool:
    return least is not None and ORDER.index(Role(role)) <= ORDER.index(Role(least))


def test_the_table_names_every_model() -> None:
    assert set(TABLE) == {model._meta.label_lower for model in admin.site._registry}


@pytest.mark.parametrize("role", Role.values)
def test_each_list_opens_for_its_roles_alone(login: Login, ours: House, role: str) -> None:
    client = login(ours.account, role)

    for label, (see, _) in TABLE.items():
        response = client.get(reverse(f"panel:{label.replace('.', '_')}_changelist"), follow=True)
        assert (response.status_code == 200) == may(role, see), label


@pytest.mark.parametrize("role", Role.values)
def test_each_form_of_a_new_thing_opens_for_its_roles_alone(login: Login, ours: House, role: str) -> None:
    client = login(ours.account, role)

    for label, (_, change) in TABLE.items():
        response = client.get(reverse(f"panel:{label.replace('.', '_')}_add"))
        expected = may(role, ADDED.get(label, change)) and label != "accounts.account"  # accounts are made by operators
        assert (response.status_code == 200) == expected, label


@pytest.mark.parametrize("role", Role.values)
def test_a_change_is_taken_from_its_roles_alone(login: Login, ours: House, role: str) -> None:
    client = login(ours.account, role)

    for label, (_, change) in TABLE.items():
        address = reverse(f"panel:{label.replace('.', '_')}_change", args=[ours[label].pk])
        assert (client.post(address, {}).status_code != 403) == may(role, change), label


@pytest.mark.parametrize("role", Role.values)
def test_each_page_of_our_own_opens_for_its_roles_alone(login: Login, ours: House, role: str) -> None:
    client = login(ours.account, role)
    pages = {reverse(f"panel:{name}"): least for name, least in PAGES.items()}
    pages[reverse("panel:visitor", args=[ours.visitor])] = "analyst"
    pages[reverse("panel:why", args=["visitor", ours.visitor, ours["dmp.segment"].pk])] = "analyst"
    pages[reverse("panel:profile", args=[ours.profile])] = "analyst"
    pages[reverse("panel:segment", args=[ours["dmp.segment"].pk])] = "analyst"
    pages[reverse("panel:campaign_report", args=[ours["adserver.campaign"].pk])] = "viewer"
    pages[reverse("panel:segment_overlap")] = "analyst"
    pages[reverse("panel:segment_history", args=[ours["dmp.segment"].pk])] = "viewer"

    for address, least in pages.items():
        assert (client.get(address).status_code == 200) == may(role, least), address


@pytest.mark.parametrize("role", Role.values)
def test_the_menu_has_what_opens_and_nothing_else(login: Login, ours: House, role: str) -> None:
    body = login(ours.account, role).get(reverse("panel:index")).content.decode()

    for label, (see, _) in TABLE.items():
        link = reverse(f"panel:{label.replace('.', '_')}_changelist")
        assert bool(re.search(f'href="{link}" class="[^"]*flex h-', body)) == may(role, see), label


def test_a_viewer_sees_no_personal_data_on_the_pages_that_it_may_open(login: Login, ours: House) -> None:
    client = login(ours.account, "viewer")

    for name in ("index", "dmp_segment_changelist", "adserver_campaign_changelist"):
        assert "jane@" not in client.get(reverse(f"panel:{name}")).content.decode()


def test_a_page_that_is_closed_to_a_role_says_so_in_the_panels_frame(login: Login, ours: House) -> None:
    response = login(ours.account, "viewer").get(reverse("panel:accounts_apitoken_changelist"))

    assert response.status_code == 403
    assert "In “Our shop” you are viewer." in response.content.decode()
    assert reverse("panel:dmp_segment_changelist") in response.content.decode()


def test_a_page_of_another_account_is_not_found_in_the_panels_frame(login: Login, ours: House, theirs: House) -> None:
    response = login(ours.account).get(reverse("panel:campaign_report", args=[theirs["adserver.campaign"].pk]))

    assert response.status_code == 404
    assert "belongs to another account than “Our shop”" in response.content.decode()


def test_a_viewer_is_told_that_a_webhook_uses_a_segment_but_not_which(login: Login, ours: House) -> None:
    address = reverse("panel:dmp_segment_change", args=[ours["dmp.segment"].pk])
    page = reverse("panel:dmp_webhook_change", args=[ours["dmp.webhook"].pk])

    told = {role: login(ours.account, role).get(address).content.decode() for role in ("viewer", "analyst")}

    assert page in told["analyst"]
    assert "a webhook" in told["viewer"]
    assert ours["dmp.webhook"].url not in told["viewer"]


def test_a_suspended_account_can_be_read_but_not_changed(login: Login, ours: House) -> None:
    client = login(ours.account)
    ours.account.status = Account.Status.SUSPENDED
    ours.account.save()

    for label in TABLE:
        if label != "accounts.refusal":
            address = reverse(f"panel:{label.replace('.', '_')}_change", args=[ours[label].pk])
            assert "is suspended" in client.get(address).content.decode()
            assert client.post(address, {}).status_code == 403, label


def test_an_owner_cannot_suspend_or_revive_the_account(login: Login, ours: House) -> None:
    client = login(ours.account)
    address = reverse("panel:accounts_account_change", args=[ours.account.pk])

    client.post(address, {"name": "Renamed", "timezone": "UTC", "status": "suspended", "never_identifiers": "x"})

    ours.account.refresh_from_db()
    assert (ours.account.name, ours.account.status) == ("Renamed", "active")


def test_an_operator_works_in_any_account(login: Login, ours: House, theirs: House) -> None:
    client = login(None, superuser=True)

    for house in (ours, theirs):
        client.post(reverse("panel:switch"), {"account": house.account.pk})
        assert house["dmp.segment"].name in client.get(reverse("panel:dmp_segment_changelist")).content.decode()


def test_what_an_operator_makes_belongs_to_the_account_worked_in(login: Login, ours: House, theirs: House) -> None:
    client = login(None, superuser=True)
    client.post(reverse("panel:switch"), {"account": theirs.account.pk})

    client.post(reverse("panel:dmp_segment_add"), {"name": "Made", "description": "", "rule": ""})

    assert theirs.account.segments.filter(name="Made").exists()


def test_a_user_without_an_account_is_told_what_to_do(login: Login) -> None:
    client = login(None)

    for name in ("index", "events", "dmp_segment_changelist"):
        assert "belong to no account" in client.get(reverse(f"panel:{name}")).content.decode()


def test_a_user_who_was_deactivated_is_sent_to_the_login(login: Login, ours: House) -> None:
    client = login(ours.account)
    ours.account.members.exclude(pk=ours["accounts.member"].pk).get().user.__class__.objects.update(is_active=False)

    assert "/login/" in client.get(reverse("panel:index"))["Location"]


# --- computed attributes ---
COUNT = {"as": "count", "event": "purchase"}


@pytest.fixture
def save(login: Login, ours: House) -> Callable[..., str]:
    """Saves an attribute as a marketer; gives the page that follows."""

    def save(attribute: Attribute | None = None, computed: object = COUNT, **fields: str) -> str:
        form = {"name": "bought", "type": "number", "merge": "newest", "computed": json.dumps(computed), **fields}
        name = "panel:accounts_attribute_change" if attribute else "panel:accounts_attribute_add"
        address = reverse(name, args=[attribute.pk] if attribute else [])
        return login(ours.account, "marketer").post(address, form, follow=True).content.decode()

    return save


@pytest.fixture
def bought(ours: House) -> Attribute:
    return Attribute.objects.create(account=ours.account, name="bought", type="number", computed=COUNT)


def test_a_marketer_adds_a_computed_attribute(save: Callable[..., str]) -> None:
    save()
    assert Attribute.objects.get(name="bought").computed == COUNT


def test_a_marketer_adds_no_other(save: Callable[..., str]) -> None:
    assert "an admin&#x27;s to define" in save(computed=None)
    assert not Attribute.objects.filter(name="bought").exists()


def test_a_marketer_changes_a_computed_attribute(save: Callable[..., str], bought: Attribute) -> None:
    save(bought, {**COUNT, "within": "30d"})
    bought.refresh_from_db()
    assert bought.computed == {**COUNT, "within": "30d"}


def test_a_marketer_makes_no_other_of_it(save: Callable[..., str], bought: Attribute) -> None:
    assert "an admin&#x27;s to define" in save(bought, None)
    bought.refresh_from_db()
    assert bought.computed == COUNT


@pytest.mark.parametrize("which", ["tierOslo", "totalRevenue"])
def test_a_marketer_neither_changes_nor_deletes_what_is_not_theirs(login: Login, ours: House, which: str) -> None:
    client, row = login(ours.account, "marketer"), Attribute.objects.get(account=ours.account, name=which)
    for page in ("change", "delete"):
        assert (
            client.post(reverse(f"panel:accounts_attribute_{page}", args=[row.pk]), {"post": "yes"}).status_code == 403
        )
    action = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    client.post(reverse("panel:accounts_attribute_changelist"), action)
    assert Attribute.objects.filter(pk=row.pk).exists()


def test_a_marketer_deletes_a_computed_attribute(login: Login, ours: House, bought: Attribute) -> None:
    login(ours.account, "marketer").post(reverse("panel:accounts_attribute_delete", args=[bought.pk]), {"post": "yes"})
    assert not Attribute.objects.filter(pk=bought.pk).exists()


def test_a_viewer_adds_none(login: Login, ours: House) -> None:
    form = {"name": "bought", "type": "number", "merge": "newest", "computed": json.dumps(COUNT)}
    assert login(ours.account, "viewer").post(reverse("panel:accounts_attribute_add"), form).status_code == 403
