"""How segments overlap: how many people are in each combination of some of them, counted at one instant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.snapshot import Configuration
from dmp import sql
from dmp.memberships import COUNTS
from dmp.segments.levels import levels
from dmp.segments.members import bring_up_to_date
from dmp.segments.preview import at_most

SECONDS = 15
READ = f"""SELECT level, mask, count(*) FROM (
        SELECT m.level, m.person, bit_or(1 << (asked.number::int - 1)) AS mask
        FROM unnest(%(segments)s::bigint[]) WITH ORDINALITY asked(segment, number)
        JOIN dmp_segment s ON s.id = asked.segment AND s.account_id = %(account)s
        JOIN dmp_membership m ON m.segment_id = s.id AND m.revision IN (0, s.revision)
        WHERE {COUNTS}
        GROUP BY 1, 2
    ) people GROUP BY 1, 2"""


@dataclass(frozen=True)
class Overlap:
    """`combinations`: how many people of a level are in just these of the segments, whose places are the bits of the
    key: 0b101 is in the first and the third and in no other. Only those that somebody is in."""

    level: str
    segments: int
    combinations: Mapping[int, int]

    @property
    def union(self) -> int:
        return sum(self.combinations.values())

    @property
    def intersection(self) -> int:
        return self.combinations.get((1 << self.segments) - 1, 0)

    def size(self, place: int) -> int:
        return sum(people for mask, people in self.combinations.items() if mask >> place & 1)

    def only(self, place: int) -> int:
        return self.combinations.get(1 << place, 0)


def overlap(configuration: Configuration, segments: Sequence[int], now: datetime) -> list[Overlap]:
    """By level; who is due is evaluated before. A segment of another account is as one that nobody is in. Raises
    TooSlow."""
    for name in levels:
        for segment in segments:
            bring_up_to_date(configuration, segment, name, now)
    with at_most(SECONDS):
        rows = sql.run(READ, {"segments": list(segments), "account": configuration.id})
    return [
        Overlap(name, len(segments), {mask: people for level, mask, people in rows if level == name}) for name in levels
    ]
