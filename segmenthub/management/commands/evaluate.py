"""`manage.py evaluate FILE`: rules tried on people who are written in a file."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.db import transaction

from segmenthub.trial.executors import make_tables, try_out
from segmenthub.trial.lines import LinesCommand, read_line
from segmenthub.trial.reading import Trial, read

BATCH = 1000


class Command(LinesCommand):
    help = "Tries rules on people: JSON Lines of {rule, timezone, now, attributes, segments, events}. Stores nothing."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        make_tables()
        super().handle(*args, **options)
        transaction.set_rollback(True)

    def answers(self, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
        rest = iter(lines)
        while batch := [read_line(line, read) for line in islice(rest, BATCH)]:
            tried = try_out([item for item in batch if isinstance(item, Trial)])
            for item in batch:
                if isinstance(item, Trial):
                    person, people = next(tried)
                    yield {"person": person._asdict(), "set": people._asdict()}
                else:
                    yield {"error": item}
