"""Attributes of visitors and profiles: what may be written, typed lists with time and source, and the reserved ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from django.db import models, transaction

from accounts.errors import Malformed, Problem
from accounts.models import Attribute
from accounts.snapshot import Configuration, Part
from accounts.tokens import Token
from dmp import sql, values

MAX_TEXT = 2000
CONSENT = "consent."
MAX_PURPOSES = 20
ANY_CONSENT = "consent.*"
RESERVED = (
    *("$device", "$platform", "$country", "$language", "$firstSeen", "$lastSeen", "$known"),
    *("$utm.source", "$utm.medium", "$utm.campaign"),
)
"""Known of each person without being defined; read-only."""

READERS: dict[str, values.Reader] = {**values.TYPES, "text": values.text(MAX_TEXT)}

encode = msgspec.json.Encoder(decimal_format="number").encode
decode = msgspec.json.Decoder(float_hook=Decimal).decode


@dataclass(frozen=True, slots=True)
class Definition:
    """An attribute as the API uses it; `computed` is identity rule 15's description, None for one that is written."""

    name: str
    type: str
    identifier: str
    personal: bool
    computed: dict[str, Any] | None


def load_definitions(account: UUID) -> dict[str, Definition]:
    return {
        row.name: Definition(row.name, row.type, row.identifier, row.personal, row.computed)
        for row in Attribute.objects.filter(account=account)
    }


definitions: Part[dict[str, Definition]] = Part(load_definitions)


def definition(configuration: Configuration, name: str) -> Definition | None:
    """The definition of an attribute that can be written, `consent.<purpose>` included."""
    found = definitions.of(configuration).get(name)
    if found is None and name.startswith(CONSENT) and len(name) > len(CONSENT):
        return Definition(name, "boolean", "", False, None)
    return found


def readable(configuration: Configuration, token: Token, asked: list[str]) -> tuple[list[str], list[Problem]]:
    """The names that the token may read of those asked; "*" stands for all that it may, `consent.*` for the consent to
    whatever purpose."""
    known = definitions.of(configuration)
    allowed: dict[str, None] = {}
    problems = []
    for name in dict.fromkeys(asked):
        if name == "*":
            everything = [*known, *RESERVED, ANY_CONSENT] if "*" in token.readable else sorted(token.readable)
            allowed.update((name, None) for name in everything if exists(known, name))
        elif not exists(known, name):
            problems.append(unknown(name))
        elif not token.may_read(name):
            problems.append(Problem(f"attributes.{name}", "not_allowed", not_allowed(name)))
        else:
            allowed[name] = None
    return list(allowed), problems


def exists(known: Mapping[str, Definition], name: str) -> bool:
    return name in known or name in RESERVED or (name.startswith(CONSENT) and len(name) > len(CONSENT))


def unknown(name: str) -> Problem:
    message = f"The attribute “{name}” does not exist. Define it under Account > Attributes."
    return Problem(f"attributes.{name}", "unknown", message)


def not_allowed(name: str) -> str:
    return f"Attribute “{name}” is not allowed for this token. Allow it under Account > API Tokens."


def read_changes(
    configuration: Configuration, token: Token, asked: Mapping[str, Any]
) -> tuple[dict[str, list[Any]], list[Problem]]:
    """What of `asked` may be written, as lists of typed values (an empty one removes), and what may not."""
    changes: dict[str, list[Any]] = {}
    problems = []
    for name, value in asked.items():
        found = definition(configuration, name)
        place = f"attributes.{name}"
        if found is None and name not in RESERVED:
            problems.append(unknown(name))
        elif found is None or found.computed is not None:
            problems.append(Problem(place, "computed", f"“{name}” is computed from events and cannot be written."))
        elif not token.may_write(name):
            problems.append(Problem(place, "not_allowed", not_allowed(name)))
        else:
            try:
                changes[name] = read_values(found, place, value)
            except Malformed as error:
                problems += error.problems
    return changes, problems


def read_values(found: Definition, place: str, value: Any) -> list[Any]:
    items = value if type(value) is list else [value]
    if len(items) > values.MAX_MANY:
        raise values.wrong(place, "too_many", f"takes at most {values.MAX_MANY} values")
    return [READERS[found.type](place, item) for item in items if values.present(item)]


def merged(old: Mapping[str, Any], changes: Mapping[str, list[Any]], source: str, now: datetime) -> dict[str, Any]:
    """The attributes after a write. Writing the same values again keeps the time of their last change; a removed
    attribute stays as one without values, so that rules know since when."""
    result = dict(old)
    for name, new in changes.items():
        before = old.get(name)
        if not new and before is None:
            continue
        same = before is not None and before["values"] == new
        result[name] = {
            "values": new,
            "at": now.isoformat(),
            "changed": before["changed"] if same and before else now.isoformat(),
            "source": source,
        }
    return result


def write_attributes(
    person: type[models.Model], key: UUID, changes: Mapping[str, list[Any]], source: str, now: datetime
) -> None:
    """Replaces the values of the changed attributes of one person."""
    write_all(person, {key: [changes]}, source, now)


def write_all(
    person: type[models.Model], wanted: Mapping[UUID, Sequence[Mapping[str, list[Any]]]], source: str, now: datetime
) -> None:
    """Replaces the values of the changed attributes of people by their keys, in one transaction; the changes of each in
    their order. The rows are locked first, so that two writers of different attributes never undo each other."""
    table = person._meta.db_table
    keys = {"keys": sorted(wanted)}
    with transaction.atomic():
        rows = []
        for key, attributes in sql.run(
            f"SELECT key, attributes FROM {table} WHERE key = ANY(%(keys)s) ORDER BY key FOR UPDATE", keys
        ):
            after = decode(attributes)
            for changes in wanted[key]:
                after = merged(after, changes, source, now)
            rows.append({"key": key, "attributes": after})
        sql.run(
            f"""UPDATE {table} p SET attributes = r.attributes
                FROM json_to_recordset(%(rows)s::json) r(key uuid, attributes jsonb)
                WHERE p.key = r.key AND p.key = ANY(%(keys)s)""",
            keys | {"rows": encode(rows).decode()},
        )


def consent_changes(consent: Any) -> dict[str, list[Any]]:
    """`consent` of an event ({purpose: true | false}) as attribute changes."""
    if not values.present(consent):
        return {}
    if type(consent) is not dict:
        raise values.wrong("consent", "wrong_type", "takes an object such as {“ads”: true}")
    if len(consent) > MAX_PURPOSES:
        raise values.wrong("consent", "too_many", f"takes at most {MAX_PURPOSES} purposes")
    changes: dict[str, list[Any]] = {}
    for purpose, granted in consent.items():
        if not purpose.strip() or not all(c.isalnum() or c in "_.-" for c in purpose):
            raise values.wrong(f"consent.{purpose}", "invalid", "takes purposes of letters, digits, _ . and -")
        changes[CONSENT + purpose] = [] if granted is None else [values.boolean(f"consent.{purpose}", granted)]
    return changes
