"""API tokens: made, shown once, checked by hash, limited, revoked."""

import hashlib
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts import background
from accounts.clock import now
from accounts.models import ApiToken
from accounts.snapshot import Part

PREFIX = "sgh_"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Token:
    """A token as the door sees it."""

    id: int
    access: frozenset[str]
    readable: frozenset[str]
    writable: frozenset[str]
    rate_limit: int | None
    expires_at: datetime | None
    revoked_at: datetime | None

    def valid(self, at: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)

    def may_read(self, attribute: str) -> bool:
        return "*" in self.readable or attribute in self.readable

    def may_write(self, attribute: str) -> bool:
        return "*" in self.writable or attribute in self.writable


def new_secret() -> str:
    """`sgh_` and 32 letters and digits: 190 bits."""
    return PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(32))


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def create_token(token: ApiToken) -> str:
    """Saves a new token and gives its secret, which is kept nowhere."""
    secret = new_secret()
    token.prefix, token.digest = secret[:8], digest(secret)
    token.save()
    return secret


def rotate_token(token: ApiToken) -> str:
    """Gives the token a new secret; the old one is refused from now on."""
    secret = new_secret()
    token.prefix, token.digest, token.revoked_at = secret[:8], digest(secret), None
    token.save(update_fields=["prefix", "digest", "revoked_at"])
    return secret


def revoke_token(token: ApiToken) -> None:
    token.revoked_at = now()
    token.save(update_fields=["revoked_at"])


def load_tokens(account: UUID) -> dict[bytes, Token]:
    return {
        bytes(token.digest): Token(
            token.pk,
            frozenset(token.access),
            frozenset(token.read_attributes),
            frozenset(token.write_attributes),
            token.rate_limit,
            token.expires_at,
            token.revoked_at,
        )
        for token in ApiToken.objects.filter(account=account)
    }


tokens: Part[dict[bytes, Token]] = Part(load_tokens)

_used: dict[int, datetime] = {}
_lock = threading.Lock()


def mark_used(token: Token, at: datetime) -> None:
    _used[token.id] = at


def write_last_used() -> None:
    """Keeps when tokens were last used; not a configuration change."""
    with _lock:
        used = dict(_used)
        _used.clear()
    if not used:
        return
    with transaction.atomic():
        for pk, at in sorted(used.items()):
            ApiToken.objects.filter(pk=pk).update(last_used_at=at)


background.every(10, write_last_used)
