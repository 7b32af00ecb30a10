"""What macros may say of a person: its attributes, the profile's before the device's."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts import clock
from accounts.snapshot import Configuration
from adserver.macros import readable_values
from cdp.people import read_spans
from dmp import sql
from dmp.attributes import decode, definitions
from dmp.partitions import AHEAD
from dmp.people import Person, Visitors, read_attributes

PROFILE = "SELECT attributes FROM cdp_profile WHERE key = %(key)s"


def values_of(
    configuration: Configuration, visitor_id: UUID, names: Collection[str], now: datetime, *, signed: bool
) -> dict[str, str]:
    """Texts by attribute, for those of `names` that are known. `signed`: the shop's server vouched for the profile, so
    that personal attributes may be said."""
    visitor = Visitors().find(configuration, visitor_id)
    if visitor is None:
        return {}
    found: dict[str, Any] = read_attributes(configuration, visitor, list(names), now)
    profile = visitor.latest["profile"]
    if profile is not None:
        found |= read_attributes(configuration, profile_of(profile), list(names), now)
    known = definitions.of(configuration)
    personal = {name: one.personal or bool(one.identifier) for name, one in known.items()}
    return readable_values(found, personal, signed=signed)


def profile_of(key: UUID) -> Person:
    rows = sql.run(PROFILE, {"key": key})
    attributes = decode(rows[0][0]) if rows else {}
    return Person(key, attributes, frozenset(), {}, read_spans(key, clock.now() + 2 * AHEAD), None)
