"""What a rule asks of events, as a statement: windows, measures, sequences. Answers are worked out by hand."""

from datetime import UTC, datetime

import pytest

from tests.dmp.segments.crowd import DAY, HOUR, MINUTE, NOW, TICK, Crowd, did


@pytest.fixture
def crowd(account):
    return Crowd(account)


# Windows


def test_a_rolling_window_leaves_out_the_event_that_is_exactly_so_old(crowd):
    rule = {"event": "purchase", "within": "2d"}
    assert not crowd.holds(rule, did("purchase", 2 * DAY))
    assert crowd.holds(rule, did("purchase", 2 * DAY - TICK))


def test_a_window_that_ended_ago_takes_in_the_event_that_is_exactly_so_old(crowd):
    rule = {"event": "purchase", "within": {"from": "5d", "to": "2d"}}
    assert crowd.holds(rule, did("purchase", 2 * DAY))
    assert not crowd.holds(rule, did("purchase", 2 * DAY - TICK))


def test_an_absolute_window_takes_in_its_start_and_leaves_out_its_end(crowd):
    rule = {"event": "purchase", "within": {"after": "2026-02-01T00:00:00Z", "before": "2026-02-02T00:00:00Z"}}
    start = datetime(2026, 2, 1, tzinfo=UTC)
    assert crowd.holds(rule, did("purchase", start))
    assert not crowd.holds(rule, did("purchase", start + DAY))


def test_an_event_that_is_to_come_does_not_exist_yet_but_is_looked_at_when_it_comes(crowd):
    key = crowd.add(did("purchase", -HOUR))
    assert crowd.ask({"event": "purchase"})[key] == (False, NOW + HOUR)


def test_a_calendar_month_begins_at_midnight_in_the_accounts_zone(crowd):
    rule = {"event": "purchase", "within": {"calendar": "month"}}
    midnight = datetime(2026, 2, 28, 21, tzinfo=UTC)  # 1 March, 00:00 in Istanbul
    assert crowd.holds(rule, did("purchase", midnight))
    assert not crowd.holds(rule, did("purchase", midnight - TICK))


def test_a_calendar_week_begins_on_monday(crowd):
    rule = {"event": "purchase", "within": {"calendar": "week"}}
    assert crowd.holds(rule, did("purchase", datetime(2026, 2, 22, 21, tzinfo=UTC)))
    assert not crowd.holds(rule, did("purchase", datetime(2026, 2, 22, 20, tzinfo=UTC)))


def test_a_day_that_has_no_midnight_begins_at_one(crowd):
    crowd.zone, crowd.now = "America/Havana", datetime(2026, 3, 8, 20, tzinfo=UTC)
    rule = {"event": "purchase", "within": {"calendar": "day"}}
    change = datetime(2026, 3, 8, 5, tzinfo=UTC)  # 00:00 becomes 01:00
    assert crowd.holds(rule, did("purchase", change))
    assert not crowd.holds(rule, did("purchase", change - TICK))


def test_a_day_with_two_midnights_begins_at_the_first(crowd):
    crowd.zone, crowd.now = "America/Havana", datetime(2026, 11, 1, 20, tzinfo=UTC)
    rule = {"event": "purchase", "within": {"calendar": "day"}}
    midnight = datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert crowd.holds(rule, did("purchase", midnight))
    assert not crowd.holds(rule, did("purchase", midnight - TICK))


def test_a_date_with_two_midnights_stands_for_the_first(crowd):
    crowd.zone, crowd.now = "America/Havana", datetime(2026, 11, 1, 4, 30, tzinfo=UTC)
    assert crowd.holds({"attribute": "birthDate", "last": "1h"}, attributes={"birthDate": ["2026-11-01"]})


def test_sessions_part_at_gaps_of_thirty_minutes(crowd):
    rule = {"event": "productView", "within": "session", "count": {"gte": 2}}
    view, page = did("productView", 50 * MINUTE), did("pageView", 20 * MINUTE + TICK)
    assert crowd.holds(rule, view, page, did("productView", MINUTE))
    assert not crowd.holds(
        rule, did("productView", 50 * MINUTE), did("pageView", 20 * MINUTE), did("productView", MINUTE)
    )


