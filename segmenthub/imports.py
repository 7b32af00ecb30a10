"""Importing events: the same checks and the same recording as a request, thousands at a time.

Lines of a long file are checked in a process of their own, while this one writes the batches before.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from multiprocessing import get_context
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from django.conf import settings
from django.core.management import CommandError
from django.db import DatabaseError, connection, transaction

from accounts.clock import now
from accounts.door import REPEATABLE, UUID_TEXT
from accounts.errors import Malformed
from accounts.snapshot import Configuration, configuration
from adserver import conversions
from adserver.rollups import recount
from cdp import identity
from cdp.identifiers import Name, asserted
from cdp.models import Link, Profile
from dmp import values
from dmp.attributes import consent_changes, decode, write_attributes
from dmp.event_types import kinds
from dmp.events import Event, encode, recorded_refund
from dmp.incoming import read_event
from dmp.keys import uuid5
from dmp.models import Level, Segment, Visitor
from dmp.partitions import AHEAD, EARLIEST
from dmp.segments.build import build_now
from dmp.segments.refresh import refresh
from segmenthub.lines import Line, Report, parsed
from segmenthub.start_process import collect_seldom, start_process

BATCH = 2000
BATCHES_AHEAD = 4
MOST_SEEN = 5000
PEOPLE = 200
TRIES = 3
KNOWN_SALE = "The order is known as a sale. Give the refund its own orderId."
canonical = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode


@dataclass
class Checked:
    """A batch of lines after the check, in a form that goes cheaply from process to process: events without their
    properties, these as JSON by the event's place, and the places of the lines that were refused."""

    events: bytes
    places: list[int]
    properties: dict[int, bytes]
    names: dict[UUID, Name]
    consents: dict[UUID, dict[str, list[Any]]]
    refused: list[tuple[int, str]]


def account_named(text: str) -> Configuration:
    """The configuration of the account that a command's argument names."""
    found = configuration(UUID(text.strip())) if UUID_TEXT.fullmatch(text.strip()) else None
    if found is None:
        raise CommandError(f"There is no account “{text}”. Take its id from the panel, or make it with provision.")
    return found


def import_events(configuration: Configuration, report: Report) -> None:
    """Imports the events of the report's lines, and tells it what became of each."""
    batches = batched(report.unparsed())
    first = next(batches, [])
    seen = Seen(configuration)
    if len(first) < BATCH:  # a short file is not worth a process
        store(configuration, first, check(configuration.id, first), report, seen)
    else:
        import_long(configuration, chain([first], batches), report, seen)
    seen.refresh_segments()
    seen.attribute_orders()


def import_long(configuration: Configuration, batches: Iterable[list[Line]], report: Report, seen: "Seen") -> None:
    collect_seldom()
    name = connection.settings_dict["NAME"]
    with ProcessPoolExecutor(1, get_context("spawn"), start_process, (name,)) as checker:
        ahead: deque[tuple[list[Line], Future[Checked]]] = deque()
        for lines in batches:
            ahead.append((lines, checker.submit(check, configuration.id, lines)))
            if len(ahead) > BATCHES_AHEAD:
                lines, checked = ahead.popleft()
                store(configuration, lines, checked.result(), report, seen)
        for lines, checked in ahead:
            store(configuration, lines, checked.result(), report, seen)


