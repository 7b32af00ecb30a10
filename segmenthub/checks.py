"""System checks of the database: what would lose answered events. They run where the database is at hand, that is in
`manage.py migrate` (and so in `up`), `manage.py check --database default`, and when a web process or a worker starts.
"""

import logging
import sys
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register, run_checks
from django.db import OperationalError, connections

logger = logging.getLogger(__name__)
OLDEST = 15
UNSAFE = {
    "synchronous_commit": Error(
        "PostgreSQL answers before it has written: synchronous_commit is off.",
        hint="A crash would lose events that were answered 200. Set it to on, for the role and the database too.",
        id="segmenthub.E001",
    ),
    "fsync": Error(
        "PostgreSQL does not wait for the disk: fsync is off.",
        hint="A power failure would lose events that were answered 200, or all data. Set it to on and restart.",
        id="segmenthub.E002",
    ),
}
"""PostgreSQL's settings that must not be off. Only tests do without, by UNSAFE_DATABASE."""


@register(Tags.database)
def check_durability(*, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    if settings.UNSAFE_DATABASE:
        return []
    return [error for alias in databases or () for name, error in UNSAFE.items() if shown(alias, name) == "off"]


@register(Tags.database)
def check_version(*, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(
            f"PostgreSQL {version} is too old.",
            hint=f"Move the data to PostgreSQL {OLDEST} or newer.",
            id="segmenthub.E003",
        )
        for alias in databases or ()
        if (version := int(shown(alias, "server_version_num")) // 10_000) < OLDEST
    ]


def shown(alias: str, name: str) -> str:
    """A setting as it holds for our own connections: a role or a database may have its own."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        return str(cursor.fetchall()[0][0])


def refuse_unsafe_database() -> None:
    """Ends the process when the database would lose events. One that is away is no reason not to start: requests
    are answered 503 until it is back."""
    try:
        errors = run_checks(tags=[Tags.database], databases=["default"])
    except OperationalError as error:
        logger.warning("The database was not checked: %s", error)
        return
    finally:
        connections.close_all()
    if errors:
        sys.exit("\n".join(map(str, errors)))  # no Exception: Celery would log it and go on
