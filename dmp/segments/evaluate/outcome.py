"""What the evaluation of one person gives."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from dmp.segments.facts import Facts

PROBES = 20


class Outcome(NamedTuple):
    """`next_check_at`: not later than the first instant at which `member` can change by time alone; None: never."""

    member: bool
    next_check_at: datetime | None


Ask = Callable[[Facts, datetime], Outcome]
Truth = Callable[[datetime], bool]


def earliest(times: Iterable[datetime | None]) -> datetime | None:
    return min((at for at in times if at is not None), default=None)


def flip(now: datetime, member: bool, truth: Truth, instants: Iterable[datetime]) -> datetime | None:
    """The first of the instants after now at which the truth is another."""
    later = sorted({at for at in instants if at > now})
    for at in later[:PROBES]:
        if truth(at) is not member:
            return at
    return later[PROBES] if len(later) > PROBES else None
