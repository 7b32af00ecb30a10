"""Which campaign an order goes back to."""

import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.core.management import call_command

from accounts import snapshot
from adserver import conversions
from adserver.models import Campaign, CampaignStat, Conversion
from adserver.tasks import attribute_orders, roll_up
from tests.adserver.offers import make_campaign
from tests.shops import BOT, PROFILE, VISITOR

OTHER = "33333333-3333-4333-8333-333333333333"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def shown(api, shop):
    def shown(campaign="summer", **fields):
        status, body = api("/campaigns/query", shop.event(**fields))
        assert status == 200, body
        return next(element for element in body["campaigns"] if element["campaign"] == campaign)

    return shown


@pytest.fixture
def tell(send):
    def tell(kind, element):
        send(f"/{kind}/{element['id']}", b"", "GET" if kind == "c" else "POST")

    return tell


@pytest.fixture
def buy(api, shop):
    def buy(order="O1", total: object = 50, **fields):
        status, body = api("/campaigns/query", shop.event("purchase", orderId=order, orderTotal=total, **fields))
        assert status == 200, body

    return buy


def converted():
    slugs = dict(Campaign.objects.values_list("pk", "slug"))
    rows = Conversion.objects.order_by("order_id")
    return [(row.order_id, slugs[row.campaign], row.cause, row.revenue, row.refund) for row in rows]


def test_a_click_leads_to_the_order(account, clock, shown, tell, buy):
    campaign = make_campaign(account)
    element = shown()
    tell("c", element)
    buy(total="50.25")
    row = Conversion.objects.get()
    assert (row.order_id, row.campaign, row.creative) == ("O1", campaign.pk, campaign.creatives.get().pk)
    assert (row.cause, row.revenue, row.touched_at, row.at, row.device) == (
        "click",
        Decimal("50.25"),
        NOON,
        NOON,
        "desktop",
    )


def test_the_last_click_wins_and_a_click_beats_a_later_view(account, clock, shown, tell, buy):
    for slug in ("first", "second", "third"):
        make_campaign(account, slug)
    for slug, kind in (("first", "c"), ("second", "c"), ("third", "v")):
        clock.shift(60)
        tell(kind, shown(slug))
    buy()
    assert converted() == [("O1", "second", "click", 50, False)]


def test_without_a_click_the_last_viewable_view_counts_and_an_impression_does_not(account, clock, shown, tell, buy):
    for slug in ("seen", "loaded"):
        make_campaign(account, slug)
    tell("v", shown("seen"))
    clock.shift(60)
    tell("i", shown("loaded"))
    buy()
    assert converted() == [("O1", "seen", "view", 50, False)]


@pytest.mark.parametrize(("kind", "days"), [("c", 7), ("v", 1)])
def test_a_touch_counts_for_its_days(account, clock, shown, tell, buy, kind, days):
    make_campaign(account)
    tell(kind, shown())
    clock.shift(timedelta(days=days))
    buy("just")
    clock.shift(timedelta(seconds=1))
    buy("late")
    assert [row[0] for row in converted()] == ["just"]


def test_a_campaign_whose_days_are_over_leaves_the_order_to_an_earlier_one(account, clock, shown, tell, buy):
    make_campaign(account, "long", click_days=30)
    make_campaign(account, "short", click_days=1)
    tell("c", shown("long"))
    tell("c", shown("short"))
    clock.shift(timedelta(days=2))
    buy()
    assert converted() == [("O1", "long", "click", 50, False)]


def test_a_click_on_one_device_counts_for_an_order_on_another(account, clock, shown, tell, buy):
    make_campaign(account)
    tell("c", shown(visitorId=OTHER, profileId=PROFILE))
    buy(profileId=PROFILE)
    assert converted() == [("O1", "summer", "click", 50, False)]


def test_another_persons_click_counts_for_nobody_else(account, clock, shown, tell, buy):
    make_campaign(account)
    tell("c", shown(visitorId=OTHER))
    buy()
    assert converted() == []


def test_an_order_converts_once(account, clock, shown, tell, buy):
    make_campaign(account)
    tell("c", shown())
    tell("c", shown(visitorId=OTHER))
    for visitor in (VISITOR, VISITOR, OTHER):
        buy(visitorId=visitor)
    assert len(converted()) == 1


def test_an_order_before_the_click_is_not_its_doing(account, clock, shown, tell, buy):
    make_campaign(account)
    element = shown()
    buy()
    clock.shift(60)
    tell("c", element)
    attribute_orders()
    assert converted() == []


