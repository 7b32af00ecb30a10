from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from dmp.segments import rules
from dmp.segments.operands import RuleError
from dmp.segments.parse import parse
from tests.dmp.segments.examples import EXAMPLES
from tests.dmp.segments.vocabularies import shop

PURCHASE = {"event": "purchase"}
ACCEPTED = {
    **EXAMPLES,
    "unique_ne": {"event": "productView", "unique": {"property": "brand", "ne": 4}},
    "clicked": {"event": "$click", "where": {"property": "campaign", "eq": "summer"}},
    "computed": {"attribute": "totalOrders", "gte": 2},
    "reserved": {"attribute": "$utm.source", "eq": "mail"},
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_rule_of_the_language_is_accepted(name):
    assert parse(ACCEPTED[name], shop())


def nested(depth, leaf=PURCHASE):
    return leaf if depth == 0 else {"not": nested(depth - 1, leaf)}


REFUSED = {
    "an unknown kind": ({"foo": "bar"}, ""),
    "two kinds": ({"attribute": "country", "eq": "us", "event": "purchase"}, ""),
    "an empty group": ({"all": []}, "all"),
    "a group that is no list": ({"any": PURCHASE}, "any"),
    "a not of a list": ({"not": [PURCHASE]}, "not"),
    "a rule that is a list": ([PURCHASE], ""),
    "a rule that is text": ("purchase", ""),
    "no rule": (None, ""),
    "an unknown key beside a group": ({"all": [PURCHASE], "within": "1d"}, "within"),
    "an unknown operator": ({"attribute": "country", "like": "us"}, "like"),
    "an attribute without an operator": ({"attribute": "country"}, ""),
    "an unknown attribute": ({"attribute": "noSuch", "eq": 1}, "attribute"),
    "an attribute that is no name": ({"attribute": 5, "eq": 1}, "attribute"),
    "a bound on text": ({"attribute": "country", "gt": 5}, "gt"),
    "a bound on a boolean": ({"attribute": "consent.ads", "gt": True}, "gt"),
    "a number for text": ({"attribute": "country", "eq": 5}, "eq"),
    "text for a number": ({"attribute": "age", "eq": "5"}, "eq"),
    "a boolean for a number": ({"attribute": "age", "gte": True}, "gte"),
    "no list": ({"attribute": "country", "in": "us"}, "in"),
    "an empty list": ({"attribute": "country", "in": []}, "in"),
    "too long a list": ({"attribute": "age", "in": list(range(1001))}, "in"),
    "a list of another type": ({"attribute": "country", "in": ["us", 5]}, "in[1]"),
    "an invalid regular expression": ({"attribute": "country", "matches": "("}, "matches"),
    "too long a regular expression": ({"attribute": "country", "matches": "a" * 201}, "matches"),
    "a regular expression that is not linear": ({"attribute": "country", "matches": r"(a)\1"}, "matches"),
    "a character that cannot be stored": ({"attribute": "country", "eq": "a\0"}, "eq"),
    "no date": ({"attribute": "birthDate", "eq": "2026-02-30"}, "eq"),
    "a rolling window on text": ({"attribute": "country", "last": "7d"}, "last"),
    "for on what has no time of change": ({"attribute": "$device", "eq": "mobile", "for": "1d"}, "for"),
    "for on a computed attribute": ({"attribute": "totalOrders", "gte": 2, "for": "1d"}, "for"),
    "a computed attribute whose event is gone": ({"attribute": "orphan", "gte": 2}, "attribute"),
    "text for a computed number": ({"attribute": "totalOrders", "gte": "2"}, "gte"),
    "an unknown event": ({"event": "noSuch"}, "event"),
    "an unknown event in a list": ({"event": ["purchase", "noSuch"]}, "event"),
    "any event in a list": ({"event": ["*"]}, "event"),
    "no events": ({"event": []}, "event"),
    "a duration in words": ({"event": "purchase", "within": "30 days"}, "within"),
    "a duration of nothing": ({"event": "purchase", "within": "0d"}, "within"),
    "a duration of six digits": ({"event": "purchase", "within": "100000d"}, "within"),
    "a mixed window": ({"event": "purchase", "within": {"from": "30d", "before": "2026-01-01"}}, "within.from"),
    "an empty window": ({"event": "purchase", "within": {}}, "within"),
    "a window from not before to": ({"event": "purchase", "within": {"from": "30d", "to": "30d"}}, "within"),
    "a window that ends before it starts": (
        {"event": "purchase", "within": {"after": "2026-01-02", "before": "2026-01-01T00:00:00Z"}},
        "within",
    ),
    "a calendar in the future": ({"event": "purchase", "within": {"calendar": "day", "offset": 1}}, "within.offset"),
    "an unknown calendar": ({"event": "purchase", "within": {"calendar": "hour"}}, "within.calendar"),
    "two measures": ({"event": "purchase", "count": {"gte": 1}, "sum": {"property": "orderTotal", "gte": 1}}, ""),
    "a sum without a property": ({"event": "purchase", "sum": {"gte": 1}}, "sum"),
    "a sum of text": ({"event": "productView", "sum": {"property": "brand", "gte": 1}}, "sum.property"),
    "a count of nothing": ({"event": "purchase", "count": {}}, "count"),
    "three bounds": ({"event": "purchase", "count": {"gte": 1, "lt": 3, "ne": 2}}, "count"),
    "a count that is no number": ({"event": "purchase", "count": {"gte": "1"}}, "count.gte"),
    "unique of two things": ({"event": "purchase", "unique": {"period": "day", "property": "sku", "gte": 1}}, "unique"),
    "unique of an unknown period": ({"event": "purchase", "unique": {"period": "year", "gte": 1}}, "unique.period"),
    "an unknown property": (
        {"event": "purchase", "where": {"all": [{"property": "brand", "eq": "a"}]}},
        "where.all[0].property",
    ),
    "a property of two types": (
        {"event": ["addToCart", "signUp"], "where": {"property": "size", "exists": True}},
        "where.property",
    ),
    "a sequence of one": ({"sequence": [PURCHASE]}, "sequence"),
    "a sequence of six": ({"sequence": [PURCHASE] * 6}, "sequence"),
    "a within on the first step": (
        {"sequence": [{"event": "purchase", "within": "1d"}, PURCHASE]},
        "sequence[0].within",
    ),
    "absent not last": ({"sequence": [{"event": "purchase", "absent": True}, PURCHASE]}, "sequence[0].absent"),
    "absent that is false": ({"sequence": [PURCHASE, {"event": "purchase", "absent": False}]}, "sequence[1].absent"),
    "same without names": ({"sequence": [PURCHASE, PURCHASE], "same": []}, "same"),
    "same of an unknown property": ({"sequence": [PURCHASE, PURCHASE], "same": ["brand"]}, "same[0]"),
    "an unknown segment": ({"segment": "noSuch"}, "segment"),
    "a sample out of range": ({"sample": {"from": 0, "to": 101}}, "sample.to"),
    "a sample backwards": ({"sample": {"from": 20, "to": 10}}, "sample"),
    "a sample without an end": ({"sample": {"from": 20}}, "sample.to"),
    "too deep": (nested(6), "not.not.not.not.not"),
    "too deep a where": (
        {"event": "productView", "where": nested(6, {"property": "brand", "eq": "a"})},
        "where.not.not.not.not.not",
    ),
    "too many conditions": ({"any": [PURCHASE] * 51}, ""),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_refuses(what):
    rule, place = REFUSED[what]
    with pytest.raises(RuleError) as refusal:
        parse(rule, shop())
    assert refusal.value.place == place
    assert refusal.value.message


def test_five_levels_of_groups_are_accepted():
    assert parse(nested(5), shop())


def test_a_count_of_at_least_one_is_the_measure_where_none_is_given():
    assert parse(PURCHASE, shop()).measure == rules.Count((rules.Test("gte", Decimal(1)),))


def test_an_absolute_window_without_a_zone_takes_the_accounts():
    window = parse({**PURCHASE, "within": {"after": "2026-01-01", "before": "2026-01-02T00:00:00Z"}}, shop()).window
    assert window == rules.Absolute(datetime(2025, 12, 31, 21, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


def test_operands_are_typed_by_the_definition():
    assert parse({"attribute": "birthDate", "eq": "2000-01-31"}, shop()).values.tests[0].operand == date(2000, 1, 31)
    assert parse({"attribute": "age", "eq": 0.1}, shop()).values.tests[0].operand == Decimal("0.1")
    assert parse({"attribute": "birthDate", "last": "7d"}, shop()).values.tests[0].operand == timedelta(7)


def test_a_property_knows_which_of_the_named_events_declare_it():
    rule = parse({"event": "*", "where": {"property": "sku", "exists": True}}, shop())
    assert rule.where.property == rules.Property("sku", "text", False, "sku", frozenset({"productView", "addToCart"}))


def test_a_path_is_a_property_of_every_event():
    assert parse({"event": "*", "where": {"property": "path", "eq": "/"}}, shop()).where.property.declared_by is None
