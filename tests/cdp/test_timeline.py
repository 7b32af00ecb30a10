from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from cdp.timeline import BEGINNING, Assertion, timeline

P1, P2, P3 = (UUID(int=number) for number in (1, 2, 3))
DAY = datetime(2026, 6, 1, tzinfo=UTC)

times = st.sampled_from([BEGINNING, *(DAY + timedelta(hours=hour) for hour in range(8))])
assertions = st.builds(Assertion, times, st.sampled_from([None, P1, P2, P3]))
said = st.lists(assertions, max_size=12)
reach_back = st.booleans()


def at(hour, profile):
    return Assertion(DAY + timedelta(hours=hour), profile)


def owner(links, time):
    """Whose the visitor is at a time."""
    return next((link.profile for link in reversed(links) if link.time <= time), None)


@given(said, st.randoms(use_true_random=False), reach_back)
def test_the_order_of_assertions_changes_nothing(some, chance, back):
    assert timeline(chance.sample(some, len(some)), reach_back=back) == timeline(some, reach_back=back)


@given(said, reach_back)
def test_saying_it_twice_changes_nothing(some, back):
    assert timeline(some + some, reach_back=back) == timeline(some, reach_back=back)


@given(said, reach_back)
def test_equal_neighbours_are_one_and_each_time_has_one_link(some, back):
    links = timeline(some, reach_back=back)
    assert all(
        one.profile != next.profile and one.time < next.time for one, next in zip(links, links[1:], strict=False)
    )


@given(said, reach_back)
def test_nobody_is_no_first_link(some, back):
    links = timeline(some, reach_back=back)
    assert not links or links[0].profile is not None


@given(said)
def test_the_last_assertion_of_an_instant_holds(some):
    links = timeline(some, reach_back=False)
    for time in {assertion.time for assertion in some}:
        last = max((a.profile.bytes if a.profile else b"" for a in some if a.time == time), default=b"")
        assert owner(links, time) == (UUID(bytes=last) if last else None)


@given(said, st.lists(st.sampled_from([None, P1, P2, P3]), max_size=4), reach_back)
def test_what_is_said_later_continues_the_links(some, later, back):
    new = [at(10 + hour, profile) for hour, profile in enumerate(later)]
    assert timeline([*timeline(some, reach_back=back), *new], reach_back=back) == timeline(some + new, reach_back=back)


@given(said.filter(lambda some: any(a.profile for a in some)))
def test_the_first_link_reaches_back_to_the_beginning(some):
    assert timeline(some, reach_back=True)[0].time == BEGINNING


def test_without_reaching_back_it_starts_when_said():
    assert timeline([at(3, P1)], reach_back=False) == [at(3, P1)]


def test_a_device_is_handed_over():
    links = timeline([at(1, P1), at(3, P2), at(2, P1), at(5, P1)], reach_back=True)
    assert links == [Assertion(BEGINNING, P1), at(3, P2), at(5, P1)]


def test_at_equal_times_the_smaller_key_comes_first():
    assert timeline([at(1, P1), at(2, P3), at(2, P2)], reach_back=True) == [Assertion(BEGINNING, P1), at(2, P3)]


def test_a_logout_ends_a_link():
    assert timeline([at(1, P1), at(2, None)], reach_back=True) == [Assertion(BEGINNING, P1), at(2, None)]
