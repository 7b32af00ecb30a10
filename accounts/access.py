"""Who works in the panel: in which account, in which role, and what that role may do."""

import uuid
from dataclasses import dataclass
from typing import NamedTuple

from django.http import HttpRequest

from accounts.models import Account, Member, Role, User

ORDER = list(Role)
SESSION_KEY = "account"
OFFERED = 20
"""How many accounts the switcher of an operator offers; the list of accounts has the others."""


class Roles(NamedTuple):
    """The least role that may see something, and the least that may change it."""

    view: Role
    change: Role


@dataclass(frozen=True, slots=True)
class Standing:
    """A user in the account they work in. An operator stands as owner in every account."""

    account: Account
    role: Role
    operator: bool
    accounts: tuple[Account, ...]

    @property
    def active(self) -> bool:
        return self.account.status == Account.Status.ACTIVE

    def may(self, least: Role) -> bool:
        return ORDER.index(self.role) <= ORDER.index(least)

    def may_change(self, least: Role) -> bool:
        """A suspended account can be read; only an operator changes it."""
        return self.may(least) and (self.active or self.operator)


def standing_of(request: HttpRequest) -> Standing | None:
    """Where the user of a request stands, None without any account. Looked up once a request."""
    known: dict[str, Standing | None] = request.__dict__.setdefault("standing", {})
    if "now" not in known:
        known["now"] = look_up(request)
    return known["now"]


def in_account(request: HttpRequest) -> Standing:
    """The same, for pages that the panel's door has let through: there everybody has an account."""
    standing = standing_of(request)
    assert standing is not None
    return standing


def look_up(request: HttpRequest) -> Standing | None:
    user = request.user
    if not isinstance(user, User) or not user.is_active:
        return None
    chosen = request.session.get(SESSION_KEY)
    if user.is_superuser:
        return operator_standing(user, chosen)
    members = list(Member.objects.filter(user=user).select_related("account").order_by("pk"))
    if not members:
        return None
    member = next((member for member in members if str(member.account_id) == chosen), members[0])
    accounts = sorted((member.account for member in members), key=lambda account: account.name.lower())
    return Standing(member.account, Role(member.role), False, tuple(accounts))


def operator_standing(user: User, chosen: object) -> Standing | None:
    account = find_account(chosen) or Account.objects.filter(members__user=user).order_by("members__pk").first()
    account = account or Account.objects.order_by("created_at").first()
    if account is None:
        return None
    others = Account.objects.exclude(pk=account.pk).order_by("name")[: OFFERED - 1]
    accounts = sorted([account, *others], key=lambda account: account.name.lower())
    return Standing(account, Role.OWNER, True, tuple(accounts))


def find_account(text: object) -> Account | None:
    try:
        return Account.objects.filter(pk=uuid.UUID(str(text))).first()
    except ValueError:
        return None


def may_enter(user: User, account: Account) -> bool:
    return user.is_superuser or Member.objects.filter(user=user, account=account).exists()
