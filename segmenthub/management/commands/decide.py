"""`manage.py decide FILE`: campaigns tried on people who are written in a file."""

from collections.abc import Iterable, Iterator
from typing import Any

from segmenthub.trial.lines import LinesCommand, read_line
from segmenthub.trial.offers import decide


class Command(LinesCommand):
    help = "Tries campaigns on people: JSON Lines of {campaigns, timezone, now, segments, events}. Stores nothing."

    def answers(self, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
        for line in lines:
            found = read_line(line, decide)
            yield {"error": found} if isinstance(found, str) else found
