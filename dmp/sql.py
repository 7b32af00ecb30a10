"""Prepared statements on Django's connection.

Django's own cursors prepare nothing: the psycopg cursor must be a plain one, and the connection's `prepare_threshold`
set (settings). The connection stays Django's, so that transactions, tests and query counts see it.
"""

from typing import Any

import psycopg
from django.db import connection


def run(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    """All rows of one statement."""
    connection.ensure_connection()
    raw: psycopg.Connection[Any] = connection.connection
    if connection.queries_logged:
        connection.queries_log.append({"sql": statement, "time": "0"})
    with psycopg.Cursor(raw) as cursor:
        cursor.execute(statement.encode(), values, prepare=True)
        return cursor.fetchall() if cursor.description else []
