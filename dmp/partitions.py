"""The partitions of the event table: one before 2000, one a year until 24 months before the installation, then months.

Together they reach from the beginning of time to three months ahead, so that any past event has its place. They are
made ahead by beat and at start; one that is missing in a request is made there (`adserver.query`).
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import DatabaseError, connection, transaction

MONTHS_BACK = 24
MONTHS_AHEAD = 3
FIRST_YEAR = 2000
AHEAD = timedelta(days=1)
"""How far in the future an event may lie."""
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class Partition(NamedTuple):
    """[start, end) in UTC; start None: from the beginning."""

    name: str
    start: datetime | None
    end: datetime


def first_of(year: int, month: int) -> datetime:
    """The first instant of a month; months beyond 1..12 count on into other years."""
    index = year * 12 + month - 1
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)


def month(year: int, month: int) -> Partition:
    start, end = first_of(year, month), first_of(year, month + 1)
    return Partition(f"dmp_event_{start:%Y_%m}", start, end)


def partitions(installed: datetime, until: datetime) -> list[Partition]:
    """All that an installation of `installed` needs up to three months after `until`, without gaps, oldest first."""
    months_from = first_of(installed.year, installed.month - MONTHS_BACK)
    plan = [Partition("dmp_event_past", None, first_of(FIRST_YEAR, 1))]
    for year in range(FIRST_YEAR, months_from.year):
        plan.append(Partition(f"dmp_event_{year}", first_of(year, 1), first_of(year + 1, 1)))
    if months_from.month > 1:
        plan.append(Partition(f"dmp_event_{months_from.year}", first_of(months_from.year, 1), months_from))
    count = (until.year - months_from.year) * 12 + until.month - months_from.month + MONTHS_AHEAD + 1
    plan += [month(months_from.year, months_from.month + index) for index in range(count)]
    return plan


BOUNDS = """SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), pg_relation_size(c.oid) > 0
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'dmp_event'::regclass"""


def stored() -> list[tuple[Partition, bool]]:
    """The partitions that are there, each with whether it holds anything."""
    with connection.cursor() as cursor:
        cursor.execute(BOUNDS)
        return [(parsed(name, bound), used) for name, bound, used in cursor.fetchall()]


def parsed(name: str, bound: str) -> Partition:
    """From FOR VALUES FROM ('...') TO ('...')."""
    start, end = (text.split(")")[0].strip("'") for text in bound.split("(")[1:])
    return Partition(name, None if start == "MINVALUE" else datetime.fromisoformat(start), datetime.fromisoformat(end))


def attached() -> set[str]:
    return {partition.name for partition, _ in stored()}


def ensure(until: datetime) -> list[str]:
    """Makes the partitions that are missing up to three months after `until`; gives their names."""
    present = attached()
    if present:
        plan = [month(until.year, until.month + ahead) for ahead in range(MONTHS_AHEAD + 1)]
    else:
        plan = partitions(until, until)
    missing = [partition for partition in plan if partition.name not in present]
    for partition in missing:
        make(partition)
    return [partition.name for partition in missing]


def make(partition: Partition) -> None:
    """CREATE, then ATTACH: attaching does not block those who write to other partitions. Of two makers one wins."""
    bounds = f"FROM ({literal(partition.start)}) TO ({literal(partition.end)})"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f'CREATE TABLE "{partition.name}" (LIKE dmp_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS)')
            cursor.execute(f'ALTER TABLE dmp_event ATTACH PARTITION "{partition.name}" FOR VALUES {bounds}')
    except DatabaseError:
        if partition.name not in attached():
            raise


def literal(at: datetime | None) -> str:
    return "MINVALUE" if at is None else f"'{at.isoformat()}'"


def kept_since() -> datetime:
    """Where the partitions begin: what happened before may have been dropped."""
    return min((partition.start or EARLIEST for partition, _ in stored()), default=EARLIEST)


def first_used() -> datetime:
    """The start of the oldest partition that holds anything: no event is older, but for those that are recorded from
    now on."""
    return min((partition.start or EARLIEST for partition, used in stored() if used), default=EARLIEST)


def drop_before(at: datetime) -> list[str]:
    """Drops the partitions whose events all happened before `at`; gives their names."""
    old = sorted(partition.name for partition, _ in stored() if partition.end <= at)
    with connection.cursor() as cursor:
        for name in old:
            cursor.execute(f'DROP TABLE "{name}"')
    return old
