"""Keys of hot rows: uuid5 of the account and what the row stands for, so that two accounts never share a row."""

from functools import lru_cache
from hashlib import sha1
from uuid import UUID


def key(account: UUID, kind: str, name: str) -> UUID:
    """uuid5(account, "<kind>:<name>"); kinds: v visitor, p identifier, o order, e eventId,
    t token and kind of a tracking call."""
    digest = sha1(account.bytes + f"{kind}:{name}".encode(), usedforsecurity=False).digest()
    return UUID(bytes=digest[:16], version=5)


@lru_cache(maxsize=65536)
def visitor_key(account: UUID, visitor_id: UUID) -> UUID:
    return key(account, "v", str(visitor_id))