def test_a_session_is_over_thirty_minutes_after_its_last_event(crowd):
    rule = {"event": "pageView", "within": "session"}
    assert not crowd.holds(rule, did("pageView", 30 * MINUTE))
    key = crowd.add(did("pageView", 30 * MINUTE - TICK))
    assert crowd.ask(rule)[key] == (True, NOW + TICK)


def test_the_ad_servers_events_prolong_no_session(crowd):
    rule = {"event": "pageView", "within": "session"}
    assert not crowd.holds(rule, did("pageView", 40 * MINUTE), did("$click", 15 * MINUTE))


# Measures


def test_any_event_leaves_out_the_ad_servers_own(crowd):
    assert not crowd.holds({"event": "*"}, did("$click"))
    assert crowd.holds({"event": "$click"}, did("$click"))


def test_bots_did_nothing(crowd):
    assert not crowd.holds({"event": "pageView"}, did("pageView", bot=True))


def test_no_purchase_is_a_count_and_a_sum_of_zero_but_no_minimum(crowd):
    total = {"property": "orderTotal", "lte": 0}
    assert crowd.holds({"event": "purchase", "count": {"eq": 0}})
    assert crowd.holds({"event": "purchase", "sum": total})
    assert not any(crowd.holds({"event": "purchase", kind: total}) for kind in ("avg", "min", "max"))


def test_two_bounds_of_a_count_hold_together(crowd):
    rule = {"event": "purchase", "count": {"gte": 2, "lt": 3}}
    assert crowd.holds(rule, did("purchase"), did("purchase", DAY))
    assert not crowd.holds(rule, did("purchase"), did("purchase", DAY), did("purchase", 2 * DAY))


def test_sums_are_exact(crowd):
    rule = {"event": "productView", "sum": {"property": "price", "eq": 0.3}}
    assert crowd.holds(rule, *(did("productView", n * HOUR, sku="a", price="0.1") for n in (1, 2, 3)))


def test_an_average_is_compared_without_division(crowd):
    rule = {"event": "purchase", "avg": {"property": "orderTotal", "lt": 33.333334, "gt": 33.333333}}
    assert crowd.holds(
        rule, did("purchase", orderTotal=50), did("purchase", DAY, orderTotal=50), did("purchase", orderTotal=0)
    )


def test_values_of_a_wrong_type_are_none(crowd):
    rule = {"event": "addToCart", "sum": {"property": "size", "eq": 2}}
    assert crowd.holds(rule, did("addToCart", size=2), did("addToCart", size="40"), did("addToCart", size=True))


def test_a_lone_value_counts_as_a_list_of_one(crowd):
    rule = {"event": "addToCart", "unique": {"property": "tags", "eq": 2}}
    assert crowd.holds(rule, did("addToCart", tags=["x", "y"]), did("addToCart", tags="x"))


def test_days_are_those_of_the_accounts_zone(crowd):
    rule = {"event": "*", "unique": {"period": "day", "eq": 2}}
    assert crowd.holds(
        rule,
        did("pageView", datetime(2026, 2, 10, 20, 59, tzinfo=UTC)),
        did("pageView", datetime(2026, 2, 10, 21, tzinfo=UTC)),
    )


def test_an_event_has_no_value_of_a_property_that_its_type_does_not_declare(crowd):
    rule = {
        "event": ["productView", "purchase"],
        "count": {"eq": 1},
        "where": {"property": "orderTotal", "exists": False},
    }
    assert crowd.holds(rule, did("productView", sku="a", orderTotal=5), did("purchase", orderTotal=5))


def test_the_last_event_without_the_property_differs_from_any_value(crowd):
    key = crowd.add(did("pageView", DAY, path="/a"), did("pageView", HOUR))
    assert crowd.ask({"event": "pageView", "last": {"property": "path", "ne": "/a"}})[key][0]
    assert not crowd.ask({"event": "pageView", "last": {"property": "path", "eq": "/a"}})[key][0]


