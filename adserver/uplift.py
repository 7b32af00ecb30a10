"""What a campaign adds: those who were to see it against those held out, all who were marked, seen or not. Pure.

The lift is relative, with an interval that holds the truth in 95 of 100 cases: the delta method on its logarithm. On
the lift itself it would be too narrow with few orders (of A/A tests of 500 people at 3 % with 10 % held out 10 %
showed a lift, on the logarithm 4 %). It is never cut at 0.
"""

import math
from typing import NamedTuple

Z = 1.959964
"""Standard errors to each side of 95 %."""
POWER = 0.841621
"""And those more for 80 tests of 100 to find what is there."""
UNEVEN = 0.001
"""Below this chance the sizes of the groups are no accident."""
LONGEST = 365


class Group(NamedTuple):
    """People of one side: how many, how many bought, their revenue and the sum of its squares by person."""

    people: int = 0
    buyers: int = 0
    revenue: float = 0.0
    squares: float = 0.0

    @property
    def rate(self) -> float:
        return self.buyers / self.people if self.people else 0.0

    @property
    def per_person(self) -> float:
        return self.revenue / self.people if self.people else 0.0


class Mean(NamedTuple):
    """Of a group, with the variance of the mean."""

    value: float
    variance: float


class Lift(NamedTuple):
    """0.2 is 20 % more; between `low` and `high` in 95 of 100 cases."""

    value: float
    low: float
    high: float

    @property
    def significant(self) -> bool:
        return self.low > 0 or self.high < 0

    @property
    def errors(self) -> float:
        """How many standard errors the lift is from none."""
        width = (math.log1p(self.high) - math.log1p(self.low)) / (2 * Z)
        return abs(math.log1p(self.value)) / width if width else math.inf


def conversion_lift(treated: Group, control: Group) -> Lift | None:
    """Of the share of buyers; None while a side has none."""
    return lift(rate(treated), rate(control))


def revenue_lift(treated: Group, control: Group) -> Lift | None:
    """Of the revenue by person; None while a side has none, or refunds are more."""
    return lift(revenue(treated), revenue(control))


def rate(group: Group) -> Mean:
    return Mean(group.rate, group.rate * (1 - group.rate) / group.people if group.people else 0.0)


def revenue(group: Group) -> Mean:
    if group.people < 2:
        return Mean(group.per_person, 0.0)
    spread = (group.squares - group.people * group.per_person**2) / (group.people - 1)
    return Mean(group.per_person, max(0.0, spread) / group.people)


def lift(treated: Mean, control: Mean) -> Lift | None:
    if treated.value <= 0 or control.value <= 0:
        return None
    ratio = treated.value / control.value
    error = math.sqrt(treated.variance / treated.value**2 + control.variance / control.value**2)
    return Lift(ratio - 1, ratio * math.exp(-Z * error) - 1, ratio * math.exp(Z * error) - 1)


def days_more(found: Lift, days: float) -> int | None:
    """So many more like the `days` measured, and a lift of this size would be told from none; None for more than
    LONGEST: so small a lift cannot be told."""
    if found.significant:
        return 0
    if not found.errors:
        return None
    more = math.ceil(days * (((Z + POWER) / found.errors) ** 2 - 1))
    return more if more <= LONGEST else None


def chance_of_split(treated: int, control: int, percent: float) -> float:
    """How likely groups are that are so far from `percent` in control, or farther: chi-square of one degree. Below
    UNEVEN something else than the draw decides who is in them, and nothing can be compared."""
    people, share = treated + control, percent / 100
    if not people or not 0 < share < 1:
        return 1.0
    chi_square = (control - people * share) ** 2 / (people * share * (1 - share))
    return math.erfc(math.sqrt(chi_square / 2))
