"""Keys of hot rows: uuid5 of the account and what the row stands for, so that two accounts never share a row."""

from functools import lru_cache
from hashlib import sha1
from uuid import UUID

from msgspec import convert


def key(account: UUID, kind: str, name: str) -> UUID:
    """uuid5(account, "<kind>:<name>"); kinds: v visitor, p identifier, o order, e eventId,
    t token and kind of a tracking call."""
    return uuid5(account, f"{kind}:{name}".encode())


def uuid5(account: UUID, name: bytes) -> UUID:
    """As `uuid.uuid5`, made in a third less time."""
    digest = bytearray(sha1(account.bytes + name, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return convert(digest.hex(), UUID)


@lru_cache(maxsize=65536)
def visitor_key(account: UUID, visitor_id: UUID) -> UUID:
    return key(account, "v", str(visitor_id))
