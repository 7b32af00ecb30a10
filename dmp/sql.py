"""Prepared statements on Django's connection.

Django's own cursors prepare nothing: the psycopg cursor must be another, and the connection's `prepare_threshold` set
(settings). The connection stays Django's, so that transactions, tests and query counts see it.
"""

import re
from functools import cache
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections


def run(statement: str, values: dict[str, Any], *, binary: bool = False) -> list[tuple[Any, ...]]:
    """All rows of one statement with %(name)s parameters; `binary` is faster for many rows of uuids and times (no JSON
    then)."""
    django = connections[DEFAULT_DB_ALIAS]  # looked up once: each access through the proxy costs 5 us
    if django.connection is None:
        django.ensure_connection()
    raw: psycopg.Connection[Any] = django.connection
    if django.queries_logged:
        django.queries_log.append({"sql": statement, "time": "0"})
    text, names = numbered(statement)
    with psycopg.RawCursor(raw) as cursor:
        cursor.execute(text, [values[name] for name in names], prepare=True, binary=binary)
        result = cursor.pgresult  # asking cursor.description would build its columns each time
        return cursor.fetchall() if result is not None and result.nfields else []


@cache
def numbered(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with PostgreSQL's own $1, and the parameters' names in that order: psycopg would parse a statement
    of more than 4,096 characters anew each time."""
    names: dict[str, int] = {}
    text = re.sub(r"%\((\w+)\)s", lambda found: f"${names.setdefault(found.group(1), len(names) + 1)}", statement)
    return text.encode(), tuple(names)
