"""Who is behind a visitor: events assert profiles, links follow from the assertions.

The steady case (a visitor that is linked already to the profile named) is answered inside the recording statement:
`STEADY` is its condition, which locks the visitor before it looks, `PERSON` its final SELECT. All else goes through
`record_and_identify`, one transaction: lock the visitors, record the events, then `cdp.links.link` what they assert.
Rows are locked visitors first, then profiles, each by key.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction

from accounts import metrics
from accounts.errors import Problem
from accounts.snapshot import Configuration
from cdp import links
from cdp.identifiers import Name, Type, is_never, name, phone
from cdp.models import Identifier
from dmp import sql
from dmp.attributes import definition
from dmp.events import RECORD, Event, one_parameters, parameters, record_statement

logger = logging.getLogger(__name__)
MAX_NEW_DEVICES = 25
NEW_DEVICES_WINDOW = timedelta(hours=1)
MAX_IDENTIFIERS = {Type.USER_ID.value: 1, Type.EMAIL.value: 5, Type.PHONE.value: 5}

VISITOR = "FROM dmp_visitor WHERE key = %(visitor)s AND last_seen <= %(time)s::timestamptz FOR NO KEY UPDATE"
STEADY = f"(SELECT profile {VISITOR}) = (SELECT profile FROM cdp_identifier WHERE key = %(identifier)s::uuid)"
LOGGED_OUT = f"(SELECT profile IS NULL {VISITOR})"
"""What the newest event of a visitor asserts is so already. A statement that waited for the row's lock looks at the row
as the other transaction left it: when that one linked the visitor anew, nothing is recorded here."""
STANDINGS = """v.segments, v.pins_in, v.pins_out, p.segments, p.pins_in, p.pins_out, p.bucket, p.key, v.created_at,
    v.due_at, p.due_at, v.first_seen"""
PERSON = f"SELECT {STANDINGS} FROM seen v LEFT JOIN cdp_profile p ON p.key = v.profile"  # noqa: S608
LOCKED = f"""SELECT {STANDINGS} FROM seen v LEFT JOIN (
    SELECT * FROM cdp_profile WHERE key = (SELECT profile FROM seen) FOR UPDATE) p ON true"""  # noqa: S608
"""The person of one event; LOCKED: the profile's row is locked too, so that what is read next is up to date."""

CONDITIONS = {"anonymous": "true", "steady": STEADY, "logged out": LOGGED_OUT}
RECORD_ONE = {
    (case, once, locked): record_statement(one=True, once=once, steady=condition) + (LOCKED if locked else PERSON)
    for case, condition in CONDITIONS.items()
    for once in (False, True)
    for locked in (False, True)
}
"""The statement of one event by its case, whether it may be recorded only once, and whether it locks the profile."""
READ = f"SELECT {STANDINGS} FROM dmp_visitor v LEFT JOIN cdp_profile p ON p.key = v.profile WHERE v.key = %(key)s"  # noqa: S608
HOLD = "SELECT key, last_seen FROM dmp_visitor WHERE key = ANY(%(keys)s) ORDER BY key FOR NO KEY UPDATE"
"""Locks visitors, and tells when each was last seen."""
REFUSED = RECORD + "SELECT id FROM incoming WHERE id NOT IN (SELECT id FROM stored)"
"""The events that were not stored."""


class Recorded(NamedTuple):
    """Ids of the events that were stored (the others are duplicates), and the profiles whose links changed."""

    stored: set[UUID]
    relinked: set[UUID]


def record_steady(
    configuration: Configuration, event: Event, now: datetime, *, locked: bool = False
) -> tuple[Any, ...] | None:
    """Records one event in one statement where no link changes; None when nothing was recorded, because the link
    would change or the event is a duplicate. Gives the columns STANDINGS."""
    if event.identifier is not None:
        case = "steady"
    else:
        case = "anonymous" if configuration.keep_links or event.bot else "logged out"
    statement = RECORD_ONE[case, event.once is not None, locked]
    rows = sql.run(statement, one_parameters(configuration.id, event, now))
    return rows[0] if rows else None