def test_over_no_event_the_last_value_neither_is_nor_is_not(crowd):
    assert not crowd.holds({"event": "pageView", "last": {"property": "path", "eq": "/a"}})
    assert not crowd.holds({"event": "pageView", "last": {"property": "path", "ne": "/a"}})


def test_events_of_the_same_last_instant_count_as_one_with_the_values_of_all(crowd):
    events = (did("pageView", HOUR, path="/a"), did("pageView", HOUR, path="/b"), did("pageView", DAY, path="/c"))
    assert crowd.holds(
        {"event": "pageView", "last": {"property": "path", "hasAll": ["/a", "/b"], "size": {"eq": 2}}}, *events
    )


# Sequences

VIEW_CART = [{"event": "productView"}, {"event": "addToCart", "within": "30m"}]


def test_a_later_step_is_strictly_later(crowd):
    rule = {"sequence": VIEW_CART}
    assert not crowd.holds(rule, did("productView", HOUR), did("addToCart", HOUR))
    assert crowd.holds(rule, did("productView", HOUR), did("addToCart", HOUR - TICK))


def test_a_step_within_takes_in_its_end(crowd):
    rule = {"sequence": VIEW_CART}
    assert crowd.holds(rule, did("productView", HOUR), did("addToCart", 30 * MINUTE))
    assert not crowd.holds(rule, did("productView", HOUR), did("addToCart", 30 * MINUTE - TICK))


def test_any_combination_of_events_completes_a_sequence(crowd):
    rule = {"sequence": [*VIEW_CART, {"event": "purchase", "within": "10m"}]}
    events = (did("productView", HOUR), did("addToCart", 55 * MINUTE), did("addToCart", 35 * MINUTE))
    assert crowd.holds(rule, *events, did("purchase", 30 * MINUTE))


def test_same_asks_for_one_value_in_all_steps(crowd):
    rule = {"sequence": VIEW_CART, "same": ["sku"]}
    carts = (did("productView", 50 * MINUTE, sku="b"), did("addToCart", 40 * MINUTE, sku="a"))
    assert not crowd.holds(rule, *carts)
    assert crowd.holds(
        rule,
        did("productView", 50 * MINUTE, sku="b"),
        did("productView", HOUR, sku="a"),
        did("addToCart", 40 * MINUTE, sku="a"),
    )


def test_a_missing_value_is_the_same_as_none(crowd):
    assert not crowd.holds(
        {"sequence": VIEW_CART, "same": ["sku"]}, did("productView", HOUR), did("addToCart", 40 * MINUTE)
    )


ABANDONED = {"sequence": [{"event": "productView"}, {"event": "purchase", "within": "1h", "absent": True}]}


def test_an_absent_step_holds_once_its_time_has_passed(crowd):
    key = crowd.add(did("productView", 10 * MINUTE))
    assert crowd.ask(ABANDONED)[key] == (False, NOW + 50 * MINUTE)
    assert crowd.holds(ABANDONED, did("productView", 2 * HOUR))
    assert not crowd.holds(ABANDONED, did("productView", 2 * HOUR), did("purchase", HOUR))
    assert crowd.holds(ABANDONED, did("productView", 2 * HOUR), did("purchase", HOUR - TICK))


def test_same_binds_the_absent_step(crowd):
    rule = {"sequence": [{"event": "productView"}, {"event": "addToCart", "absent": True}], "same": ["sku"]}
    assert crowd.holds(rule, did("productView", 2 * HOUR, sku="a"), did("addToCart", HOUR, sku="b"))
    assert not crowd.holds(rule, did("productView", 2 * HOUR, sku="a"), did("addToCart", HOUR, sku="a"))


def test_an_absent_step_without_a_time_looks_until_now_wherever_the_window_ends(crowd):
    rule = {"sequence": [{"event": "productView"}, {"event": "purchase", "absent": True}], "within": {"to": "1d"}}
    assert not crowd.holds(rule, did("productView", 2 * DAY), did("purchase", HOUR))
