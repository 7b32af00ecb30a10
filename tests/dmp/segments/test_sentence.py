from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dmp.segments.operands import OPERATORS
from dmp.segments.parse import parse
from dmp.segments.sentence import TESTS, sentence
from tests.dmp.segments.test_parse import ACCEPTED
from tests.dmp.segments.vocabularies import shop

BUY = {"event": "purchase"}
VIEW = {"event": "productView"}
DE = {"attribute": "country", "eq": "de"}
CHEAP = {"property": "price", "lt": 5}
SHOES = {"property": "category", "eq": "shoes"}


def told(rule: Any) -> str:
    return sentence(parse(rule, shop()), ZoneInfo("Europe/Istanbul"))


EXAMPLES = {
    "vip": "has a sum of orderTotal of at least 1,000 over purchase in the last 90 days",
    "churn_risk": "did purchase between 120 days and 60 days ago, and did no purchase in the last 60 days",
    "abandoned_view": "did productView where price is at least 50, then no purchase within 1 hour, in the last 7 days",
    "same_sku_funnel": "did productView, then addToCart within 30 minutes, all with the same sku, in the last 30 days",
    "shoe_fans": "did productView at least 3 times in the last 30 days where (category is shoes or breadcrumb"
    " starts with “Home > Shoes”)",
    "first_time_buyer": "did purchase in the last 7 days, and did no purchase 7 days ago or earlier",
    "regulars": "did anything on at least 5 different days in the last 30 days",
    "brand_explorer": "has at least 4 different values of brand over productView in the last 14 days",
    "last_page_checkout": "in the last pageView path starts with /checkout",
    "nike_adidas": "favoriteBrands has all of Nike, adidas",
    "not_tr": "country is none of tr",
    "adults": "age is at least 18 and is less than 65",
    "birthday_week": "birthDate has its anniversary in the next 7 days",
    "trial_stuck": "plan is trial and has not changed for 14 days",
    "long_vip": "has been in the segment vip for 30 days, and is not in the segment staff, and consent.ads is true",
    "holdout": "is in a random 10% of people (from 0 to 10, salt q3)",
    "never_bought": "never did purchase",
    "this_month": "did purchase this month",
    "in_session": "did productView at least 3 times in this session",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_tells_the_example(name: str) -> None:
    assert told(ACCEPTED[name]) == EXAMPLES[name]


GROUPS = [
    ({"all": [BUY]}, "did purchase"),
    ({"any": [BUY, DE]}, "either did purchase, or country is de"),
    ({"all": [BUY, {"any": [DE, VIEW]}]}, "did purchase, and (either country is de, or did productView)"),
    ({"any": [BUY, {"all": [DE, VIEW]}]}, "either did purchase, or (country is de, and did productView)"),
    ({"not": {"any": [BUY, DE]}}, "not (either did purchase, or country is de)"),
    ({"not": {"not": BUY}}, "did purchase"),
    ({"not": {"all": [DE]}}, "country is not de"),
    ({"all": [DE, {"sequence": [VIEW, BUY]}]}, "country is de, and (did productView, then purchase)"),
    ({"not": {"sequence": [VIEW, BUY]}}, "not (did productView, then purchase)"),
    ({"not": {**BUY, "count": {"gte": 3}}}, "not (did purchase at least 3 times)"),
    ({"not": {**BUY, "within": "1d"}}, "did no purchase in the last 1 day"),
    ({"not": {"event": "*", "within": "1d"}}, "did nothing in the last 1 day"),
    ({"not": {"event": "*"}}, "never did anything"),
    ({"not": {"attribute": "age", "gte": 18, "lt": 65}}, "not (age is at least 18 and is less than 65)"),
    ({"not": {**DE, "for": "14d"}}, "not (country is de and has not changed for 14 days)"),
    ({"not": {"segment": "vip", "for": "2h"}}, "not (has been in the segment vip for 2 hours)"),
    ({"not": {"sample": {"from": 0, "to": 50}}}, "not (is in a random 50% of people (from 0 to 50))"),
]


@pytest.mark.parametrize(("rule", "words"), GROUPS)
def test_it_tells_groups(rule: Any, words: str) -> None:
    assert told(rule) == words


OPERANDS = {
    "eq": ({"attribute": "plan", "eq": "gold plus"}, "plan is “gold plus”", "plan is not “gold plus”"),
    "ne": ({"attribute": "plan", "ne": "trial"}, "plan is not trial", "plan is trial"),
    "in": ({"attribute": "plan", "in": ["a", "b"]}, "plan is one of a, b", "plan is none of a, b"),
    "nin": ({"attribute": "plan", "nin": ["a"]}, "plan is none of a", "plan is one of a"),
    "gt": ({"attribute": "age", "gt": 1.5}, "age is more than 1.5", "age is not more than 1.5"),
    "gte": ({"attribute": "age", "gte": 18}, "age is at least 18", "age is not at least 18"),
    "lt": ({"attribute": "age", "lt": 1e6}, "age is less than 1,000,000", "age is not less than 1,000,000"),
    "lte": ({"attribute": "age", "lte": -2}, "age is at most -2", "age is not at most -2"),
    "contains": ({"attribute": "plan", "contains": "x"}, "plan contains x", "plan does not contain x"),
    "startsWith": ({"attribute": "plan", "startsWith": "x"}, "plan starts with x", "plan does not start with x"),
    "endsWith": ({"attribute": "plan", "endsWith": ""}, "plan ends with “”", "plan does not end with “”"),
    "matches": (
        {"attribute": "plan", "matches": "^a+$"},
        "plan matches the pattern “^a+$”",
        "plan does not match the pattern “^a+$”",
    ),
    "exists": ({"attribute": "plan", "exists": False}, "plan is not known", "plan is known"),
    "hasAll": ({"attribute": "plan", "hasAll": ["a", "b"]}, "plan has all of a, b", "plan does not have all of a, b"),
    "size": (
        {"attribute": "plan", "size": {"gte": 2, "lte": 4}},
        "plan has at least 2 and at most 4 values",
        "plan does not have at least 2 and at most 4 values",
    ),
    "last": (
        {"attribute": "$lastSeen", "last": "36h"},
        "$lastSeen is in the last 36 hours",
        "$lastSeen is not in the last 36 hours",
    ),
    "next": (
        {"attribute": "birthDate", "next": "90m"},
        "birthDate is in the next 90 minutes",
        "birthDate is not in the next 90 minutes",
    ),
    "anniversary": (
        {"attribute": "birthDate", "anniversary": "4w"},
        "birthDate has its anniversary in the next 28 days",
        "birthDate does not have its anniversary in the next 28 days",
    ),
}


@pytest.mark.parametrize("op", sorted(OPERATORS))
def test_it_tells_an_operator_and_that_it_does_not_hold(op: str) -> None:
    rule, holds, fails = OPERANDS[op]
    assert told(rule) == holds
    assert told({"not": rule}) == fails


def test_every_operator_has_words() -> None:
    assert set(TESTS) | {"exists"} == OPERATORS


WINDOWS = [
    ({"from": "60d"}, "in the last 60 days"),
    ({"to": "90s"}, "90 seconds ago or earlier"),
    ({"from": "60d", "to": "36h"}, "between 60 days and 36 hours ago"),
    ({"after": "2026-01-01"}, "from 1 January 2026 on"),
    ({"before": "2026-01-01T10:30:00Z"}, "before 1 January 2026 13:30"),
    (
        {"after": "2026-01-01", "before": "2026-02-01T00:00:05"},
        "from 1 January 2026 and before 1 February 2026 00:00:05",
    ),
    ({"calendar": "day"}, "today"),
    ({"calendar": "day", "offset": -1}, "yesterday"),
    ({"calendar": "week"}, "this week"),
    ({"calendar": "year", "offset": -1}, "last year"),
    ({"calendar": "month", "offset": -3}, "in the calendar month 3 months ago"),
    ("session", "in this session"),
]


@pytest.mark.parametrize(("window", "words"), WINDOWS)
def test_it_tells_windows(window: Any, words: str) -> None:
    assert told({**BUY, "within": window}) == f"did purchase {words}"


MEASURES = [
    ({"count": {"eq": 1}}, "did productView exactly 1 time"),
    ({"count": {"gt": 2, "lt": 9}}, "did productView more than 2 and less than 9 times"),
    ({"count": {"ne": 2}}, "did productView not exactly 2 times"),
    ({"avg": {"property": "price", "lte": 5}}, "has an average of price of at most 5 over productView"),
    ({"min": {"property": "price", "lt": 5}}, "has a smallest price of less than 5 over productView"),
    ({"max": {"property": "price", "gt": 5}}, "has a largest price of more than 5 over productView"),
    ({"unique": {"period": "week", "gte": 1}}, "did productView in at least 1 different week"),
    ({"first": {"property": "brand", "exists": True}}, "in the first productView brand is known"),
    (
        {"last": {"property": "brand", "eq": "Nike"}, "within": "1h", "where": SHOES},
        "in the last productView in the last 1 hour (where category is shoes) brand is Nike",
    ),
]


@pytest.mark.parametrize(("measure", "words"), MEASURES)
def test_it_tells_measures(measure: Any, words: str) -> None:
    assert told({**VIEW, **measure}) == words


WHERES = [
    (SHOES, "category is shoes"),
    ({"not": SHOES}, "category is not shoes"),
    ({"all": [SHOES, {"any": [CHEAP, {"not": CHEAP}]}]}, "(category is shoes and (price is less than 5 or price is not"
     " less than 5))"),
    ({"not": {"all": [SHOES, CHEAP]}}, "not (category is shoes and price is less than 5)"),
    ({"not": {"not": {"all": [SHOES]}}}, "category is shoes"),
]  # fmt: skip


@pytest.mark.parametrize(("where", "words"), WHERES)
def test_it_tells_wheres(where: Any, words: str) -> None:
    assert told({**VIEW, "where": where}) == f"did productView where {words}"


def test_it_tells_events_joined_by_or() -> None:
    assert told({"event": ["purchase", "pageView"]}) == "did purchase or pageView"


def test_a_last_step_without_a_time_counts_until_now() -> None:
    assert told({"sequence": [VIEW, {**BUY, "absent": True}]}) == "did productView, then no purchase since"


def test_a_date_is_told_as_one() -> None:
    rule = {"attribute": "birthDate", "gte": "2000-01-31", "lt": "2001-01-01"}
    assert told(rule) == "birthDate is 31 January 2000 or later and is before 1 January 2001"


def test_a_long_list_is_cut() -> None:
    assert told({"attribute": "age", "in": list(range(11))}) == "age is one of 0, 1, 2, 3, 4, 5, 6, 7 and 3 more"