def read_standings(visitor: UUID) -> tuple[Any, ...] | None:
    """The columns STANDINGS of one visitor."""
    rows = sql.run(READ, {"key": visitor})
    return rows[0] if rows else None


def record_and_identify(
    configuration: Configuration,
    events: Sequence[Event],
    names: Mapping[UUID, Name],
    now: datetime,
    *,
    imported: bool = False,
) -> Recorded:
    """Stores a batch of one account's events, each once, and links visitors as they assert. `names` gives the
    asserted identifiers by key."""
    events = list({event.id: event for event in reversed(events)}.values())[::-1]  # of equal ids the first counts
    with transaction.atomic():
        if imported:
            drop_blocked(events)
        else:
            refuse_crowds(configuration, events, now)
        before = dict(sql.run(HOLD, {"keys": list({event.visitor for event in events})}, binary=True))
        refused = sql.run(REFUSED, parameters(configuration.id, events, now), binary=True)
        stored = {event.id for event in events}.difference(id for (id,) in refused)
        said = [event for event in events if event.id in stored and not event.bot]
        if configuration.keep_links:
            said = [event for event in said if event.identifier is not None]
        relinked: set[UUID] = set()
        if said:
            profiles = ensure_profiles(configuration.id, said, names, now)
            relinked = links.link(configuration, said, profiles, before, now, imported=imported)
    return Recorded(stored, relinked)


def refuse_crowds(configuration: Configuration, events: Sequence[Event], now: datetime) -> None:
    """Identity rule 11: an identifier that joins too many new devices in an hour stops linking; its events stay."""
    for event in events:
        if event.identifier is None:
            continue
        rows = sql.run(CROWD, {"key": event.identifier, "visitor": event.visitor, "since": now - NEW_DEVICES_WINDOW})
        if not rows:
            continue
        blocked_at, joined, mine = rows[0]
        if blocked_at is None and not mine and joined >= MAX_NEW_DEVICES:
            Identifier.objects.filter(key=event.identifier, blocked_at=None).update(blocked_at=now)
            warn("crowd", configuration, f"identifier {event.identifier} joined more than {MAX_NEW_DEVICES} devices")
            blocked_at = now
        if blocked_at is not None:
            event.identifier = None


CROWD = """SELECT i.blocked_at,
    (SELECT count(*) FROM cdp_device d WHERE d.profile = i.profile AND d.identifier = i.key AND NOT d.imported
        AND d.linked_at > %(since)s),
    EXISTS (SELECT FROM cdp_device d WHERE d.profile = i.profile AND d.visitor = %(visitor)s)
    FROM cdp_identifier i WHERE i.key = %(key)s"""


def drop_blocked(events: Sequence[Event]) -> None:
    """An import counts no crowds, but does not link by an identifier that stopped linking either."""
    keys = {event.identifier for event in events if event.identifier is not None}
    blocked = {key for (key,) in sql.run(BLOCKED, {"keys": list(keys)}, binary=True)} if keys else set()
    for event in events:
        if event.identifier in blocked:
            event.identifier = None


BLOCKED = "SELECT key FROM cdp_identifier WHERE key = ANY(%(keys)s) AND blocked_at IS NOT NULL"


def warn(limit: str, configuration: Configuration, message: str) -> None:
    metrics.warnings.labels(limit).inc()
    logger.warning("account %s: %s", configuration.id, message)


def ensure_profiles(
    account: UUID, events: Sequence[Event], names: Mapping[UUID, Name], now: datetime
) -> dict[UUID, UUID]:
    """The profile of each asserted identifier, made when new."""
    wanted = {event.identifier: names[event.identifier] for event in events if event.identifier is not None}
    return ensure(account, wanted, now)


def profiles_of(identifiers: Sequence[UUID]) -> dict[UUID, UUID]:
    statement = "SELECT key, profile FROM cdp_identifier WHERE key = ANY(%(keys)s)"
    return dict(sql.run(statement, {"keys": list(identifiers)}, binary=True))


