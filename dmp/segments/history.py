"""How a segment grew: its size at the end of each day, and who entered and left on it, by cause.

Sizes are counted backwards from those who are in now: each change of who is in leaves a row, so that what came after a
day is all that is needed for its size. People who were in before the first row are in all of them, and a row that is
older than the days asked for may be gone.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from accounts.snapshot import Configuration
from dmp import sql
from dmp.memberships import COUNTS
from dmp.models import MembershipChange
from dmp.segments.evaluate.values import day_start
from dmp.segments.levels import levels
from dmp.segments.members import bring_up_to_date
from dmp.segments.preview import at_most

SECONDS = 10
EDIT = MembershipChange.Cause.EDIT.value
READ = f"""SELECT m.level, NULL::int, NULL, NULL::boolean, count(*) FROM dmp_membership m
    WHERE m.segment_id = %(segment)s
        AND m.revision IN (0, (SELECT revision FROM dmp_segment WHERE id = %(segment)s))
        AND {COUNTS}
    GROUP BY 1
    UNION ALL SELECT found.level, day.number::int - 1, found.cause, found.entered, found.people
    FROM unnest(%(days)s::timestamptz[], %(ends)s::timestamptz[]) WITH ORDINALITY day(start, finish, number)
    CROSS JOIN LATERAL (SELECT level, cause, entered, count(*) AS people FROM dmp_membership_change
        WHERE segment_id = %(segment)s AND at >= day.start AND at < day.finish GROUP BY 1, 2, 3) found"""


@dataclass
class Day:
    """`size` at its end; who `entered` and `left` on it, by cause."""

    date: date
    size: int = 0
    entered: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)

    @property
    def growth(self) -> int:
        return self.entered.total() - self.left.total()


@dataclass
class History:
    """The days of one level, oldest first; the size of the last is that of now."""

    level: str
    days: list[Day]

    @property
    def size(self) -> int:
        return self.days[-1].size

    @property
    def before(self) -> int:
        """The size when the first day began."""
        return max(0, self.days[0].size - self.days[0].growth)

    @property
    def is_empty(self) -> bool:
        return not self.before and not any(day.size or day.entered or day.left for day in self.days)


def history(configuration: Configuration, segment: int, first: date, now: datetime) -> list[History]:
    """By level, from the day `first` to today in the account's zone; who is due is evaluated before.
    Raises TooSlow."""
    for name in levels:
        bring_up_to_date(configuration, segment, name, now)
    last = now.astimezone(configuration.zone).date()
    first = min(first, last)
    dates = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    edges = [day_start(each, configuration.zone) for each in [*dates, last + timedelta(days=1)]]
    with at_most(SECONDS):
        rows = sql.run(READ, {"segment": segment, "days": edges[:-1], "ends": edges[1:]})
    return [of_level(name, dates, [row[1:] for row in rows if row[0] == name]) for name in levels]


def of_level(level: str, dates: Sequence[date], rows: Iterable[tuple[Any, ...]]) -> History:
    """From rows of (number of the day, cause, entered, people); without a day: how many are in now."""
    days = [Day(each) for each in dates]
    size = 0
    for number, cause, entered, people in rows:
        if number is None:
            size = people
        else:
            (days[number].entered if entered else days[number].left)[cause] += people
    for day in reversed(days):
        day.size = max(0, size)
        size -= day.growth
    return History(level, days)
