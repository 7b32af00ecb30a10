"""Computed attributes: refused with their place when malformed, exact when read, the same in rules."""

from datetime import UTC, datetime

import pytest

from accounts.models import Attribute
from accounts.snapshot import Configuration
from dmp.computed import STANDARD, Span
from dmp.segments.computed import compute
from dmp.segments.operands import RuleError
from dmp.segments.parse import parse_computed
from tests.dmp.segments.crowd import DAY, HOUR, MINUTE, NOW, TICK, Crowd, did
from tests.dmp.segments.vocabularies import shop

COUNT = {"as": "count", "event": "purchase"}
SUM = {"as": "sum", "event": "purchase", "property": "orderTotal"}
REFUSED = {
    "no object": ("count", ""),
    "an unknown key": ({**COUNT, "per": {"property": "orderTotal", "gt": 1}}, "per"),
    "an unknown kind": ({**COUNT, "as": "median"}, "as"),
    "a kind of the standard ones": ({"as": "firstTime", "event": "*"}, "as"),
    "no kind": ({"event": "purchase"}, "as"),
    "no event": ({"as": "count"}, "event"),
    "an unknown event": ({"as": "count", "event": "bought"}, "event"),
    "an unknown standard one": ({"standard": "shoeSize"}, "standard"),
    "a sum without a property": ({"as": "sum", "event": "purchase"}, "property"),
    "a sum of text": ({**SUM, "property": "orderId"}, "property"),
    "a count of a property": ({**COUNT, "property": "orderTotal"}, "property"),
    "an undeclared property": ({**SUM, "property": "margin"}, "property"),
    "a limit of a sum": ({**SUM, "limit": 3}, "limit"),
    "a limit of nothing": ({"as": "lastList", "event": "productView", "property": "sku", "limit": 0}, "limit"),
    "a window in words": ({**SUM, "within": "a month"}, "within"),
    "a wrong part of a where": (
        {**SUM, "where": {"all": [{"property": "orderTotal", "gte": "1"}]}},
        "where.all[0].gte",
    ),
    "a where of another event": ({**SUM, "where": {"property": "sku", "eq": "a"}}, "where.property"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_malformed_definition_is_refused_at_its_place(what):
    raw, place = REFUSED[what]
    with pytest.raises(RuleError) as refused:
        parse_computed(raw, shop())
    assert refused.value.place == place


@pytest.mark.parametrize("name", STANDARD)
def test_a_standard_one_is_of_the_same_grammar(name):
    assert parse_computed({"standard": name}, shop()).type == STANDARD[name].type


@pytest.fixture
def crowd(account):
    return Crowd(account)


@pytest.fixture
def value(account, crowd):
    """What a definition gives for somebody who did these events."""

    def read(raw, *events, zone="UTC", at=NOW):
        account.timezone = zone
        Attribute.objects.update_or_create(account=account, name="it", defaults={"computed": raw})
        key = crowd.add(*events)
        span = Span(key, NOW - 900 * DAY, NOW + 900 * DAY)
        return compute(Configuration(account, 0), ["it"], [span], at).get("it", [])

    return read


def buy(total, ago=HOUR, **more):
    return did("purchase", ago, orderTotal=total, **more)


def view(sku, ago=HOUR, **more):
    return did("productView", ago, sku=sku, **more)


OF = {"as": "lastList", "event": "productView", "property": "sku"}


@pytest.mark.parametrize(
    ("raw", "events", "expected"),
    [
        (COUNT, [], [0]),
        (COUNT, [buy(1), buy(2), view("a")], [2]),
        ({**COUNT, "event": ["purchase", "productView"]}, [buy(1), view("a"), did("pageView")], [2]),
        ({**COUNT, "event": "*"}, [buy(1), did("$click")], [1]),
        ({**COUNT, "where": {"property": "orderTotal", "gte": 2}}, [buy(1), buy(2)], [1]),
        ({**COUNT, "within": "30d"}, [buy(1, 30 * DAY), buy(1, 30 * DAY - TICK)], [1]),
        ({**COUNT, "within": {"from": "30d", "to": "1d"}}, [buy(1), buy(1, DAY)], [1]),
        ({**COUNT, "within": {"before": "2026-02-01"}}, [buy(1), buy(1, 40 * DAY)], [1]),
        ({**COUNT, "within": "session"}, [did("pageView", MINUTE), buy(1, 20 * MINUTE), buy(1, HOUR)], [1]),
        (COUNT, [buy(1, bot=True), buy(1, NOW + TICK)], [0]),
        (SUM, [buy(10), buy(-2.5)], [7.5]),
        ({**SUM, "as": "avg"}, [buy(1), buy(0), buy(1)], [0.666667]),
        ({**SUM, "as": "avg"}, [], []),
        ({**SUM, "as": "min"}, [buy(10), buy(-2.5)], [-2.5]),
        ({**SUM, "as": "max"}, [buy(10), buy(-2.5)], [10]),
        ({**OF, "as": "first"}, [view("a", DAY), view("b")], ["a"]),
        ({**OF, "as": "last"}, [view("a", DAY), view("b"), view(None, MINUTE)], ["b"]),
        (OF, [view("a", DAY), view("b"), view("a", MINUTE)], ["a", "b"]),
        ({**OF, "limit": 1}, [view("a", DAY), view("b")], ["b"]),
        ({**OF, "where": {"property": "sku", "matches": "^a"}}, [view("ab"), view("b")], ["ab"]),
        ({**OF, "as": "uniqueCount"}, [view("a"), view("b"), view("a")], [2]),
        ({**OF, "as": "mostFrequent"}, [view("a"), view("b"), view("a")], ["a"]),
        ({**OF, "as": "mostFrequent"}, [view("a"), view("b", MINUTE)], ["b"]),
        ({**OF, "as": "mostFrequent"}, [view("b"), view("a")], ["a"]),
        ({"as": "timeSinceLast", "event": "purchase"}, [buy(1, DAY), buy(1, HOUR + 1000 * TICK)], [3600.001]),
        ({"standard": "averageOrderValue"}, [buy(10), buy(20), buy(-6)], [12]),
        ({"standard": "lastPurchasedProducts"}, [buy(1, purchasedItems=["b", "a"]), buy(-1, purchasedItems=["c"])],
         ["b", "a"]),
    ],
)  # fmt: skip
def test_what_is_taken_of_the_events(value, raw, events, expected):
    assert [float(v) if not isinstance(v, str) else v for v in value(raw, *events)] == expected


def test_a_calendar_is_the_accounts(value):
    raw = {**COUNT, "within": {"calendar": "day"}}
    midnight = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)  # 01:30 on the next day in Istanbul
    today = buy(1, datetime(2026, 3, 1, 20, tzinfo=UTC))
    assert value(raw, today, at=midnight) == [1]
    assert value(raw, buy(1, datetime(2026, 3, 1, 20, tzinfo=UTC)), zone="Europe/Istanbul", at=midnight) == [0]


def test_one_statement_reads_all_of_them(account, crowd, django_assert_num_queries):
    for n in range(3):
        Attribute.objects.create(
            account=account, name=f"own{n}", type="number", computed={**COUNT, "within": f"{n + 1}d"}
        )
    key = crowd.add(buy(1))
    configuration = Configuration(account, 0)
    spans = [Span(key, NOW - DAY, NOW + DAY)]
    compute(configuration, ["own0"], spans, NOW)
    with django_assert_num_queries(1):
        found = compute(configuration, [*STANDARD, "own0", "own1", "own2"], spans, NOW)
    assert found["own1"] == found["totalOrders"] == [1]


def test_one_that_cannot_be_read_any_more_leaves_the_others(account, crowd):
    Attribute.objects.create(account=account, name="gone", type="number", computed={**COUNT, "event": "taken away"})
    spans = [Span(crowd.add(buy(1)), NOW - DAY, NOW + DAY)]
    assert compute(Configuration(account, 0), ["gone", "totalOrders"], spans, NOW) == {"totalOrders": [1]}
