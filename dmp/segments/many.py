"""The outcome of a revision for many people, in one statement."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.snapshot import Configuration
from dmp import sql
from dmp.segments.active import Revision
from dmp.segments.compile import Row, ask
from dmp.segments.compile.sources import of_account
from dmp.segments.levels import Facts

SECONDS = 1500
"""No statement of a build takes longer."""
MEMORY = "64MB"
"""Of a build's statement for each sort or hash: what does not fit goes to the disk."""


def outcomes(
    configuration: Configuration, revision: Revision, level: Facts, low: UUID, high: UUID | None, now: datetime
) -> list[Row]:
    """Of the people with low <= key < high those who are in, or whose answer time can change."""
    source = of_account(level, configuration.id, low, high)
    with transaction.atomic():
        sql.run(f"SET LOCAL statement_timeout = '{SECONDS}s'", {})
        sql.run(f"SET LOCAL work_mem = '{MEMORY}'", {})
        return ask(revision.rule, source, revision.references, configuration.zone, now)
