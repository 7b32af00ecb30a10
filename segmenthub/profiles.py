"""Importing profiles: `profileId`, `attributes`, `segments` a line, by the rules of the API, in batches.

A line is stored whole or refused with its reason. In CSV a column is an attribute by its name (`country` or
`attributes.country`), several values or segments are split at |.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg
from django.db import DatabaseError, transaction

from accounts.clock import now
from accounts.errors import Malformed, Problem
from accounts.snapshot import Configuration
from accounts.tokens import Token
from cdp.claims import Claim, Overtaken, claim_all
from cdp.identifiers import Name
from cdp.models import Profile
from cdp.people import WritableProfiles
from dmp.attributes import definition, read_changes, write_all
from dmp.memberships import Pins, pin_all, segments
from dmp.models import Level
from dmp.segments.refresh import refresh
from dmp.values import present
from dmp.views import name_list, unknown_segment
from segmenthub.imports import from_text, is_repeatable
from segmenthub.lines import Line, Report

BATCH = 1000
TRIES = 3
EVERYTHING = Token(0, frozenset(), frozenset(("*",)), frozenset(("*",)), None, None, None)
people = WritableProfiles()


@dataclass
class Wanted:
    """A checked line: whose it is, attribute changes, ids of segments to pin into."""

    line: Line
    name: Name
    changes: dict[str, list[Any]]
    segments: list[int]


def import_profiles(configuration: Configuration, report: Report) -> None:
    """Imports the profiles of the report's lines, and tells it what became of each."""
    lines = report.lines()
    while batch := list(islice(lines, BATCH)):
        wanted = []
        for line in batch:
            try:
                wanted.append(read_line(configuration, line))
            except Malformed as error:
                report.refuse(line, error.message)
        refused = store(configuration, wanted, now())
        report.add(len(wanted) - len(refused))
        for line, reason in refused:
            report.refuse(line, reason)


def read_line(configuration: Configuration, line: Line) -> Wanted:
    if line.value is None:
        raise Malformed(line.problem or "The line is no JSON object.")
    body = typed(configuration, line.value) if line.from_csv else line.value
    if unknown := sorted(set(body) - {"profileId", "attributes", "segments"}):
        raise Malformed(f"“{unknown[0]}” is not known here: a line has profileId, attributes and segments.")
    name = people.read(configuration, body)
    asked = body.get("attributes") or {}
    if type(asked) is not dict:
        raise Malformed("“attributes” is an object of names and values.")
    changes, problems = read_changes(configuration, EVERYTHING, asked)
    known = segments.of(configuration)
    names = name_list(body, "segments") or []
    problems += [unknown_segment(segment) for segment in names if segment not in known]
    refuse_first(problems)
    return Wanted(line, name, changes, [known[segment] for segment in names])


def refuse_first(problems: Sequence[Problem]) -> None:
    if problems:
        raise Malformed(problems[0].message, problems)


def typed(configuration: Configuration, row: dict[str, Any]) -> dict[str, Any]:
    """A row of a CSV file as the JSON object that says the same."""
    attributes: dict[str, Any] = {}
    body: dict[str, Any] = {"attributes": attributes}
    for column, cell in row.items():
        if not present(cell):
            continue
        if column == "profileId":
            body[column] = cell
        elif column == "segments":
            body[column] = [name.strip() for name in str(cell).split("|")]
        else:
            name = column.removeprefix("attributes.")
            found = definition(configuration, name)
            kind = found.type if found else "text"
            attributes[name] = [from_text(name, kind, text.strip()) for text in str(cell).split("|")]
    return body


def store(configuration: Configuration, wanted: Sequence[Wanted], at: datetime) -> list[tuple[Line, str]]:
    """Stores a batch in one transaction; gives the lines whose identifiers belong to somebody else."""
    for attempt in range(TRIES):
        try:
            with transaction.atomic():
                return store_once(configuration, wanted, at)
        except (Overtaken, psycopg.Error, DatabaseError) as error:
            if attempt == TRIES - 1 or not (isinstance(error, Overtaken) or is_repeatable(error)):
                raise
    raise AssertionError("the last try returns or raises")


def store_once(configuration: Configuration, wanted: Sequence[Wanted], at: datetime) -> list[tuple[Line, str]]:
    refused = []
    changes: dict[UUID, list[dict[str, list[Any]]]] = defaultdict(list)
    pins: dict[UUID, set[int]] = defaultdict(set)
    outcomes = claim_all(configuration, [Claim(row.name, row.changes) for row in wanted], at)
    for row, profile in zip(wanted, outcomes, strict=True):
        if isinstance(profile, Problem):
            refused.append((row.line, profile.message))
            continue
        if row.changes:
            changes[profile].append(row.changes)
        if row.segments:
            pins[profile].update(row.segments)
    write_all(Profile, changes, "import", at)
    pin_all(Profile, Level.PROFILE, configuration.id, {key: Pins(assign=ids) for key, ids in pins.items()}, at)
    people = sorted({profile for profile in outcomes if not isinstance(profile, Problem)})
    refresh(configuration, {Level.PROFILE: people}, at, "event")
    return refused
