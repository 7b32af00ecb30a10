"""What a campaign adds is found where it is, and not where it is not."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adserver.uplift import Group, Lift, chance_of_split, conversion_lift, days_more, revenue_lift

RUNS = 200


def bought(random: Random, people: int, rate: float, mean: float = 40.0) -> Group:
    """People who buy at a rate, for amounts of a long tail."""
    amounts = [random.lognormvariate(math.log(mean), 0.8) for _ in range(people) if random.random() < rate]
    return Group(people, len(amounts), sum(amounts), sum(amount**2 for amount in amounts))


def experiments(
    lift: float, people: int = 4000, control: float = 0.2, rate: float = 0.05, runs: int = RUNS
) -> list[tuple[Group, Group]]:
    random = Random(7)  # noqa: S311
    held = int(people * control)
    return [(bought(random, people - held, rate * (1 + lift)), bought(random, held, rate)) for _ in range(runs)]


@pytest.mark.parametrize("measure", [conversion_lift, revenue_lift])
def test_an_a_a_test_shows_no_lift_in_95_of_100_runs(measure):
    found = [measure(treated, control) for treated, control in experiments(0)]
    assert all(found)
    assert sum(each.significant for each in found) <= 0.05 * RUNS


def test_an_a_a_test_with_few_orders_shows_no_lift_either():
    found = [conversion_lift(*groups) for groups in experiments(0, people=500, control=0.1, rate=0.03)]
    assert sum(each is not None and each.significant for each in found) <= 0.05 * RUNS


def test_a_planted_lift_of_a_fifth_is_found():
    found = [conversion_lift(*each) for each in experiments(0.2, people=30_000, control=0.5, runs=40)]
    assert sum(each.significant and each.value > 0 for each in found) >= 38
    assert sum(each.low < 0.2 < each.high for each in found) >= 36


def test_the_interval_holds_the_truth_in_95_of_100_runs():
    found = [conversion_lift(*groups) for groups in experiments(0.2)]
    assert sum(each.low <= 0.2 <= each.high for each in found) >= 0.92 * RUNS


def test_harm_is_told_as_it_is():
    found = conversion_lift(Group(10_000, 300), Group(10_000, 500))
    assert found is not None
    assert found.value == pytest.approx(-0.4)
    assert found.high < 0
    assert found.significant


def test_the_delta_method_gives_what_the_textbook_gives():
    found = conversion_lift(Group(1000, 120), Group(1000, 100))
    error = math.sqrt((1 - 0.12) / 120 + (1 - 0.1) / 100)
    assert found == pytest.approx((0.2, 1.2 * math.exp(-1.959964 * error) - 1, 1.2 * math.exp(1.959964 * error) - 1))


@pytest.mark.parametrize(
    ("treated", "control"),
    [(Group(), Group()), (Group(10, 1), Group(10, 0)), (Group(10), Group(10, 2)), (Group(1), Group(1))],
)
def test_where_a_side_bought_nothing_there_is_no_lift(treated, control):
    assert conversion_lift(treated, control) is None
    assert revenue_lift(treated, control) is None


def test_where_refunds_are_more_there_is_no_lift():
    assert revenue_lift(Group(10, 2, -5.0, 100.0), Group(10, 2, 5.0, 100.0)) is None


@given(st.integers(2, 10**7), st.integers(2, 10**7), st.floats(0, 1), st.floats(0, 1))
def test_the_lift_lies_in_its_interval(treated, control, some, others):
    found = conversion_lift(Group(treated, int(treated * some)), Group(control, int(control * others)))
    assert found is None or found.low <= found.value <= found.high


def test_what_is_told_needs_no_more_days():
    assert days_more(Lift(0.2, 0.1, 0.3), 10) == 0


def test_half_as_many_errors_need_four_times_the_days():
    width = 0.1
    near, far = (
        Lift(math.expm1(z * width), math.expm1((z - 1.959964) * width), math.expm1((z + 1.959964) * width))
        for z in (0.7, 1.4)
    )
    assert days_more(far, 10) == pytest.approx(10 * (2.8016 / 1.4) ** 2 - 10, abs=1)
    assert days_more(near, 10) == pytest.approx(10 * (2.8016 / 0.7) ** 2 - 10, abs=1)


def test_a_lift_of_nothing_is_never_told():
    assert days_more(Lift(0.0, -0.1, 0.1), 10) is None
    assert days_more(Lift(0.001, -0.1, 0.11), 10) is None


def test_the_days_it_asks_for_are_enough():
    first = [conversion_lift(*groups) for groups in experiments(0.2, people=3000)]
    later = [conversion_lift(*groups) for groups in experiments(0.2, people=3000 * 17, runs=20)]
    typical = Lift(0.2, *sorted(first, key=lambda each: each.high - each.low)[RUNS // 2][1:])
    asked = days_more(typical, 10)
    assert asked is not None
    assert asked <= 160
    assert sum(each.significant for each in later) >= 0.8 * len(later)


def test_a_fair_split_passes_and_a_skewed_one_does_not():
    assert chance_of_split(9000, 1000, 10) == pytest.approx(1)
    assert chance_of_split(8000, 1000, 10) < 0.001
    assert chance_of_split(5050, 4950, 50) > 0.1


def test_the_chance_of_a_split_is_chi_squares():
    assert chance_of_split(8900, 1100, 10) == pytest.approx(0.00085812, rel=1e-3)  # chi-square of 11.1


def test_without_people_or_a_holdout_no_split_is_wrong():
    assert chance_of_split(0, 0, 10) == chance_of_split(100, 0, 0) == 1


def test_fair_draws_are_seldom_called_skewed():
    random = Random(3)  # noqa: S311
    splits = [sum(random.random() < 0.1 for _ in range(2000)) for _ in range(500)]
    assert sum(chance_of_split(2000 - control, control, 10) < 0.001 for control in splits) <= 3
