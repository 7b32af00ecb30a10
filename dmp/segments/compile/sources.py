"""Whom a statement asks, and where it finds what they did: SQL that each level supplies (`dmp.segments.levels`)."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from dmp import partitions, sql
from dmp.segments.levels import Facts

LOWEST = UUID(int=0)
PIECES = 4


@dataclass(frozen=True, slots=True)
class Source:
    """`who`: a condition on the key `{key}` and account `{account}` of a person; `values`: its parameters. `settled`:
    what lies ahead is left out, as there is nothing, and so is what is older than the parameter `oldest`."""

    level: Facts
    who: str
    values: dict[str, Any]
    settled: bool = False

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
        if self.settled:
            return f"SELECT * FROM ({text}) h WHERE h.time >= %(oldest)s AND h.time <= %(now)s"  # noqa: S608
        return text

    def only(self, key: str) -> str:
        """A further condition on a table that has the key alone."""
        if "keys" in self.values:
            return f" AND {key} = ANY(%(keys)s)"
        low = f" AND {key} >= %(low)s" if "low" in self.values else ""
        return low + (f" AND {key} < %(high)s" if "high" in self.values else "")

    def pieces(self) -> "list[Source]":
        """The same people in as many sources as workers may be at a statement, where it is asked for a range of
        keys."""
        if not self.settled or "account" not in self.values:
            return [self]
        low, high = self.values.get("low", LOWEST).int, self.values["high"].int if "high" in self.values else 1 << 128
        edges = [UUID(int=low + (high - low) * n // PIECES) for n in range(PIECES)]
        ends = [*edges[1:], self.values.get("high")]
        return [
            replace(one, settled=True, values={**self.values, **one.values})
            for one in (
                of_account(self.level, self.values["account"], edge, end) for edge, end in zip(edges, ends, strict=True)
            )
        ]

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


AHEAD = "SELECT EXISTS (SELECT FROM dmp_event WHERE account_id = %(account)s AND time > %(now)s)"


def settled(source: Source, now: datetime) -> Source:
    """The source for a statement of many people that is asked once: without what makes it slow and is rarely there,
    events of an account that lie ahead. Empty months at the beginning are not even planned."""
    [(ahead,)] = sql.run(AHEAD, {"account": source.values["account"], "now": now}, prepare=False)
    if ahead:
        return source
    return replace(source, settled=True, values={**source.values, "oldest": partitions.first_used()})
