"""Accounts as the tests use them: a shop with its platform, attributes, segment and tokens."""

from typing import Any, NamedTuple

from accounts.clock import now
from accounts.models import ACCESS, Account, ApiToken, Attribute, Platform
from accounts.tokens import digest, new_secret
from dmp.models import Segment

PLATFORM = "www.example.com"
VISITOR = "22222222-2222-4222-8222-222222222222"
PROFILE = "john@example.com"
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "country": {},
    "firstName": {"personal": True},
    "lastName": {"personal": True},
    "gender": {},
    "favoriteBrands": {"many": True},
    "email": {"personal": True, "identifier": "email"},
    "age": {"type": "number"},
    "newsletter": {"type": "boolean"},
    "birthday": {"type": "date"},
    "lastLogin": {"type": "datetime"},
    "salary": {"type": "number"},
}
EVERYTHING = list(ACCESS)
PEOPLE = ["profiles:read", "profiles:write", "visitors:read", "visitors:write"]


class Shop(NamedTuple):
    """An account with the secrets of its tokens: live (all people, no salary), ro (reads profiles), full (everything),
    revoked, expired, and `other`, a good token of another account."""

    account: Account
    live: str
    ro: str
    full: str
    revoked: str
    expired: str
    other: str

    @property
    def id(self) -> str:
        return str(self.account.pk)

    def event(self, code: str = "pageView", **fields: Any) -> dict[str, Any]:
        """The body of an event of VISITOR."""
        body = {"account": self.id, "visitorId": VISITOR, "platform": PLATFORM, "event": code}
        return {**body, **fields}

    def profile(self, **fields: Any) -> dict[str, Any]:
        """The body of a request about PROFILE."""
        return {"account": self.id, "token": self.live, "profileId": PROFILE, **fields}

    def visitor(self, **fields: Any) -> dict[str, Any]:
        """The body of a request about VISITOR."""
        return {"account": self.id, "token": self.live, "visitorId": VISITOR, **fields}


def make_account(name: str = "shop", **fields: Any) -> Account:
    """An account with the platform, the attributes and the segments VIP and Churn."""
    account = Account.objects.create(name=name, **fields)
    Platform.objects.create(account=account, code=PLATFORM)
    Attribute.objects.bulk_create(
        Attribute(account=account, name=attribute, **more) for attribute, more in ATTRIBUTES.items()
    )
    Segment.objects.bulk_create(Segment(account=account, name=segment) for segment in ("VIP", "Churn"))
    return account


def make_bare_account(name: str, **fields: Any) -> Account:
    """An account that nobody uses: without event types, in one statement."""
    return Account.objects.bulk_create([Account(name=name, **fields)])[0]


def make_token(account: Account, name: str = "server", secret: str = "", **fields: Any) -> str:
    """A token that may do everything, unless `fields` say otherwise; gives its secret."""
    secret = secret or new_secret()
    token(account, name, secret, **fields).save()
    return secret


def token(account: Account, name: str, secret: str, **fields: Any) -> ApiToken:
    defaults = {"access": EVERYTHING, "read_attributes": ["*"], "write_attributes": ["*"]}
    return ApiToken(account=account, name=name, prefix=secret[:8], digest=digest(secret), **{**defaults, **fields})


def make_shop(account: Account | None = None, *, named: bool = False) -> Shop:
    """A shop with all its tokens; `named`: their secrets are `sgh_live`, `sgh_ro`, ... as the hostile cases say."""
    account = account or make_account()
    other = make_bare_account("other shop")
    names = [name for name in [*ATTRIBUTES, "lastViewedProducts"] if name != "salary"]
    kinds: dict[str, dict[str, Any]] = {
        "live": {"access": PEOPLE, "read_attributes": names, "write_attributes": names},
        "ro": {"access": ["profiles:read"], "read_attributes": names, "write_attributes": []},
        "full": {},
        "revoked": {"revoked_at": now()},
        "expired": {"expires_at": now()},
    }
    secrets = {kind: f"sgh_{kind}" if named else new_secret() for kind in (*kinds, "other")}
    tokens = [token(account, kind, secrets[kind], **fields) for kind, fields in kinds.items()]
    ApiToken.objects.bulk_create([*tokens, token(other, "other", secrets["other"])])
    return Shop(account, **secrets)
