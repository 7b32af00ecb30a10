"""The outcome of a revision for many people, in one statement."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.snapshot import Configuration
from dmp import sql
from dmp.segments.active import Revision
from dmp.segments.compile import Row, ask
from dmp.segments.compile.sources import of_account, settled
from dmp.segments.levels import Facts

SECONDS = 1500
"""No statement of a build takes longer."""
SETTINGS = {
    "statement_timeout": f"{SECONDS}s",
    "work_mem": "64MB",
    "parallel_tuple_cost": "0.01",
    "parallel_setup_cost": "200",
}
"""Of a build's statements. Memory is for each sort or hash: what does not fit goes to the disk. Workers and the
rows that they hand over are counted cheap, so that months are read in parallel."""


def outcomes(
    configuration: Configuration, revision: Revision, level: Facts, low: UUID, high: UUID | None, now: datetime
) -> list[Row]:
    """Of the people with low <= key < high those who are in, or whose answer time can change."""
    source = settled(of_account(level, configuration.id, low, high), now)
    with transaction.atomic():
        for name, value in SETTINGS.items():
            sql.run(f"SET LOCAL {name} = '{value}'", {})
        return ask(revision.rule, source, revision.references, revision.zone, now)