MAKE = """WITH new AS (
    INSERT INTO cdp_identifier (key, account_id, type, value, profile, created_at)
    SELECT key, %(account)s, type, value, key, %(now)s
    FROM unnest(%(keys)s::uuid[], %(types)s::text[], %(values)s::text[]) n(key, type, value) ORDER BY key
    ON CONFLICT (key) DO NOTHING RETURNING key
)
INSERT INTO cdp_profile (key, account_id, name, created_at, attributes, segments, pins_in, pins_out)
SELECT key, %(account)s, told, %(now)s, '{}', '{}', '{}', '{}'
FROM unnest(%(keys)s::uuid[], %(told)s::text[]) n(key, told) WHERE key IN (SELECT key FROM new) ORDER BY key
ON CONFLICT (key) DO NOTHING"""


def ensure(account: UUID, wanted: Mapping[UUID, Name], now: datetime) -> dict[UUID, UUID]:
    """The profiles that identifiers name, by the identifiers' keys; each is made when new."""
    found = profiles_of(list(wanted))
    new = [name for key, name in wanted.items() if key not in found]
    if new:
        keys = [name.key for name in new]
        columns = {
            "keys": keys,
            "types": [name.type for name in new],
            "values": [name.value for name in new],
            "told": [name.told for name in new],
        }
        sql.run(MAKE, {"account": account, "now": now, **columns})
        found |= profiles_of(keys)
    return found


def ensure_profile(account: UUID, name: Name, now: datetime) -> UUID:
    """The key of the profile that an identifier names, made when new."""
    return ensure(account, {name.key: name}, now)[name.key]


ADD = """INSERT INTO cdp_identifier (key, account_id, type, value, profile, created_at)
    VALUES (%(key)s, %(account)s, %(type)s, %(value)s, %(profile)s, %(now)s) ON CONFLICT (key) DO NOTHING
    RETURNING key"""


def add_identifiers(
    configuration: Configuration, profile: UUID, changes: dict[str, list[Any]], now: datetime
) -> list[Problem]:
    """Attributes marked as identifier name the profile too (identity rule 6). What cannot be is taken out of
    `changes` and told; merging two profiles is an operator's decision."""
    problems = []
    for attribute, values in list(changes.items()):
        found = definition(configuration, attribute)
        if found is None or not found.identifier:
            continue
        for value in values:
            problem = add_identifier(configuration, profile, found.identifier, f"attributes.{attribute}", value, now)
            if problem:
                problems.append(problem)
                changes.pop(attribute, None)
                break
    return problems


def add_identifier(
    configuration: Configuration, profile: UUID, type: str, place: str, value: Any, now: datetime
) -> Problem | None:
    new = read_identifier(configuration, type, place, value)
    if isinstance(new, Problem):
        return new
    owner = profiles_of([new.key]).get(new.key)
    if owner is not None:
        return None if owner == profile else taken(place, type)
    sql.run("SELECT 1 FROM cdp_profile WHERE key = %(key)s FOR UPDATE", {"key": profile})
    held = Identifier.objects.filter(profile=profile, type=type).count()
    if held >= MAX_IDENTIFIERS[type]:
        return too_many(configuration, profile, place, type)
    values = {"key": new.key, "account": configuration.id, "type": type, "value": new.value, "profile": profile}
    return None if sql.run(ADD, {**values, "now": now}) else taken(place, type)  # another request was faster


def read_identifier(configuration: Configuration, type: str, place: str, value: Any) -> Name | Problem:
    """The identifier that an attribute's value is."""
    text = str(value)
    if is_never(configuration, text) or len(text) > 255 or (type == Type.PHONE and phone(text.strip()) is None):
        return Problem(place, "invalid", f"“{text[:64]}” names nobody. Send the person's own {type}.")
    return name(configuration.id, text, type)


def taken(place: str, type: str) -> Problem:
    return Problem(place, "conflict", f"This {type} belongs to another profile. Merge the two in the panel.")


def too_many(configuration: Configuration, profile: UUID, place: str, type: str) -> Problem:
    limit = MAX_IDENTIFIERS[type]
    warn("identifiers", configuration, f"profile {profile} has {limit} identifiers of type {type}")
    return Problem(place, "too_many", f"A profile has at most {limit} of type {type}.")
