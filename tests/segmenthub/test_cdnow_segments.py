"""Segments over the CDNOW purchases have exactly the members that counting the file gives."""

import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.management import call_command

from dmp.models import Segment
from dmp.segments.build import build_now
from tests.conftest import Api
from tests.segmenthub.test_import_events import cdnow, purchase
from tests.shops import Shop, make_account, make_shop

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = 200


class Order(NamedTuple):
    day: int
    """YYYYMMDD."""
    total: Decimal


def ordinal(day: int) -> int:
    """Days since some day; the file spans 1997 and the first half of 1998."""
    months = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    year, month = day // 10000, day // 100 % 100
    return (year - 1997) * 365 + sum(months[: month - 1]) + day % 100


def average_at_least(orders: list[Order], least: int) -> bool:
    found = [order.total for order in orders if order.day < 19970701]
    return bool(found) and sum(found) >= least * len(found)


def bought_in(orders: list[Order], month: int) -> bool:
    return any(order.day // 100 == month for order in orders)


def twice_within_30_days(orders: list[Order]) -> bool:
    days = sorted({ordinal(order.day) for order in orders if order.day < 19980101})
    return any(later - earlier <= 30 for earlier, later in pairwise(days))


def last_of_at_least(orders: list[Order], least: int) -> bool:
    """Of several purchases at the last instant any may satisfy: the file tells days only."""
    first_year = [order for order in orders if order.day < 19980101]
    last = max((order.day for order in first_year), default=0)
    return any(order.day == last and order.total >= least for order in first_year)


def within(after: str | None = None, before: str | None = None) -> dict[str, str]:
    """Days of UTC."""
    days = {"after": after, "before": before}
    return {name: f"{day}T00:00:00Z" for name, day in days.items() if day}


BOUGHT = {"event": "purchase"}
TOTAL = {"property": "orderTotal"}
FIRST_YEAR = within("1997-01-01", "1998-01-01")
APRIL = "1997-04-01"
SEGMENTS: dict[str, tuple[dict[str, Any], Callable[[list[Order]], bool]]] = {
    "often": (
        {**BOUGHT, "within": FIRST_YEAR, "count": {"gte": 4}},
        lambda orders: sum(order.day < 19980101 for order in orders) >= 4,
    ),
    "spenders": (
        {**BOUGHT, "within": FIRST_YEAR, "sum": {**TOTAL, "gte": 100}},
        lambda orders: sum(order.total for order in orders if order.day < 19980101) >= 100,
    ),
    "generous": (
        {**BOUGHT, "within": within(before="1997-07-01"), "avg": {**TOTAL, "gte": 40}},
        lambda orders: average_at_least(orders, 40),
    ),
    "one big order": (
        {**BOUGHT, "within": within("1997-02-01"), "max": {**TOTAL, "gt": 75}},
        lambda orders: any(order.day >= 19970201 and order.total > 75 for order in orders),
    ),
    "lapsed": (
        {"all": [{**BOUGHT, "within": within(before=APRIL)}, {"not": {**BOUGHT, "within": within(APRIL)}}]},
        lambda orders: max(order.day for order in orders) < 19970401,
    ),
    "in two months": (
        {
            "all": [
                {**BOUGHT, "within": within("1997-03-01", "1997-04-01")},
                {**BOUGHT, "within": within("1997-11-01", "1997-12-01")},
            ]
        },
        lambda orders: bought_in(orders, 199703) and bought_in(orders, 199711),
    ),
    "back soon": ({"sequence": [BOUGHT, {**BOUGHT, "within": "30d"}], "within": FIRST_YEAR}, twice_within_30_days),
    "last was dear": (
        {**BOUGHT, "within": FIRST_YEAR, "last": {**TOTAL, "gte": 50}},
        lambda orders: last_of_at_least(orders, 50),
    ),
}


@pytest.fixture
def shop() -> Shop:
    return make_shop(make_account())


def members(api: Api, shop: Shop, segment: str) -> Iterator[str]:
    """The profiles on all pages."""
    body: dict[str, Any] = {"account": shop.id, "token": shop.full, "segment": segment, "level": "profile"}
    body["limit"] = PAGE
    while True:
        answer = api("/segments/members", body)[1]
        yield from (member["profileId"] for member in answer["members"])
        if answer["next"] is None:
            return
        body["after"] = answer["next"]


def test_segments_have_the_members_of_an_independent_count(api: Api, shop: Shop, tmp_path: Path) -> None:
    rows = cdnow()
    path = tmp_path / "cdnow.jsonl"
    path.write_text("\n".join(json.dumps(purchase(number, row)) for number, row in enumerate(rows)))
    call_command("import_events", shop.id, str(path), rejects=str(tmp_path / "rejects.jsonl"), stdout=io.StringIO())
    for name, (rule, _) in SEGMENTS.items():
        Segment.objects.create(account=shop.account, name=name, rule=rule)
    build_now(shop.account.pk)
    orders: dict[str, list[Order]] = defaultdict(list)
    for master, _, day, _, dollars in rows:
        orders[f"cdnow-{master}"].append(Order(int(day), Decimal(dollars)))
    for name, (_, counted) in SEGMENTS.items():
        expected = sorted(profile for profile, bought in orders.items() if counted(bought))
        found = list(members(api, shop, name))
        assert 0 < len(expected) < len(orders), name
        assert sorted(found) == expected, name
