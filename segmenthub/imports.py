"""Importing events: the same checks and the same recording as a request, thousands at a time.

Lines are read and checked in this thread while the database works in another on the batch before.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.core.management import CommandError
from django.db import DatabaseError, connection

from accounts.clock import now
from accounts.door import REPEATABLE, UUID_TEXT
from accounts.errors import Malformed
from accounts.snapshot import Configuration, configuration
from cdp import identity
from cdp.identifiers import Name, asserted
from dmp import values
from dmp.attributes import consent_changes, write_attributes
from dmp.event_types import kinds
from dmp.events import Event, recorded_refund
from dmp.incoming import read_event
from dmp.models import Visitor
from dmp.partitions import AHEAD, EARLIEST
from segmenthub.lines import Line, Report

BATCH = 2000
TRIES = 3
canonical = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode


@dataclass
class Batch:
    """Events that go to the database together, each with its line."""

    events: list[Event] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    names: dict[UUID, Name] = field(default_factory=dict)
    consents: dict[UUID, dict[str, list[Any]]] = field(default_factory=dict)


@dataclass
class Outcome:
    """What became of a batch: lines stored before count as duplicates."""

    stored: int
    duplicate: int
    refused: list[tuple[Line, str]]


def account_named(text: str) -> Configuration:
    """The configuration of the account that a command's argument names."""
    found = configuration(UUID(text.strip())) if UUID_TEXT.fullmatch(text.strip()) else None
    if found is None:
        raise CommandError(f"There is no account “{text}”. Take its id from the panel, or make it with provision.")
    return found


def import_events(configuration: Configuration, report: Report) -> None:
    """Imports the events of the report's lines, and tells it what became of each."""
    with ThreadPoolExecutor(1) as database:
        running: Future[Outcome] | None = None
        batch = Batch()
        try:
            for line in report.lines():
                try:
                    configuration = add(configuration, batch, line)
                except Malformed as error:
                    report.refuse(line, error.message)
                if len(batch.events) >= BATCH:
                    running, batch = hand_over(database, running, configuration, batch, report), Batch()
            running = hand_over(database, running, configuration, batch, report)
            hand_over(database, running, configuration, Batch(), report)
        finally:
            database.submit(lambda: connection.close())  # looked up there: each thread has its own


def hand_over(
    database: ThreadPoolExecutor,
    running: Future[Outcome] | None,
    configuration: Configuration,
    batch: Batch,
    report: Report,
) -> Future[Outcome] | None:
    """Waits for the batch before and reports it, then starts this one."""
    if running is not None:
        outcome = running.result()
        report.add(outcome.stored, outcome.duplicate)
        for line, reason in outcome.refused:
            report.refuse(line, reason)
    return database.submit(store, configuration, batch) if batch.events else None


def add(configuration: Configuration, batch: Batch, line: Line) -> Configuration:
    """Checks one line and adds its event to the batch."""
    if line.value is None:
        raise Malformed(line.problem or "The line is no JSON object.")
    body = line.value
    if values.present(account := body.get("account")):
        check_account(configuration, account)
    if line.from_csv:
        body = typed(configuration, body)
    id = line_id(configuration.id, body)
    configuration, event = read_event(configuration, body, event_time(body), id=id)
    name = asserted(configuration, body)
    if name is not None and not event.bot:
        event.identifier = name.key
        batch.names[name.key] = name
    if consent := consent_changes(body.get("consent")):
        batch.consents[event.id] = consent
    batch.events.append(event)
    batch.lines.append(line)
    return configuration


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
    digest = sha1(account.bytes + canonical(body), usedforsecurity=False).digest()
    return UUID(bytes=digest[:16], version=5)


def typed(configuration: Configuration, row: dict[str, Any]) -> dict[str, Any]:
    """A row of a CSV file, whose cells are text, as the JSON object that says the same."""
    body = dict(row)
    if values.present(items := body.get("purchasedItems")):
        body["purchasedItems"] = str(items).split("|")
    if values.present(consent := body.get("consent")):
        body["consent"] = read_json("consent", consent)
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


def store(configuration: Configuration, batch: Batch) -> Outcome:
    """Stores a batch in one transaction; repeats it where the database broke a deadlock."""
    for attempt in range(TRIES):
        try:
            stored = identity.record_and_identify(configuration, batch.events, batch.names, now(), imported=True).stored
            break
        except DatabaseError as error:
            state = getattr(error.__cause__, "sqlstate", None) or getattr(error, "sqlstate", None)
            if state not in REPEATABLE or attempt == TRIES - 1:
                raise
    write_consents(batch, stored)
    refused = refused_refunds(batch, stored)
    first = {event.id: index for index, event in reversed(list(enumerate(batch.events)))}
    kept = sum(1 for id in first if id in stored)
    return Outcome(kept, len(batch.events) - kept - len(refused), refused)


def refused_refunds(batch: Batch, stored: set[UUID]) -> list[tuple[Line, str]]:
    """Negative totals under the orderId of a sale: a refund needs an orderId of its own."""
    pairs = [
        (event, line)
        for event, line in zip(batch.events, batch.lines, strict=True)
        if event.refund and event.id not in stored and event.once
    ]
    known = recorded_refund([event.once for event, _ in pairs if event.once]) if pairs else {}
    return [
        (line, f"The order “{event.order_id}” is known as a sale. Give the refund its own orderId.")
        for event, line in pairs
        if event.once and known.get(event.once) is False
    ]


def write_consents(batch: Batch, stored: set[UUID]) -> None:
    """The newest consent of each visitor in the batch, unless a newer one is known."""
    for event in sorted(batch.events, key=lambda event: event.time):
        consent = batch.consents.get(event.id)
        if not consent or event.id not in stored:
            continue
        known = Visitor.objects.values_list("attributes", flat=True).get(key=event.visitor)
        newer = {
            name: value
            for name, value in consent.items()
            if name not in known or datetime.fromisoformat(known[name]["at"]).astimezone(UTC) <= event.time
        }
        if newer:
            write_attributes(Visitor, event.visitor, newer, "event", event.time)
