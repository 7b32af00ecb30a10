"""Whom a statement asks, and where it finds what they did: SQL that each level supplies (`dmp.segments.levels`)."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dmp.segments.levels import Facts

LOWEST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Source:
    """`who`: a condition on the key `{key}` and account `{account}` of a person; `values`: its parameters."""

    level: Facts
    who: str
    values: dict[str, Any]

    def people(self, *, latest: bool) -> str:
        """(person, attributes, bucket), with `latest` also what is known of the newest event."""
        if latest:
            keys = self.where(self.level.key, self.level.account)
            return self.level.people.replace(f"{self.level.key} = ANY(%(KEYS)s)", keys)
        return self.level.plain.replace("WHO", self.where(self.level.key, self.level.account))

    def events(self) -> str:
        """The columns of events with the person; bots left out."""
        text = self.level.did
        for place, (key, account) in self.level.places.items():
            text = text.replace(place, self.where(key, account))
        return text

    def only(self, key: str) -> str:
        """A further condition on a table that has the key alone."""
        if "keys" in self.values:
            return f" AND {key} = ANY(%(keys)s)"
        low = f" AND {key} >= %(low)s" if "low" in self.values else ""
        return low + (f" AND {key} < %(high)s" if "high" in self.values else "")

    def where(self, key: str, account: str) -> str:
        return self.who.format(key=key, account=account)


def of_keys(level: Facts, keys: list[UUID]) -> Source:
    return Source(level, "{key} = ANY(%(keys)s)", {"keys": keys})


def of_account(level: Facts, account: UUID, low: UUID = LOWEST, high: UUID | None = None) -> Source:
    """Everybody of an account, or those with low <= key < high."""
    if low == LOWEST and high is None:
        return Source(level, "{account} = %(account)s", {"account": account})
    who, values = "{account} = %(account)s AND {key} >= %(low)s", {"account": account, "low": low}
    if high is None:
        return Source(level, who, values)
    return Source(level, who + " AND {key} < %(high)s", {**values, "high": high})
