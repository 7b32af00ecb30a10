"""What a measurement of two groups says, in words and as a small picture."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from adserver.groups import Groups, read
from adserver.uplift import (
    UNEVEN,
    Lift,
    chance_of_split,
    conversion_lift,
    days_more,
    revenue_lift,
)
from dmp.partitions import EARLIEST
from dmp.segments.preview import TooSlow, at_most
from segmenthub.panel.periods import Asked

SECONDS = 8
WIDEST = 2.0
"""A lift beyond 200 % is drawn at the edge."""


class Picture(NamedTuple):
    """Places from 0 to 100 across it; no lift is at 50. `edge` is what stands at its ends, in per cent."""

    low: float
    width: float
    value: float
    edge: int


class Measure(NamedTuple):
    """`state`: up, down, or open while it cannot be told."""

    title: str
    treated: str
    control: str
    sentence: str
    state: str
    picture: Picture | None


class Uplift(NamedTuple):
    """`warning`: why the numbers cannot be trusted. `asked`: how many per cent are to be held out now."""

    groups: Groups
    percent: int
    measures: list[Measure]
    warning: str
    too_slow: bool = False

    @property
    def people(self) -> int:
        return self.groups.treated.people + self.groups.control.people


def uplift(account: UUID, campaign: int, percent: int, asked: Asked, marked_since: datetime | None = None) -> Uplift:
    """`marked_since`: people marked before were drawn by another percentage."""
    until = min(asked.period.until, asked.now)
    try:
        with at_most(SECONDS):
            groups = read(account, campaign, asked.period.since, until, marked_since or EARLIEST)
    except TooSlow:
        return Uplift(Groups(), percent, [], "", too_slow=True)
    days = (until - max(groups.since or until, asked.period.since)) / timedelta(days=1)
    treated, control = groups.treated, groups.control
    measures = [
        measure(
            "Share of buyers",
            f"{treated.buyers:,} of {treated.people:,} ({100 * treated.rate:.2f} %)",
            f"{control.buyers:,} of {control.people:,} ({100 * control.rate:.2f} %)",
            ("bought more often", "bought less often"),
            conversion_lift(treated, control),
            days,
        ),
        measure(
            "Revenue per person",
            f"{treated.per_person:,.2f}",
            f"{control.per_person:,.2f}",
            ("brought more revenue", "brought less revenue"),
            revenue_lift(treated, control),
            days,
        ),
    ]
    return Uplift(groups, percent, measures, split_warning(groups, percent))


def split_warning(groups: Groups, percent: int) -> str:
    treated, control = groups.treated.people, groups.control.people
    if chance_of_split(treated, control, percent) >= UNEVEN:
        return ""
    return (
        f"The groups are not as large as the draw makes them: {100 * control / (treated + control):.1f} % are held out,"
        f" not {percent} %. By chance that happens in less than 1 of 1,000 cases. Something else decides who is in"
        " them, such as a percentage that was changed meanwhile: do not trust the comparison below."
    )


def measure(title: str, treated: str, control: str, verbs: tuple[str, str], lift: Lift | None, days: float) -> Measure:
    if lift is None:
        sentence = "One of the groups has bought nothing yet, or returned more than it bought: nothing can be compared."
        return Measure(title, treated, control, sentence, "open", None)
    interval = f"in 95 of 100 cases the truth is between {signed(lift.low)} and {signed(lift.high)}"
    if lift.significant:
        verb = verbs[lift.value < 0]
        told = f"Those who were to see it {verb} than those held out: {signed(lift.value)}; {interval}."
        return Measure(title, treated, control, told, "down" if lift.value < 0 else "up", drawn(lift))
    more = days_more(lift, days)
    advice = (
        f"If it stays at {signed(lift.value)}, about {more:,} more day{'' if more == 1 else 's'} like these are needed."
        if more is not None
        else "So small a difference cannot be told within a year: hold out more people, or take it for none."
    )
    told = f"This cannot be told yet: the difference may be chance; {interval}. {advice}"
    return Measure(title, treated, control, told, "open", drawn(lift))


def drawn(lift: Lift) -> Picture:
    edge = min(WIDEST, max(0.1, 1.2 * max(abs(lift.low), abs(lift.high))))
    low, value, high = (50 + 50 * max(-1.0, min(1.0, each / edge)) for each in (lift.low, lift.value, lift.high))
    return Picture(low, high - low, value, round(100 * edge))


def signed(share: float) -> str:
    return f"{100 * share:+,.1f} %".replace("-", "−")
