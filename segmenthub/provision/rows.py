"""One row of a table brought to what the file says."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models

from accounts.models import Account
from segmenthub.provision.read import Mistake, Node, Parts


@dataclass
class Work:
    """A run over one file: what it has changed so far. Rows are named by kind, such as {"platforms": ["shop"]}."""

    account: Account
    created: dict[str, list[str]] = field(default_factory=dict)
    updated: dict[str, list[str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    webhooks: dict[str, str] = field(default_factory=dict)
    """The secrets of those made now, by url, of a segment's own by `segment/url`; as `tokens` has them by name."""
    fields: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """What was updated in a row, by kind and name."""

    @property
    def zone(self) -> ZoneInfo:
        return self.account.zone

    def note_created(self, kind: str, name: str) -> None:
        self.created.setdefault(kind, []).append(name)

    def note_updated(self, kind: str, name: str, fields: Iterable[str]) -> None:
        names = self.updated.setdefault(kind, [])
        if name not in names:
            names.append(name)
        self.fields.setdefault((kind, name), []).extend(fields)

    def result(self) -> dict[str, Any]:
        return {
            "account": str(self.account.pk),
            "created": self.created,
            "updated": self.updated,
            "tokens": self.tokens,
            "webhooks": self.webhooks,
        }


Reader = Callable[[Work, Any, Node], Any]


@dataclass(frozen=True)
class Table:
    """How a kind of row stands in the file: `key` names the row, `fields` are its keys. `columns` gives the column of a
    key that has another name; `readers` read what is not a plain value: (work, row, node) -> value. `nested` are keys
    that the caller reads. `check` sees a row and its parts before it is saved. `also` is saved with any change."""

    kind: str
    model: type[models.Model]
    key: str
    fields: tuple[str, ...]
    columns: Mapping[str, str] = field(default_factory=dict)
    readers: Mapping[str, Reader] = field(default_factory=dict)
    nested: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    check: Callable[[Work, Any, Parts, list[str]], None] | None = None
    also: tuple[str, ...] = ()
    make: Callable[[Work, Any], None] = lambda work, row: row.save()

    def column(self, key: str) -> str:
        return self.columns.get(key, key)


class Brought(NamedTuple):
    """A row that is now as the file says."""

    row: Any
    node: Node
    parts: Parts
    name: str
    created: bool


def bring(
    work: Work, table: Table, nodes: Node, owner: Mapping[str, Any], existing: Mapping[str, Any], prefix: str = ""
) -> Iterator[Brought]:
    """Each row of a list in the file, made or updated. `existing` are the owner's rows by key; `prefix` goes before
    the row's name in what is reported."""
    seen: set[str] = set()
    for node in nodes.items():
        parts = node.parts((*table.fields, *table.nested), table.later, required=(table.key,))
        key = parts[table.key].text()
        if key in seen:
            raise parts[table.key].wrong(f"“{key}” stands twice.")
        seen.add(key)
        row = existing.get(key)
        created = row is None
        if row is None:
            row = table.model(**owner)
        changed = assign(work, table, row, parts)
        if created or changed:
            save(work, table, row, node, parts, owner, [] if created else changed)
        name = prefix + key
        if created:
            work.note_created(table.kind, name)
        elif changed:
            work.note_updated(table.kind, name, changed)
        yield Brought(row, node, parts, name, created)


def assign(work: Work, table: Table, row: Any, parts: Parts) -> list[str]:
    """Sets what differs and gives the keys of it."""
    changed = []
    for key in table.fields:
        if key not in parts:
            continue
        column = table.column(key)
        reader = table.readers.get(key)
        value = reader(work, row, parts[key]) if reader else read(work, table.model, column, parts[key])
        if row._state.adding or getattr(row, column) != value:
            setattr(row, column, value)
            changed.append(key)
    return changed


def save(
    work: Work, table: Table, row: Any, node: Node, parts: Parts, owner: Mapping[str, Any], changed: list[str]
) -> None:
    if table.check:
        table.check(work, row, parts, changed)
    # Rows are found by their key, so that only the fields are left to be checked; a relation was looked up to be read.
    relations = {column.name for column in table.model._meta.fields if column.is_relation}
    clean(table, row, node, exclude={*owner, *relations})
    if row._state.adding:
        table.make(work, row)
    else:
        row.save(update_fields=[*map(table.column, changed), *table.also])


def clean(table: Table, row: models.Model, node: Node, exclude: set[str]) -> None:
    """The model's own checks; a mistake is told at its place in the file."""
    try:
        row.full_clean(exclude=exclude, validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        column, problems = next(iter(error.error_dict.items()))
        problem = problems[0]
        keys = {table.column(key): key for key in table.fields}
        place = node.place if column == NON_FIELD_ERRORS else node.at(keys.get(column, column))
        message = problem.messages[0]
        if problem.code == "item_invalid" and problem.params:  # of an array; the message begins with the item's number
            place = f"{place}[{problem.params['nth'] - 1}]"
            message = message.partition(": ")[2] or message
        raise Mistake(place, message) from None


def read(work: Work, model: type[models.Model], column: str, node: Node) -> Any:
    """A node as the value of a column: the JSON type must fit, texts are trimmed."""
    field = model._meta.get_field(column)
    assert isinstance(field, models.Field)
    if node.value is None:
        if not field.null and not field.blank:
            raise node.wrong("This cannot be null.")
        return None if field.null else field.get_default()
    if isinstance(field, models.JSONField):
        return node.value
    if isinstance(field, ArrayField):
        return node.texts()
    if isinstance(field, models.DateTimeField):
        return node.instant(work.zone)
    if isinstance(field, models.BooleanField):
        return node.true_or_false()
    if isinstance(field, models.IntegerField):
        return node.whole_number()
    return node.text()
