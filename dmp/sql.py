"""Prepared statements on Django's connection.

Django's own cursors prepare nothing: the psycopg cursor must be another, and the connection's `prepare_threshold` set
(settings), and one plan be made for all values (`plan_cache_mode`): planning took longer than most statements do. The
connection stays Django's, so that transactions, tests and query counts see it.
"""

import re
from functools import lru_cache
from typing import Any
from uuid import UUID

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.transaction import atomic
from psycopg.sql import Literal

PARAMETER = re.compile(r"%\((\w+)\)s")


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
    with psycopg.RawCursor(raw) as cursor:
        if not prepare:
            return cursor.execute(with_literals(statement, values, raw), prepare=False, binary=binary).fetchall()
        text, names = numbered(statement)
        cursor.execute(text, [array_of(values[name]) for name in names], prepare=True, binary=binary)
        result = cursor.pgresult  # asking cursor.description would build its columns each time
        return cursor.fetchall() if result is not None and result.nfields else []


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
        result = connection.pgconn.exec_(command)
        if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)
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
