"""A visitor as the API's person endpoints see it. `cdp.people` gives the same for profiles; views are written once."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import models

from accounts import clock
from accounts.errors import Problem
from accounts.snapshot import Configuration
from dmp import sql
from dmp.attributes import ANY_CONSENT, CONSENT, RESERVED, decode
from dmp.computed import Span
from dmp.incoming import visitor_id
from dmp.keys import visitor_key
from dmp.memberships import standing
from dmp.models import Level, Visitor
from dmp.partitions import AHEAD, EARLIEST
from dmp.segments.computed import compute, computed
from dmp.segments.refresh import is_due, refresh


@dataclass
class Person:
    """One person as stored: `segments` are the ids of those it is in, `latest` holds what is known of its newest event,
    `spans` which events are its own."""

    key: UUID
    attributes: dict[str, Any]
    segments: frozenset[int]
    latest: Mapping[str, Any] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    due_at: datetime | None = None


class People(ABC):
    """How the endpoints of one level name, find and make their people."""

    noun: ClassVar[str]
    id_field: ClassVar[str]
    level: ClassVar[str]
    model: ClassVar[type[models.Model]]

    @abstractmethod
    def read(self, configuration: Configuration, body: dict[str, Any]) -> Any:
        """Whom the body names, checked; raises Malformed."""

    @abstractmethod
    def told(self, who: Any) -> str:
        """The name as it is answered."""

    @abstractmethod
    def find(self, configuration: Configuration, who: Any) -> Person | None: ...

    def find_now(self, configuration: Configuration, who: Any, now: datetime) -> Person | None:
        """The person as it is at `now`: one whose time has come is evaluated before it is read."""
        person = self.find(configuration, who)
        if person is not None and is_due(person.due_at, now):
            refresh(configuration, {self.level: [person.key]}, now, "clock", ())
            person = self.find(configuration, who)
        return person

    @abstractmethod
    def make(self, account: UUID, who: Any, now: datetime) -> UUID:
        """The key of a person that is made when new; raises Malformed for one that cannot be."""

    def identify(
        self, configuration: Configuration, who: Any, key: UUID, changes: dict[str, list[Any]], now: datetime
    ) -> list[Problem]:
        """Takes out of `changes` the identifiers that this person may not have, and says why."""
        return []


class Visitors(People):
    noun = "Visitor"
    id_field = "visitorId"
    level = Level.VISITOR
    model = Visitor

    def read(self, configuration: Configuration, body: dict[str, Any]) -> UUID:
        return visitor_id(body)

    def told(self, who: UUID) -> str:
        return str(who)

    def find(self, configuration: Configuration, who: UUID) -> Person | None:
        key = visitor_key(configuration.id, who)
        rows = sql.run(FIND, {"key": key})
        if not rows:
            return None
        attributes, segments, pins_in, pins_out, due_at, *rest = rows[0]
        latest = latest_of(rest)
        inside = standing(configuration, (segments, pins_in, pins_out)).segments
        return Person(key, decode(attributes), inside, latest, [life(key, latest)], due_at)

    def make(self, account: UUID, who: UUID, now: datetime) -> UUID:
        key = visitor_key(account, who)
        sql.run(MAKE, {"key": key, "account": account, "visitor_id": who, "now": now})
        return key


LATEST = ["platform", "device", "country", "language", "first_seen", "last_seen", "utm", "profile"]
FIND = f"""SELECT attributes, segments, pins_in, pins_out, due_at, {", ".join(LATEST)}
    FROM dmp_visitor WHERE key = %(key)s"""  # noqa: S608
MAKE = """INSERT INTO dmp_visitor (key, account_id, visitor_id, created_at, attributes, segments, pins_in, pins_out)
    VALUES (%(key)s, %(account)s, %(visitor_id)s, %(now)s, '{}', '{}', '{}', '{}') ON CONFLICT (key) DO NOTHING"""


def latest_of(columns: list[Any]) -> dict[str, Any]:
    """What the columns LATEST of a visitor say, by name."""
    return dict(zip(LATEST, columns, strict=True))


def life(key: UUID, latest: Mapping[str, Any]) -> Span:
    """All of a visitor's events."""
    return Span(key, latest["first_seen"] or EARLIEST, clock.now() + 2 * AHEAD)


def read_attributes(
    configuration: Configuration, person: Person, names: list[str], now: datetime
) -> dict[str, list[dict[str, Any]]]:
    """The values of the named attributes as [{"value": ...}], newest first; one without value is left out."""
    known = computed.of(configuration)
    from_events = compute(configuration, names, person.spans, now)
    if ANY_CONSENT in names:
        names = [*names, *(name for name in person.attributes if name.startswith(CONSENT))]
    found: dict[str, list[Any]] = {}
    for name in names:
        if name in known:
            values = from_events.get(name, [])
        elif name in RESERVED:
            values = reserved(person, name)
        else:
            values = person.attributes.get(name, {}).get("values", [])
        if values:
            found[name] = values
    return {name: [{"value": value} for value in values] for name, values in found.items()}


def reserved(person: Person, name: str) -> list[Any]:
    """The value of a reserved attribute, as a list of one or none."""
    latest = person.latest
    if name == "$known":
        return [latest.get("profile") is not None]
    if name.startswith("$utm."):
        utm = latest.get("utm")
        value = (decode(utm) if isinstance(utm, str) else utm or {}).get(name[5:])
    else:
        value = latest.get(name[1:])
    return [] if value is None else [value]
