"""A profile as the API's person endpoints see it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from accounts import clock
from accounts.errors import Malformed, Problem
from accounts.snapshot import Configuration
from cdp import identity
from cdp.identifiers import Name, is_never, required
from cdp.models import Profile
from dmp import sql
from dmp.attributes import decode
from dmp.computed import Span
from dmp.memberships import standing
from dmp.models import Level
from dmp.partitions import AHEAD
from dmp.people import LATEST, People, Person, latest_of


class Profiles(People):
    noun = "Profile"
    id_field = "profileId"
    level = Level.PROFILE
    model = Profile

    def read(self, configuration: Configuration, body: dict[str, Any]) -> Name:
        return required(configuration, body)

    def told(self, who: Name) -> str:
        return who.told

    def find(self, configuration: Configuration, who: Name) -> Person | None:
        rows = [] if is_never(configuration, who.told) else sql.run(FIND, {"key": who.key})
        if not rows:
            return None
        key, attributes, due_at, *row = rows[0]
        end = clock.now() + 2 * AHEAD
        spans = read_spans(key, end)
        latest = newest(spans, end) | {"profile": key}
        if earliest := latest.get("earliest"):
            spans = [span._replace(since=max(span.since, earliest)) for span in spans]
        return Person(key, decode(attributes), standing(configuration, tuple(row)).segments, latest, spans, due_at)

    def make(self, account: UUID, who: Name, now: datetime) -> UUID:
        return identity.ensure_profile(account, who, now)

    def identify(
        self, configuration: Configuration, who: Name, key: UUID, changes: dict[str, list[Any]], now: datetime
    ) -> list[Problem]:
        return identity.add_identifiers(configuration, key, changes, now)


class WritableProfiles(Profiles):
    """For writes: a never-identifier is refused instead of not found."""

    def read(self, configuration: Configuration, body: dict[str, Any]) -> Name:
        who = required(configuration, body)
        if is_never(configuration, who.told):
            raise Malformed.field(
                "profileId", "invalid", f"“{who.told}” names nobody. Send the person's own profileId."
            )
        return who


FIND = """SELECT p.key, p.attributes, p.due_at, p.segments, p.pins_in, p.pins_out
    FROM cdp_identifier i JOIN cdp_profile p ON p.key = i.profile
    WHERE i.key = %(key)s"""
SPANS = """SELECT visitor, since, until FROM (
        SELECT visitor, since, lead(since) OVER (PARTITION BY visitor ORDER BY since) AS until, profile
        FROM cdp_link WHERE visitor = ANY(%(visitors)s)
    ) l WHERE profile = %(profile)s"""


def read_spans(profile: UUID, end: datetime) -> list[Span]:
    """When each of the profile's visitors was its own; a link that lasts goes on until `end`."""
    rows = sql.run("SELECT visitor FROM cdp_device WHERE profile = %(profile)s", {"profile": profile})
    visitors = [visitor for (visitor,) in rows]
    links = sql.run(SPANS, {"visitors": visitors, "profile": profile}) if visitors else []
    return [Span(visitor, since, until or end) for visitor, since, until in links]


def newest(spans: list[Span], end: datetime) -> dict[str, Any]:
    """What is known of the newest event over the visitors that are linked still, until `end` (another person's events
    must not tell of this one); `earliest`: the first event of any of them."""
    if not spans:
        return {}
    columns = ", ".join(LATEST)
    visitors = [span.visitor for span in spans]
    rows = sql.run(f"SELECT key, {columns} FROM dmp_visitor WHERE key = ANY(%(keys)s)", {"keys": visitors})
    seen = {key: latest for key, *rest in rows if (latest := latest_of(rest))["last_seen"]}
    if not seen:
        return {}
    mine = [seen[span.visitor] for span in spans if span.until == end and span.visitor in seen]
    mine.sort(key=lambda latest: latest["last_seen"])
    merged = {name: next((s[name] for s in reversed(mine) if s[name] is not None), None) for name in LATEST}
    return merged | {"earliest": min(latest["first_seen"] for latest in seen.values())}
