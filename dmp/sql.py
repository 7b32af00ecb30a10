"""Prepared statements on Django's connection, sent straight through libpq.

Django's own cursors prepare nothing, and psycopg's take longer over a statement than PostgreSQL does: what they do
beside it (finding out each time whether to prepare, waiting in Python) is left out here. One plan is made for all
values (`plan_cache_mode`, in the settings): planning took longer than most statements do. The connection stays
Django's, so that transactions, tests and query counts see it.
"""

import itertools
import re
from collections import OrderedDict
from functools import lru_cache
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.transaction import atomic
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg.sql import Literal

PARAMETER = re.compile(r"%\((\w+)\)s")
MOST_PREPARED = 300
"""Statements of one connection that stay prepared."""
GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)

Prepared = OrderedDict[tuple[bytes, tuple[int, ...]], bytes]
_kept: WeakKeyDictionary[psycopg.Connection[Any], tuple[Any, Prepared]] = WeakKeyDictionary()
"""Of each connection its Transformer, and the names of what it has prepared, by text and types of parameters; the last
used last."""
_numbers = itertools.count()


def run(statement: str, values: dict[str, Any], *, binary: bool = False, prepare: bool = True) -> list[tuple[Any, ...]]:
    """All rows of one statement with %(name)s parameters; `binary` is faster for many rows of uuids and times (no JSON
    then). A prepared statement is planned once, whatever its values; one that is not (`prepare`), each time, for its
    values: for statements that are made of rules."""
    django = connections[DEFAULT_DB_ALIAS]  # looked up once: each access through the proxy costs 5 us
    if django.connection is None:
        django.ensure_connection()
    raw: psycopg.Connection[Any] = django.connection
    if django.queries_logged:
        django.queries_log.append({"sql": statement, "time": "0"})
    if not prepare:
        with psycopg.RawCursor(raw) as cursor:
            return cursor.execute(with_literals(statement, values, raw), prepare=False, binary=binary).fetchall()
    text, names = numbered(statement)
    transformer, known = kept_of(raw)
    parameters = transformer.dump_sequence([array_of(values[name]) for name in names], [PyFormat.AUTO] * len(names))
    name = prepared(raw, known, text, transformer.types or ())
    result = executed(raw, name, parameters, transformer.formats, binary=binary)
    if not result.nfields:
        return []
    transformer.set_pgresult(result)
    rows: list[tuple[Any, ...]] = transformer.load_rows(0, result.ntuples, tuple)
    return rows


def kept_of(raw: psycopg.Connection[Any]) -> tuple[Any, Prepared]:
    """What the connection keeps: how values are written and read, found out once for each type (without the connection:
    it would never be let go), and its statements."""
    found = _kept.get(raw)
    if found is None:
        found = _kept[raw] = Transformer(raw.adapters), OrderedDict()
    return found


def prepared(raw: psycopg.Connection[Any], known: Prepared, text: bytes, types: tuple[int, ...]) -> bytes:
    """The name under which the connection has the statement prepared."""
    key = text, types
    name = known.get(key)
    if name is not None:
        known.move_to_end(key)
        return name
    if len(known) >= MOST_PREPARED:
        raw.pgconn.close_prepared(known.popitem(last=False)[1])
    name = b"hub%d" % next(_numbers)
    check(raw, raw.pgconn.prepare(name, text, types))
    known[key] = name
    return name


def executed(raw: psycopg.Connection[Any], name: bytes, parameters: Any, formats: Any, *, binary: bool) -> PGresult:
    """The result of a prepared statement; it begins the transaction where the connection owes one."""
    libpq = raw.pgconn
    if not raw.autocommit and libpq.transaction_status == TransactionStatus.IDLE:
        check(raw, libpq.exec_(b"BEGIN"))
    return check(raw, libpq.exec_prepared(name, parameters, formats, int(binary)))


def check(raw: psycopg.Connection[Any], result: PGresult) -> PGresult:
    """The result, unless it is an error: that is raised."""
    if result.status in GOOD:
        return result
    if raw.closed:  # an error of the network has no code by which psycopg would know its kind
        raise psycopg.OperationalError(result.get_error_message().strip() or "the connection is lost")
    raise psycopg.errors.error_from_result(result)


class Transaction:
    """A transaction as `django.db.transaction.atomic`, at a third of its cost: BEGIN and COMMIT go straight to libpq.
    Inside another one it is an atomic block of that."""

    def __enter__(self) -> None:
        django = connections[DEFAULT_DB_ALIAS]
        self.inner = atomic() if django.in_atomic_block or not django.get_autocommit() else None
        if self.inner is not None:
            self.inner.__enter__()
            return
        self.say(b"BEGIN")
        django.in_atomic_block, django.autocommit, django.needs_rollback = True, False, False

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if self.inner is not None:
            self.inner.__exit__(kind, error, trace)
            return
        django = connections[DEFAULT_DB_ALIAS]
        django.in_atomic_block, django.autocommit = False, True
        if kind is not None or django.needs_rollback:
            django.needs_rollback = False
            django.run_on_commit = []
            if django.connection is not None and not django.connection.closed:
                self.say(b"ROLLBACK")
            return
        self.say(b"COMMIT")
        django.run_and_clear_commit_hooks()

    def say(self, command: bytes) -> None:
        connection: psycopg.Connection[Any] = connections[DEFAULT_DB_ALIAS].connection
        result = check(connection, connection.pgconn.exec_(command))
        if command == b"COMMIT" and result.command_status == b"ROLLBACK":
            raise psycopg.errors.InFailedSqlTransaction("the transaction had failed")


def inlined(statement: str, values: dict[str, Any]) -> str:
    """The statement with its values written out, as a part of another."""
    connections[DEFAULT_DB_ALIAS].ensure_connection()
    return with_literals(statement, values, connections[DEFAULT_DB_ALIAS].connection).decode()


def with_literals(statement: str, values: dict[str, Any], connection: psycopg.Connection[Any]) -> bytes:
    if not values:  # written out before
        return statement.encode()
    literals = {name: Literal(value).as_string(connection) for name, value in values.items()}
    return PARAMETER.sub(lambda found: literals[found.group(1)], statement).encode()


def array_of(value: Any) -> Any:
    """A list of uuids or whole numbers as the text of an array, 5 times faster than psycopg's own; all else as it
    is."""
    if type(value) is list:
        kinds = set(map(type, value))
        if kinds == {UUID}:
            return "{" + ",".join([item.hex for item in value]) + "}"
        if kinds == {int}:
            return "{" + ",".join(map(str, value)) + "}"
    return value


@lru_cache(maxsize=4096)
def numbered(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with PostgreSQL's own $1, and the parameters' names in that order: psycopg would parse a statement
    of more than 4,096 characters anew each time."""
    names: dict[str, int] = {}
    text = PARAMETER.sub(lambda found: f"${names.setdefault(found.group(1), len(names) + 1)}", statement)
    return text.encode(), tuple(names)
