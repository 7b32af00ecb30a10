"""Users of the account: invited by e-mail, with what an admin may and may not do to owners."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import Member, User
from tests.segmenthub.panel.conftest import House

Login = Callable[..., Client]
ADD = "panel:accounts_member_add"


def link_of(response: Any) -> str:
    found = re.search(r'<code id="link">(.*)</code>', response.content.decode())
    assert found
    return found[1].replace("http://testserver", "")


def owner_of(house: House) -> Member:
    return Member.objects.get(account=house.account, role="owner")


def test_an_invitation_sets_the_first_password_once(login: Login, ours: House) -> None:
    link = link_of(login(ours.account, "admin").post(reverse(ADD), {"email": "New@Example.com", "role": "viewer"}))
    guest = Client()

    guest.post(link, {"new_password1": "correct horse", "new_password2": "correct horse"})

    user = User.objects.get(email="new@example.com")
    assert user.check_password("correct horse")
    assert guest.get(link)["Location"] == reverse("panel:login")


def test_an_email_of_another_account_just_becomes_a_user(login: Login, ours: House, theirs: House) -> None:
    known = theirs["accounts.member"].user

    response = login(ours.account, "admin").post(reverse(ADD), {"email": known.email, "role": "viewer"})

    assert Member.objects.get(account=ours.account, user=known).role == "viewer"
    assert link_of(response)


def test_the_answer_is_the_same_for_a_known_and_a_new_email(login: Login, ours: House, theirs: House) -> None:
    known = theirs["accounts.member"].user
    known.set_password("x")
    known.save()
    client = login(ours.account, "admin")

    def answer(email: str) -> str:
        body = client.post(reverse(ADD), {"email": email, "role": "viewer"}).content.decode()
        return re.sub(r"/panel/welcome/[^<]*", "", body.replace(email, "")).split('id="content"')[1]

    assert answer(known.email) == answer("new@example.com")


def test_an_invitation_gives_nobody_a_way_into_a_user_with_a_password(login: Login, ours: House, theirs: House) -> None:
    known = theirs["accounts.member"].user
    known.set_password("their own")
    known.save()
    link = link_of(login(ours.account, "admin").post(reverse(ADD), {"email": known.email, "role": "viewer"}))

    response = Client().post(link, {"new_password1": "correct horse", "new_password2": "correct horse"})

    known.refresh_from_db()
    assert response["Location"] == reverse("panel:login")
    assert known.check_password("their own")


def test_where_email_is_set_up_the_link_goes_by_email_alone(login: Login, ours: House, settings: Any) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.smtp.EmailBackend", "mail.example"
    client = login(ours.account)

    from unittest.mock import patch

    with patch("accounts.invitations.send_mail", lambda *args: mail.outbox.append(args)):  # type: ignore[arg-type]
        body = client.post(reverse(ADD), {"email": "new@example.com", "role": "viewer"}).content.decode()

    assert "/welcome/" not in body
    assert "/panel/welcome/" in str(mail.outbox[0])


def test_the_same_person_is_not_added_twice(login: Login, ours: House) -> None:
    email = ours["accounts.member"].user.email.upper()

    response = login(ours.account).post(reverse(ADD), {"email": email, "role": "viewer"})

    assert "is a user of the account already" in response.content.decode()


def test_an_admin_makes_no_owner(login: Login, ours: House) -> None:
    client = login(ours.account, "admin")
    member = ours["accounts.member"]

    client.post(reverse(ADD), {"email": "new@example.com", "role": "owner"})
    client.post(reverse("panel:accounts_member_change", args=[member.pk]), {"role": "owner"})

    assert not Member.objects.filter(account=ours.account, role="owner").exists()


def test_an_admin_neither_changes_nor_removes_an_owner(login: Login, ours: House) -> None:
    login(ours.account)
    client, owner = login(ours.account, "admin"), owner_of(ours)

    client.post(reverse("panel:accounts_member_change", args=[owner.pk]), {"role": "viewer"})
    client.post(reverse("panel:accounts_member_delete", args=[owner.pk]), {"post": "yes"})
    action = {"action": "delete_selected", "_selected_action": owner.pk, "post": "yes"}
    client.post(reverse("panel:accounts_member_changelist"), action)

    assert owner_of(ours) == owner


def test_the_last_owner_stays(login: Login, ours: House) -> None:
    client = login(ours.account)
    owner = owner_of(ours)

    client.post(reverse("panel:accounts_member_change", args=[owner.pk]), {"role": "viewer"})
    response = client.post(reverse("panel:accounts_member_delete", args=[owner.pk]), {"post": "yes"})

    assert owner_of(ours) == owner
    assert "needs an owner" in response.content.decode()


def test_not_all_owners_go_at_once(login: Login, ours: House) -> None:
    client = login(ours.account)
    login(ours.account)
    owners = list(Member.objects.filter(account=ours.account, role="owner").values_list("pk", flat=True))

    action = {"action": "delete_selected", "_selected_action": owners, "post": "yes"}
    client.post(reverse("panel:accounts_member_changelist"), action)

    assert Member.objects.filter(account=ours.account, role="owner").count() == 2


@pytest.mark.parametrize("role", ["marketer", "viewer"])
def test_a_removed_user_keeps_the_login_but_loses_the_account(login: Login, ours: House, role: str) -> None:
    guest = login(ours.account, role)
    member = Member.objects.get(account=ours.account, role=role, user__email__startswith="user")

    login(ours.account).post(reverse("panel:accounts_member_delete", args=[member.pk]), {"post": "yes"})

    assert "belong to no account" in guest.get(reverse("panel:index")).content.decode()


def test_a_damaged_invitation_leads_to_the_login(db: None) -> None:
    for uid, token in (("x", "y"), ("%00", "1-2"), ("bmV3", "abc-def")):
        assert Client().get(f"/panel/welcome/{uid}/{token}/")["Location"] == reverse("panel:login")