def test_a_refund_takes_back_from_the_campaign_of_its_order(account, clock, shown, tell, buy):
    make_campaign(account, "first")
    make_campaign(account, "second")
    tell("c", shown("first"))
    buy("A-1", 50)
    tell("c", shown("second"))
    buy("A-1-refund", -20)
    assert converted() == [("A-1", "first", "click", 50, False), ("A-1-refund", "first", "click", -20, True)]


def test_a_refund_of_an_order_without_campaign_goes_to_none(account, clock, shown, tell, buy):
    make_campaign(account)
    buy("A-1", 50)
    tell("c", shown())
    buy("A-1-refund", -20)
    assert converted() == []


def test_a_campaign_may_count_only_what_it_showed(account, clock, shown, tell, buy):
    campaign = make_campaign(account, match="product")
    campaign.creatives.update(content={"sku": "S1", "skus": ["S2", 3]})
    snapshot.clear()
    tell("c", shown())
    buy("none")
    buy("other", purchasedItems=["S9"])
    buy("one", purchasedItems=["S9", "S2"])
    buy("number", purchasedItems=[3])
    assert [row[0] for row in converted()] == ["number", "one"]


def test_a_bots_order_is_no_conversion(account, clock, shown, tell, api, shop):
    make_campaign(account)
    tell("c", shown())
    api("/campaigns/query", shop.event("purchase", orderId="O1", orderTotal=5), HTTP_USER_AGENT=BOT)
    attribute_orders()
    assert converted() == []


def test_what_was_left_out_is_found_later_and_once(account, clock, shown, tell, buy, monkeypatch):
    make_campaign(account)
    tell("c", shown())
    with monkeypatch.context() as killed:
        killed.setattr(conversions, "attribute", lambda *args: None)
        buy()
    assert converted() == []
    clock.shift(60)
    for _ in range(2):
        attribute_orders()
    assert converted() == [("O1", "summer", "click", 50, False)]


def test_an_import_of_past_orders_finds_their_campaigns(account, clock, shown, tell, shop, tmp_path):
    make_campaign(account)
    tell("c", shown())
    clock.shift(3 * 86_400)
    roll_up()
    file = tmp_path / "orders.jsonl"
    order = {key: value for key, value in shop.event("purchase").items() if key != "account"}
    sold_at = (NOON + timedelta(hours=1)).isoformat()
    file.write_text(json.dumps({**order, "orderId": "O1", "orderTotal": 50, "time": sold_at}))
    call_command("import_events", shop.id, str(file), stdout=io.StringIO())
    assert converted() == [("O1", "summer", "click", 50, False)]
    assert CampaignStat.objects.get(hour=NOON + timedelta(hours=1)).revenue == 50


def test_a_recount_attributes_what_was_left_out(account, clock, shown, tell, buy, monkeypatch):
    make_campaign(account)
    tell("c", shown())
    with monkeypatch.context() as killed:
        killed.setattr(conversions, "attribute", lambda *args: None)
        buy()
    clock.shift(3 * 86_400)
    call_command("recount", str(account.pk))
    assert converted() == [("O1", "summer", "click", 50, False)]


def test_an_archived_campaign_still_converts(account, clock, shown, tell, buy):
    make_campaign(account)
    tell("c", shown())
    Campaign.objects.update(status="archived")
    snapshot.clear()
    buy()
    assert len(converted()) == 1


def test_a_campaign_that_stops_after_a_conversion_is_silent_in_the_answer_to_the_order(
    account, clock, shown, tell, api, shop
):
    make_campaign(account, stop_after="conversion")
    tell("c", shown())
    clock.shift(60)
    status, body = api("/campaigns/query", shop.event("purchase", orderId="O1", orderTotal=5))
    assert (status, body["campaigns"]) == (200, [])


def test_a_shop_without_campaigns_asks_nothing_more_for_an_order(account, buy, django_assert_num_queries):
    buy("first")
    with django_assert_num_queries(1):
        buy("second")


@pytest.mark.parametrize(
    ("order", "found"),
    [("O1-refund", ["O1"]), ("A-1_r", ["A", "A-1"]), ("O1", []), ("-x", []), ("O1 – zurück", ["O1", "O1 – zur"])],
)
def test_a_refund_may_be_of_each_beginning_of_its_order_id(order, found):
    assert conversions.beginnings(order) == found
