"""Links as a pure function of what was asserted: whatever the order in which events arrive, the links are the same."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from dmp.partitions import EARLIEST

BEGINNING = EARLIEST


class Assertion(NamedTuple):
    """At `time` the visitor was said to be `profile`'s; None: nobody's (logout, device limit)."""

    time: datetime
    profile: UUID | None


def timeline(assertions: Iterable[Assertion], *, reach_back: bool) -> list[Assertion]:
    """The links (since, profile) that follow: each lasts until the next, equal neighbours are one. With `reach_back`
    the first reaches back to the beginning. At equal times the smaller profile key comes first."""
    links: list[Assertion] = []
    for time, profile in sorted(assertions, key=lambda a: (a.time, a.profile.bytes if a.profile else b"")):
        if not links:
            if profile is not None:
                links.append(Assertion(BEGINNING if reach_back else time, profile))
            continue
        if links[-1].time == time:
            links.pop()
        if not links or links[-1].profile != profile:
            links.append(Assertion(time, profile))
    return links