class Seen:
    """The people of an import, whose segments are brought up to date at its end: a few by themselves, of many all
    segments are built anew beside those that serve. `orders`: the times of the first and the last purchase."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.visitors: set[UUID] | None = set()
        self.orders: list[datetime] = []

    def add(self, events: Sequence[Event]) -> None:
        times = sorted([*self.orders, *(event.time for event in events if event.event == "purchase")])
        self.orders = [times[0], times[-1]] if times else []
        if self.visitors is not None:
            self.visitors.update(event.visitor for event in events)
            if len(self.visitors) > MOST_SEEN:
                self.visitors = None

    def refresh_segments(self) -> None:
        names = Segment.objects.filter(account=self.configuration.id).exclude(revision=None)
        if self.visitors is None:
            build_now(self.configuration.id, again=list(names.values_list("name", flat=True)))
            return
        visitors = sorted(self.visitors)
        for index in range(0, len(visitors), PEOPLE):
            some = visitors[index : index + PEOPLE]
            linked = Link.objects.filter(visitor__in=some).values_list("profile", flat=True)
            profiles = sorted({profile for profile in linked if profile})
            refresh(self.configuration, {Level.VISITOR: some, Level.PROFILE: profiles}, now(), "event")

    def attribute_orders(self) -> None:
        """Finds the campaigns of past orders, and counts them where they belong."""
        account = self.configuration.id
        first = conversions.first_touch(account) if self.orders else None
        if first is None or first > self.orders[-1]:
            return  # what happens meanwhile is attributed by itself
        since, until = max(first, self.orders[0]), self.orders[-1] + timedelta.resolution
        if conversions.repair(self.configuration, since, until):
            recount(account, since, until)


def batched(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while batch := list(islice(lines, BATCH)):
        yield batch


def check(account: UUID, lines: Sequence[Line]) -> Checked:
    """Reads and checks a batch of lines."""
    found = configuration(account)
    assert found is not None  # the command looked it up
    events: list[Event] = []
    checked = Checked(b"", [], {}, {}, {}, [])
    for place, line in enumerate(lines):
        try:
            found, event = read_line(found, parsed(line), checked)
        except Malformed as error:
            checked.refused.append((place, error.message))
            continue
        if event.properties:
            checked.properties[len(events)] = encode(event.properties)
            event.properties = None
        checked.places.append(place)
        events.append(event)
    checked.events = msgspec.msgpack.encode(events)
    return checked


def read_line(configuration: Configuration, line: Line, checked: Checked) -> tuple[Configuration, Event]:
    """The event of one line; the profile it names and its consent are added to `checked`."""
    if line.value is None:
        raise Malformed(line.problem or "The line is no JSON object.")
    body = typed(configuration, line.value) if line.from_csv else line.value
    if values.present(account := body.get("account")):
        check_account(configuration, account)
    id = line_id(configuration.id, body)
    configuration, event = read_event(configuration, body, event_time(body), id=id)
    name = asserted(configuration, body)
    if name is not None:
        event.identifier = name.key
        checked.names[name.key] = name
    if consent := consent_changes(body.get("consent")):
        checked.consents[event.id] = consent
    return configuration, event


def check_account(configuration: Configuration, account: Any) -> None:
    same = type(account) is str and UUID_TEXT.fullmatch(account.strip()) and UUID(account.strip()) == configuration.id
    if not same:
        raise Malformed("The line names another account.")


def event_time(body: dict[str, Any]) -> datetime:
    """Takes `time` out of the body: between 1970 (or the retention) and one day ahead."""
    text = body.pop("time", None)
    if not values.present(text):
        raise Malformed.field("time", "required", "Give “time” with its zone, such as 2026-11-23T10:00:00Z.")
    time = values.read_instant("time", text)
    if time < EARLIEST or time > now() + AHEAD:
        raise Malformed.field("time", "invalid", "“time” lies before 1970 or more than a day in the future.")
    if settings.EVENT_RETENTION and time < now() - timedelta(days=settings.EVENT_RETENTION):
        raise Malformed.field("time", "invalid", f"“time” is older than the {settings.EVENT_RETENTION} days kept.")
    return time


def line_id(account: UUID, body: dict[str, Any]) -> UUID:
    """uuid5(account, canonical JSON of the line): the same line is the same event for ever."""
    return uuid5(account, canonical(body))


def typed(configuration: Configuration, row: dict[str, Any]) -> dict[str, Any]:
    """A row of a CSV file, whose cells are text, as the JSON object that says the same."""
    body = dict(row)
    if values.present(items := body.get("purchasedItems")):
        body["purchasedItems"] = str(items).split("|")
    if values.present(consent := body.get("consent")):
        body["consent"] = read_json("consent", str(consent))
    kind = kinds.of(configuration).get(str(body.get("event", "")).strip())
    for declared in kind.declared if kind else ():
        cell = body.get(declared.name)
        if declared.column or not values.present(cell):
            continue
        cells = str(cell).split("|") if declared.many else [str(cell)]
        converted = [from_text(declared.name, declared.type, text.strip()) for text in cells]
        body[declared.name] = converted if declared.many else converted[0]
    return body


def from_text(name: str, type: str, text: str) -> Any:
    if type == "number" and values.US_NUMBER.fullmatch(text):
        return read_json(name, text.replace(",", ""))
    if type == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    return text


def read_json(name: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise values.wrong(name, "invalid", "is not valid JSON") from None


def store(configuration: Configuration, lines: Sequence[Line], checked: Checked, report: Report, seen: Seen) -> None:
    """Stores a batch in one transaction, and tells the report."""
    events = msgspec.msgpack.decode(checked.events, type=list[Event])
    for index, text in checked.properties.items():
        events[index].properties = decode(text)
    stored = record(configuration, events, checked) if events else set()
    seen.add(events)  # duplicates too: an import that was killed may have stored them and gone no further
    known = refunds_of_sales(events)
    refused = checked.refused + [(checked.places[index], KNOWN_SALE) for index in known]
    report.add(len(stored), len(events) - len(stored) - len(known))
    for place, reason in sorted(refused):
        report.refuse(lines[place], reason)


def record(configuration: Configuration, events: Sequence[Event], checked: Checked) -> set[UUID]:
    """The ids of the events that were not there before; their consents are stored with them, since they are duplicates
    when the import runs again. Repeated where the database broke a deadlock."""
    for attempt in range(TRIES):
        try:
            with transaction.atomic():
                names, at = checked.names, now()
                stored = identity.record_and_identify(configuration, events, names, at, imported=True).stored
                write_consents(events, checked.consents, stored)
            return stored
        except (psycopg.Error, DatabaseError) as error:
            if attempt == TRIES - 1 or not is_repeatable(error):
                raise
    raise AssertionError("the last try returns or raises")


def is_repeatable(error: Exception) -> bool:
    """Whether the database broke a deadlock: the transaction may be repeated."""
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    return getattr(cause, "sqlstate", None) in REPEATABLE


def refunds_of_sales(events: Sequence[Event]) -> list[int]:
    """The places of negative totals under the orderId of a sale: a refund needs an orderId of its own."""
    places = {place: e.once for place, e in enumerate(events) if e.refund and e.once}
    known = recorded_refund(list(places.values())) if places else {}
    return [place for place, once in places.items() if known.get(once) is False]


def write_consents(events: Sequence[Event], consents: Mapping[UUID, dict[str, list[Any]]], stored: set[UUID]) -> None:
    """The newest consent of each visitor in the batch and of its profile of then, unless a newer is known."""
    for event in sorted((e for e in events if e.id in consents and e.id in stored), key=lambda e: e.time):
        write_newer(Visitor, event.visitor, consents[event.id], event.time)
        links = Link.objects.filter(visitor=event.visitor, since__lte=event.time).order_by("-since")
        profile = links.values_list("profile", flat=True).first()
        if profile is not None:
            write_newer(Profile, profile, consents[event.id], event.time)


def write_newer(
    person: type[Visitor] | type[Profile], key: UUID, consent: dict[str, list[Any]], time: datetime
) -> None:
    known: dict[str, Any] = person.objects.values_list("attributes", flat=True).get(key=key)
    newer = {
        name: value
        for name, value in consent.items()
        if name not in known or datetime.fromisoformat(known[name]["at"]).astimezone(UTC) <= time
    }
    if newer:
        write_attributes(person, key, newer, "event", time)
