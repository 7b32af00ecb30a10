"""How a segment grew, as pictures with a table each: numbers only, so that whoever sees segments may open it."""

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.http import Http404, HttpRequest

from accounts.clock import now
from accounts.models import Role
from accounts.snapshot import configuration
from dmp.models import Segment
from dmp.segments.history import EDIT, Day, History, history
from dmp.segments.preview import TooSlow
from segmenthub.panel.pages import Page, above

LENGTHS = (30, 90)
LABELS = 10
"""About so many days of a chart are named below it."""
CAUSES = {
    "event": "event",
    "clock": "time passed",
    "link": "device linked",
    "merge": "profiles merged",
    "pin": "by hand or API",
    "edit": "rule built or edited",
}


class Column(NamedTuple):
    """A day of the charts, heights in per cent of the highest of their kind; `moves` without the builds of the rule,
    which would leave nothing visible of the days around them."""

    day: Day
    size: float
    entered: float
    left: float
    moves: tuple[int, int]
    built: bool
    named: bool
    causes: tuple[str, str]


class Chart(NamedTuple):
    history: History
    columns: list[Column]
    growth: int
    share: float | None
    """The growth in per cent of the size before, None when nobody was in."""
    most: tuple[int, int]
    """The most that entered and left on one day."""


class HistoryPage(Page):
    least = Role.VIEWER
    template = "panel/history.html"

    def context(self, request: HttpRequest, pk: int, *args: Any, **kwargs: Any) -> dict[str, Any]:
        segment = Segment.objects.filter(account=self.account, pk=pk).first()
        found = configuration(self.account.pk)
        if segment is None or found is None:
            raise Http404
        at = now()
        asked = request.GET.get("days", "")
        days = next((length for length in LENGTHS if str(length) == asked), LENGTHS[0])
        first = max(at.astimezone(found.zone).date() - timedelta(days=days - 1), born(segment, found.zone))
        try:
            levels = history(found, segment.pk, first, at)
        except TooSlow:
            levels = None
        return {
            "title": "Growth",
            "parents": above("dmp_segment", "Segments", row=segment),
            "segment": segment,
            "tab": "history",
            "days": days,
            "lengths": LENGTHS,
            "at": at,
            "too_slow": levels is None,
            "charts": [chart(level) for level in levels or () if not level.is_empty],
        }


def born(segment: Segment, zone: Any) -> date:
    created: datetime = segment.created_at
    return created.astimezone(zone).date()


def chart(found: History) -> Chart:
    moves = [(without_edits(day.entered), without_edits(day.left)) for day in found.days]
    highest = max((day.size for day in found.days), default=0) or 1
    most = max(entered for entered, _ in moves), max(left for _, left in moves)
    step = -(-len(found.days) // LABELS)
    columns = [
        Column(
            day,
            100 * day.size / highest,
            100 * entered / (most[0] or 1),
            100 * left / (most[1] or 1),
            (entered, left),
            EDIT in day.entered or EDIT in day.left,
            (len(found.days) - 1 - number) % step == 0,
            (in_words(day.entered), in_words(day.left)),
        )
        for number, (day, (entered, left)) in enumerate(zip(found.days, moves, strict=True))
    ]
    growth = found.size - found.before
    share = 100 * growth / found.before if found.before else None
    return Chart(found, columns, growth, share, most)


def without_edits(people: Any) -> int:
    return int(people.total() - people[EDIT])


def in_words(people: Any) -> str:
    """5 by event, 2 by time passed."""
    return ", ".join(f"{number:,} {CAUSES.get(cause, cause)}" for cause, number in people.most_common())
