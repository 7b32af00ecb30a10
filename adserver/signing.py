"""The signed token of a shown campaign: 60 bytes, 80 characters, verified without a look-up.

key id 1 | campaign 6 | creative 6 | placement 5 | visitor 16 | seconds since 1970 4 | nonce 6 | HMAC-SHA256 cut to 16
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings

KEY_ID = 1
BODY = 44
LENGTH = 80


class Shown(NamedTuple):
    """What a token says. `placement` 0: none."""

    campaign: int
    creative: int
    placement: int
    visitor: UUID
    at: datetime
    nonce: bytes


@lru_cache(maxsize=8)
def signing_key(secret: str) -> bytes:
    return sha256(b"segmenthub shown " + secret.encode()).digest()


@lru_cache(maxsize=8)
def begun(secret: str) -> tuple[Any, Any]:
    """HMAC-SHA256 (RFC 2104) with its key taken in already: the inner and the outer hash. A third of hmac.digest."""
    padded = signing_key(secret).ljust(64, b"\0")
    return sha256(bytes(byte ^ 0x36 for byte in padded)), sha256(bytes(byte ^ 0x5C for byte in padded))


def seal(body: bytes, secret: str) -> bytes:
    first, second = begun(secret)
    inner, outer = first.copy(), second.copy()
    inner.update(body)
    outer.update(inner.digest())
    return outer.digest()[:16]  # type: ignore[no-any-return]


def sign(campaign: int, creative: int, placement: int, visitor: UUID, at: datetime) -> str:
    return sign_all([(campaign, creative, placement)], visitor, at)[0]


def sign_all(shown: Sequence[tuple[int, int, int]], visitor: UUID, at: datetime) -> list[str]:
    """The tokens of what one answer shows: (campaign, creative, placement) of each."""
    to, nonces = visitor.bytes + int(at.timestamp()).to_bytes(4, "big"), secrets.token_bytes(6 * len(shown))
    tokens = []
    for place, (campaign, creative, placement) in enumerate(shown):
        head = ((KEY_ID << 48 | campaign) << 48 | creative) << 40 | placement
        body = head.to_bytes(18, "big") + to + nonces[6 * place : 6 * place + 6]
        tokens.append(base64.urlsafe_b64encode(body + seal(body, settings.SECRET_KEY)).decode())
    return tokens


def verify(token: str) -> Shown | None:
    """What the token says, None for one that we did not sign. 60 bytes have one base64 form only: no aliases."""
    if len(token) != LENGTH or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    body, seal_ = raw[:BODY], raw[BODY:]
    if len(raw) != 60 or body[0] != KEY_ID or "+" in token or "/" in token:
        return None
    accepted = [settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]
    if not any(hmac.compare_digest(seal(body, secret), seal_) for secret in accepted):
        return None
    return Shown(
        int.from_bytes(body[1:7], "big"),
        int.from_bytes(body[7:13], "big"),
        int.from_bytes(body[13:18], "big"),
        UUID(bytes=body[18:34]),
        datetime.fromtimestamp(int.from_bytes(body[34:38], "big"), UTC),
        body[38:44],
    )
