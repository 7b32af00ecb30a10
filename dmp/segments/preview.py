"""How many people a rule holds for, before it is saved: estimated from a sample, counted on demand, some of them named.

Keys are hashes, so the people with the lowest keys are a fair sample, and the same one each time.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from psycopg.errors import QueryCanceled

from accounts.snapshot import Configuration
from dmp import sql
from dmp.models import Segment
from dmp.segments.compile import compile_rule
from dmp.segments.compile.sources import LOWEST, Source, of_account
from dmp.segments.levels import Facts, levels
from dmp.segments.rules import Condition, segments_named

SAMPLE = 2000
KEYS = 1 << 128
ESTIMATE_SECONDS = 2
COUNT_SECONDS = 10


class TooSlow(Exception):
    """The database was not done in time."""


class Size(NamedTuple):
    """Of the `people` of a level, `members` are in; about so many where not `exact`."""

    level: str
    members: int
    people: int
    exact: bool


def estimate(configuration: Configuration, rule: Condition, now: datetime) -> list[Size]:
    """By level; exact where there are no more people than a sample has. Raises TooSlow."""
    with at_most(ESTIMATE_SECONDS):
        references = bound(configuration.id, rule)
        return [estimated(configuration, level, rule, references, now) for level in levels.values()]


def count(configuration: Configuration, rule: Condition, now: datetime) -> list[Size]:
    """By level, over everybody. Raises TooSlow."""
    with at_most(COUNT_SECONDS):
        references = bound(configuration.id, rule)
        return [
            Size(level.name, *counted(configuration, of_account(level, configuration.id), rule, references, now), True)
            for level in levels.values()
        ]


def examples(configuration: Configuration, rule: Condition, now: datetime, most: int) -> dict[str, list[UUID]]:
    """Keys of some who are in, by level, out of the sample. Raises TooSlow."""
    with at_most(ESTIMATE_SECONDS):
        references = bound(configuration.id, rule)
        found = {}
        for level in levels.values():
            source = of_account(level, configuration.id, LOWEST, sample_end(configuration.id, level))
            text, values = compile_rule(rule, source, references, configuration.zone, now, everyone=True)
            rows = sql.run(
                f"SELECT asked.person FROM ({text}) asked WHERE asked.ok LIMIT {most}", values, prepare=False
            )  # noqa: S608
            found[level.name] = [key for (key,) in rows]
        return found


def estimated(
    configuration: Configuration,
    level: Facts,
    rule: Condition,
    references: Mapping[str, tuple[int, int]],
    now: datetime,
) -> Size:
    end = sample_end(configuration.id, level)
    source = of_account(level, configuration.id, LOWEST, end)
    members, people = counted(configuration, source, rule, references, now)
    if end is None:
        return Size(level.name, members, people, True)
    return Size(level.name, members * KEYS // end.int, people * KEYS // end.int, False)


def counted(
    configuration: Configuration,
    source: Source,
    rule: Condition,
    references: Mapping[str, tuple[int, int]],
    now: datetime,
) -> tuple[int, int]:
    text, values = compile_rule(rule, source, references, configuration.zone, now, everyone=True)
    rows = sql.run(f"SELECT count(*) FILTER (WHERE asked.ok), count(*) FROM ({text}) asked", values, prepare=False)  # noqa: S608
    members, people = rows[0]
    return members, people


def sample_end(account: UUID, level: Facts) -> UUID | None:
    """The key that the sample stops before, None when it holds everybody."""
    people = level.model._default_manager.filter(account=account).order_by("key").values_list("key", flat=True)
    return next(iter(people[SAMPLE : SAMPLE + 1]), None)


def bound(account: UUID, rule: Condition) -> dict[str, tuple[int, int]]:
    """What the rule's segments stand for now."""
    rows: Any = Segment.objects.filter(account=account, name__in=segments_named(rule))
    return {row.name: (row.pk, row.revision or 0) for row in rows}


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Each statement inside is given up after so many seconds; nothing is written."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = '{seconds}s'")
            yield
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout TO DEFAULT")  # the transaction may be one around this
    except QueryCanceled as error:
        raise TooSlow from error
