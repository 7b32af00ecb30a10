"""Prepared statements on Django's connection.

Django's own cursors prepare nothing: the psycopg cursor must be a plain one, and the connection's `prepare_threshold`
set (settings). The connection stays Django's, so that transactions, tests and query counts see it.
"""

from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections


def run(statement: str, values: dict[str, Any], *, binary: bool = False) -> list[tuple[Any, ...]]:
    """All rows of one statement; `binary` is faster for many rows of uuids and times (no JSON then)."""
    django = connections[DEFAULT_DB_ALIAS]  # looked up once: each access through the proxy costs 5 us
    if django.connection is None:
        django.ensure_connection()
    raw: psycopg.Connection[Any] = django.connection
    if django.queries_logged:
        django.queries_log.append({"sql": statement, "time": "0"})
    with psycopg.Cursor(raw) as cursor:
        cursor.execute(statement.encode(), values, prepare=True, binary=binary)
        result = cursor.pgresult  # asking cursor.description would build its columns each time
        return cursor.fetchall() if result is not None and result.nfields else []
