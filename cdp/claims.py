"""Identifiers of many profiles at once, by the rules of `cdp.identity.add_identifiers`: what an import asserts.

The outcome is found in Python, claim by claim, from what one read of the identifiers concerned told; then it is written
in two statements. Where another transaction was faster, `Overtaken` asks to begin again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from accounts.errors import Problem
from accounts.snapshot import Configuration
from cdp.identifiers import Name
from cdp.identity import MAX_IDENTIFIERS, ensure, profiles_of, read_identifier, taken, too_many
from dmp import sql
from dmp.attributes import definition


class Overtaken(Exception):
    """Another transaction took one of the identifiers meanwhile: roll back and repeat."""


class Claim(NamedTuple):
    """A profile by one of its names, and the attributes to be written, some of which may name it too."""

    name: Name
    changes: Mapping[str, list[Any]]


class Known:
    """Who owns which identifier: as stored, then with the claims accepted so far."""

    def __init__(self, keys: Sequence[UUID]) -> None:
        self.owners = profiles_of(keys)
        profiles = sorted(set(self.owners.values()))
        sql.run("SELECT 1 FROM cdp_profile WHERE key = ANY(%(keys)s) ORDER BY key FOR UPDATE", {"keys": profiles})
        self.held = Counter({(profile, type): count for profile, type, count in sql.run(HELD, {"keys": profiles})})
        self.names: dict[UUID, Name] = {}
        self.added: dict[UUID, tuple[Name, UUID]] = {}


HELD = "SELECT profile, type, count(*) FROM cdp_identifier WHERE profile = ANY(%(keys)s) GROUP BY profile, type"


def claim_all(configuration: Configuration, claims: Sequence[Claim], now: datetime) -> list[UUID | Problem]:
    """The profile of each claim, made when new; or what is wrong with the claim, which then leaves nothing behind. Of
    two claims to an identifier the first has it. Runs in the caller's transaction."""
    asserted = [read_identifiers(configuration, claim.changes) for claim in claims]
    keys = {claim.name.key for claim in claims}
    keys.update(found.key for names in asserted if not isinstance(names, Problem) for _, found in names)
    known = Known(sorted(keys))
    outcomes = [
        names if isinstance(names, Problem) else settle(configuration, known, claim.name, names)
        for claim, names in zip(claims, asserted, strict=True)
    ]
    write(configuration.id, known, now)
    return outcomes


def read_identifiers(
    configuration: Configuration, changes: Mapping[str, list[Any]]
) -> list[tuple[str, Name]] | Problem:
    """The identifiers among the changes, each with its place; or what is wrong with the first that is none."""
    found: list[tuple[str, Name]] = []
    for attribute, values in changes.items():
        type = known.identifier if (known := definition(configuration, attribute)) else ""
        place = f"attributes.{attribute}"
        for value in values if type else ():
            name = read_identifier(configuration, type, place, value)
            if isinstance(name, Problem):
                return name
            found.append((place, name))
    return found


def settle(configuration: Configuration, known: Known, name: Name, names: Sequence[tuple[str, Name]]) -> UUID | Problem:
    """Accepts a claim whole or not at all."""
    profile = known.owners.get(name.key)
    gained: dict[UUID, Name] = {}
    if profile is None:
        profile, gained[name.key] = name.key, name
    counts = Counter(found.type for found in gained.values())
    for place, found in names:
        owner = profile if found.key in gained else known.owners.get(found.key)
        if owner == profile:
            continue
        if owner is not None:
            return taken(place, found.type)
        counts[found.type] += 1
        if known.held[profile, found.type] + counts[found.type] > MAX_IDENTIFIERS[found.type]:
            return too_many(configuration, profile, place, found.type)
        gained[found.key] = found
    for key, found in gained.items():
        known.owners[key] = profile
        known.held[profile, found.type] += 1
        known.added[key] = found, profile
    if name.key in gained:
        known.names[name.key] = known.added.pop(name.key)[0]
    return profile


ADD_ALL = """INSERT INTO cdp_identifier (key, account_id, type, value, profile, created_at)
    SELECT key, %(account)s, type, value, profile, %(now)s
    FROM unnest(%(keys)s::uuid[], %(types)s::text[], %(values)s::text[], %(profiles)s::uuid[])
        n(key, type, value, profile) ORDER BY key
    ON CONFLICT (key) DO NOTHING RETURNING key"""


def write(account: UUID, known: Known, now: datetime) -> None:
    made = ensure(account, known.names, now)
    if any(profile != key for key, profile in made.items()):
        raise Overtaken
    if not known.added:
        return
    names, profiles = zip(*known.added.values(), strict=True)
    columns = {
        "keys": list(known.added),
        "types": [name.type for name in names],
        "values": [name.value for name in names],
        "profiles": list(profiles),
    }
    if len(sql.run(ADD_ALL, {"account": account, "now": now, **columns})) < len(known.added):
        raise Overtaken
