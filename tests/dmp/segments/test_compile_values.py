"""Tests of values in a statement. Answers are worked out by hand."""

import pytest

from tests.dmp.segments.crowd import DAY, NOW, TICK, Crowd, did


@pytest.fixture
def crowd(account):
    return Crowd(account)


# Values


def test_bounds_hold_on_one_value_and_other_operators_each_on_their_own(crowd):
    ages = {"age": [10, 70]}
    assert not crowd.holds({"attribute": "age", "gte": 18, "lt": 65}, attributes=ages)
    assert crowd.holds({"attribute": "age", "gte": 18, "eq": 10}, attributes=ages)


def test_not_in_holds_for_a_person_without_the_attribute(crowd):
    assert crowd.holds({"attribute": "country", "nin": ["tr"]})
    assert crowd.holds({"attribute": "country", "ne": "tr"})


@pytest.mark.parametrize(
    ("stored", "needle"),
    [
        ("İSTANBUL", "istanbul"),
        ("ISLAK", "ıslak"),
        ("ÇAY", "çay"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ("100%", "0%"),
        ("a\\b", "\\"),
    ],
)
def test_contains_ignores_case_by_one_table(crowd, stored, needle):
    assert crowd.holds({"attribute": "country", "contains": needle}, attributes={"country": [stored]})


def test_contains_takes_percent_and_underscore_as_they_are(crowd):
    assert not crowd.holds({"attribute": "country", "contains": "a_c"}, attributes={"country": ["abc"]})
    assert not crowd.holds({"attribute": "country", "contains": "%"}, attributes={"country": ["abc"]})


def test_a_regular_expression_finds_anywhere_in_the_text(crowd):
    rule = {"event": "pageView", "where": {"property": "path", "matches": "che.k"}}
    assert crowd.holds(rule, did("pageView", path="/checkout/1"))
    assert not crowd.holds(rule, did("pageView", path="/Check"))


def test_a_number_that_is_a_whole_one_equals_its_decimal_form(crowd):
    assert crowd.holds({"attribute": "age", "eq": 18.0}, attributes={"age": [18]})


@pytest.mark.parametrize(
    ("born", "expected"),
    [
        ("2000-03-01", True),
        ("1999-03-08", True),
        ("1999-03-09", False),
        ("2000-02-29", True),
        ("1980-02-28", False),
    ],
)
def test_an_anniversary_is_from_today_to_the_date_of_the_end(crowd, born, expected):
    assert crowd.holds({"attribute": "birthDate", "anniversary": "7d"}, attributes={"birthDate": [born]}) is expected


def test_a_date_that_is_none_is_no_value(crowd):
    assert not crowd.holds({"attribute": "birthDate", "exists": True}, attributes={"birthDate": ["2026-02-30", "x"]})


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
@pytest.mark.parametrize("op", ["last", "next", "anniversary"])
def test_the_ends_of_time_are_dates_like_others(crowd, op, day):
    assert not crowd.holds({"attribute": "birthDate", op: "30d"}, attributes={"birthDate": [day]})


# Unchanged


def test_for_counts_from_the_last_change(crowd):
    rule = {"attribute": "plan", "eq": "trial", "for": "14d"}
    assert crowd.holds(rule, attributes={"plan": ["trial"]}, changed=NOW - 14 * DAY)
    key = crowd.add(attributes={"plan": ["trial"]}, changed=NOW - 14 * DAY + TICK)
    assert crowd.ask(rule)[key] == (False, NOW + TICK)


def test_for_on_an_attribute_never_written_counts_from_first_seen(crowd):
    rule = {"attribute": "plan", "exists": False, "for": "14d"}
    assert crowd.holds(rule, did("pageView", 15 * DAY))
    assert not crowd.holds(rule, did("pageView", 13 * DAY))
