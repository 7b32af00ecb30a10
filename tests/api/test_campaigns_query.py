"""POST /campaigns/query: an event comes in, is checked, recorded once, and its campaigns go out."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from accounts import clock
from accounts.models import Platform
from adserver.models import Campaign, Creative
from dmp.models import Event, EventType, Property, Segment, Visitor
from tests.shops import PLATFORM, PROFILE, VISITOR

CQ = "/campaigns/query"
GOOD = {"status": 200, "message": "Campaigns executed successfully.", "campaigns": []}


def field_of(answer):
    status, body = answer
    assert status == 400
    return body["errors"][0]["field"], body["errors"][0]["code"]


def last_event(shop):
    return Event.objects.filter(account=shop.account).order_by("-time", "-id")[0]


# --- The documented examples ---


def test_the_documented_page_view_runs(api, shop):
    body = {"account": shop.id, "visitorId": VISITOR, "profileId": PROFILE, "platform": PLATFORM}
    more = {"device": "mobile", "event": "pageView", "path": "/", "referrer": None}
    assert api(CQ, {**body, **more}) == (200, GOOD)


def test_the_documented_product_view_runs(api, shop):
    product = {"sku": "PRODUCT_SKU_HERE", "price": 99.90, "brand": "PRODUCT_BRAND_HERE"}
    place = {"breadcrumb": "PRODUCT_BREADCRUMB_HERE", "category": "PRODUCT_CATEGORY_HERE"}
    assert api(CQ, shop.event("productView", profileId=PROFILE, device="mobile", **product, **place)) == (200, GOOD)
    event = last_event(shop)
    assert (event.sku, event.price, event.brand) == ("PRODUCT_SKU_HERE", Decimal("99.9"), "PRODUCT_BRAND_HERE")
    assert (event.breadcrumb, event.category) == ("PRODUCT_BREADCRUMB_HERE", "PRODUCT_CATEGORY_HERE")


def test_the_documented_purchase_runs(api, shop):
    order = {"orderId": "ORDER_ID_HERE", "orderTotal": 199.90, "purchasedItems": ["SKU1_HERE", "SKU1_HERE"]}
    assert api(CQ, shop.event("purchase", profileId=PROFILE, device="mobile", path="/", **order)) == (200, GOOD)
    event = last_event(shop)
    assert (event.order_id, event.order_total) == ("ORDER_ID_HERE", Decimal("199.9"))
    assert event.purchased_items == ["SKU1_HERE", "SKU1_HERE"]


# --- Required and optional fields ---


@pytest.mark.parametrize("value", [None, "", "  \t"])
@pytest.mark.parametrize("field", ["visitorId", "platform", "event"])
def test_null_and_blank_in_a_required_field_are_400(api, shop, field, value):
    assert field_of(api(CQ, shop.event(**{field: value}))) == (field, "required")


@pytest.mark.parametrize("value", [None, "", " "])
@pytest.mark.parametrize(
    "field",
    ["profileId", "device", "path", "referrer", "price", "brand", "breadcrumb", "category", "eventId", "consent"]
    + ["explain", "token", "profileSignature"],
)
def test_null_and_blank_in_an_optional_field_mean_absent(api, shop, field, value):
    assert api(CQ, shop.event("productView", sku="S1", **{field: value})) == (200, GOOD)


@pytest.mark.parametrize(("code", "field"), [("productView", "sku"), ("purchase", "orderId")])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_product_view_needs_its_sku_and_a_purchase_its_order(api, shop, code, field, value):
    assert field_of(api(CQ, shop.event(code, **{field: value}))) == (field, "required")


def test_unknown_fields_are_kept_as_properties(api, shop):
    api(CQ, shop.event(color="red", sizes=[1, 2.5], nested={"a": None}))
    assert last_event(shop).properties == {"color": "red", "sizes": [1, 2.5], "nested": {"a": None}}


def test_no_field_of_the_request_itself_becomes_a_property(api, shop):
    api(CQ, shop.event(token=shop.full, explain=False, eventId=str(uuid4()), consent={"ads": True}, profileId=PROFILE))
    assert last_event(shop).properties is None


# --- Texts ---


@pytest.mark.parametrize(
    ("field", "limit"),
    [("profileId", 255), ("sku", 255), ("brand", 255), ("category", 255), ("breadcrumb", 1024)]
    + [("path", 8192), ("referrer", 8192)],
)
def test_a_text_of_a_product_view_has_its_limit(api, shop, field, limit):
    view = shop.event("productView", sku="S1")
    assert api(CQ, {**view, field: "é" * limit})[0] == 200
    status, body = api(CQ, {**view, field: "é" * (limit + 1)})
    assert status == 400
    assert limit == 8192 or body["errors"][0]["code"] == "too_long"


@pytest.mark.parametrize(("field", "limit"), [("platform", 255), ("event", 64), ("device", 255)])
def test_a_code_that_is_too_long_is_400(api, shop, field, limit):
    assert field_of(api(CQ, shop.event(**{field: "x" * (limit + 1)}))) == (field, "too_long")


def test_an_order_id_has_at_most_255_characters(api, shop):
    assert api(CQ, shop.event("purchase", orderId="o" * 255))[0] == 200
    assert field_of(api(CQ, shop.event("purchase", orderId="o" * 256))) == ("orderId", "too_long")


def test_identifiers_are_trimmed(api, shop):
    api(CQ, shop.event(" productView ", platform=f" {PLATFORM}\t", sku="  S1\n", device=" tablet "))
    event = last_event(shop)
    assert (event.event, event.platform, event.sku, event.device) == ("productView", PLATFORM, "S1", "tablet")


@pytest.mark.parametrize("control", ["\n", "\t", "\x1b", "\x7f", "\x85"])
@pytest.mark.parametrize("field", ["profileId", "sku"])
def test_identifiers_hold_no_control_characters(api, shop, field, control):
    view = {**shop.event("productView", sku="S1"), field: f"a{control}b"}
    assert field_of(api(CQ, view)) == (field, "invalid")


def test_paths_are_kept_as_they_are(api, shop):
    api(CQ, shop.event(path=" /a\t\nb ", referrer="javascript:alert(1)"))
    event = last_event(shop)
    assert (event.path, event.referrer) == (" /a\t\nb ", "javascript:alert(1)")


@pytest.mark.parametrize(("field", "column"), [("sku", "sku"), ("orderId", "order_id")])
def test_a_whole_number_is_taken_as_its_text(api, shop, field, column):
    api(CQ, shop.event("productView" if field == "sku" else "purchase", **{field: 12345}))
    assert getattr(last_event(shop), column) == "12345"


def test_a_whole_number_names_a_profile_and_items(api, shop):
    api(CQ, shop.event("purchase", profileId=5, orderId="O1", purchasedItems=[1, " b "]))
    assert last_event(shop).purchased_items == ["1", "b"]
    assert api("/profiles/query", shop.profile(profileId="5"))[1]["errors"] == []


@pytest.mark.parametrize("value", [True, 1.5, ["a"], {"a": 1}])
@pytest.mark.parametrize("field", ["profileId", "sku", "brand", "path", "referrer", "device", "platform", "event"])
def test_a_text_takes_no_other_type(api, shop, field, value):
    view = {**shop.event("productView", sku="S1"), field: value}
    assert field_of(api(CQ, view)) == (field, "wrong_type")


# --- Visitor, platform, event type, device ---


@pytest.mark.parametrize(
    "value", [VISITOR.replace("-4222-", "-1222-"), VISITOR.replace("-8222-", "-c222-"), "x", 7, [VISITOR]]
)
def test_a_visitor_id_is_a_uuid4(api, shop, value):
    assert field_of(api(CQ, shop.event(visitorId=value))) == ("visitorId", "invalid")


def test_a_visitor_id_in_any_case_is_one_visitor(api, shop):
    visitor = str(uuid4())
    api(CQ, shop.event(visitorId=visitor.upper()))
    api(CQ, shop.event(visitorId=f" {visitor} "))
    assert Visitor.objects.get(account=shop.account).visitor_id.hex == visitor.replace("-", "")


@pytest.mark.parametrize(("field", "value"), [("platform", "evil.example"), ("event", "nope"), ("event", "PageView")])
def test_an_unknown_platform_or_event_type_is_400(api, shop, field, value):
    assert field_of(api(CQ, shop.event(**{field: value}))) == (field, "unknown")


def test_a_platform_made_a_moment_ago_is_known(api, shop):
    api(CQ, shop.event())
    Platform.objects.create(account=shop.account, code="app")
    EventType.objects.create(account=shop.account, code="addToCart")
    assert api(CQ, shop.event("addToCart", platform="app")) == (200, GOOD)


@pytest.mark.parametrize("code", ["$impression", "$viewable", "$click", "$dismiss"])
def test_the_ad_servers_own_events_cannot_be_sent(api, shop, code):
    assert field_of(api(CQ, shop.event(code))) == ("event", "unknown")


@pytest.mark.parametrize("device", ["watch", "Mobile", "desktop,mobile"])
def test_a_device_is_one_of_three(api, shop, device):
    assert field_of(api(CQ, shop.event(device=device))) == ("device", "invalid")


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148 Safari/604.1", "mobile"),
        ("Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) Safari/604.1", "tablet"),
        ("Mozilla/5.0 (X11; Linux x86_64) Firefox/132.0", "desktop"),
        ("", "desktop"),
    ],
)
def test_a_device_that_is_absent_is_taken_from_the_user_agent(api, shop, agent, device):
    api(CQ, shop.event(), HTTP_USER_AGENT=agent)
    assert last_event(shop).device == device


# --- Custom event types ---


@pytest.fixture
def add_to_cart(shop):
    event_type = EventType.objects.create(account=shop.account, code="addToCart")
    for name, type, many in (
        *(("sku", "text", False), ("price", "number", False), ("quantity", "number", False)),
        *(("gift", "boolean", False), ("due", "date", False), ("at", "datetime", False), ("tags", "text", True)),
    ):
        Property.objects.create(event_type=event_type, name=name, type=type, many=many, required=name == "sku")
    return event_type


def test_a_declared_property_is_kept_by_its_type(api, shop, add_to_cart):
    more = {"quantity": 2, "gift": True, "due": "2026-12-24", "at": "2026-12-24T10:00:00+03:00", "tags": ["a", "b"]}
    assert api(CQ, shop.event("addToCart", sku=7, price="1,299.90", **more)) == (200, GOOD)
    event = last_event(shop)
    assert (event.sku, event.price) == ("7", Decimal("1299.9"))
    assert event.properties == {**more, "at": "2026-12-24T07:00:00Z"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("quantity", "two"), ("quantity", True), ("gift", "yes"), ("gift", 1), ("due", "24.12.2026"), ("due", 20261224)]
    + [("at", "2026-12-24T10:00:00"), ("at", 5), ("tags", [1]), ("tags", {"a": 1}), ("price", "1,29.90")],
)
def test_a_declared_property_of_the_wrong_type_is_400(api, shop, add_to_cart, name, value):
    assert field_of(api(CQ, shop.event("addToCart", sku="S1", **{name: value})))[0].startswith(name)


def test_a_declared_property_that_is_required_is_asked_for(api, shop, add_to_cart):
    assert field_of(api(CQ, shop.event("addToCart", sku=" "))) == ("sku", "required")


# --- What the answer decides on ---


def test_the_campaigns_of_the_person_come_back(api, shop):
    campaign = Campaign.objects.create(account=shop.account, name="Sale", slug="sale", status="live")
    Creative.objects.create(campaign=campaign, name="A", content={"title": "20% off"}, link="https://e.com/sale")
    _, body = api(CQ, shop.event())
    (element,) = body["campaigns"]
    assert set(element) == {"id", "campaign", "placement", "variant", "type", "content", "link", "beacon"}
    assert (element["campaign"], element["variant"], element["content"]) == ("sale", "A", {"title": "20% off"})


def test_the_answer_counts_the_effect_of_this_very_event(api, shop):
    campaign = Campaign.objects.create(account=shop.account, name="VIPs", slug="vips", status="live")
    campaign.segments.add(Segment.objects.get(account=shop.account, name="VIP"))
    Creative.objects.create(campaign=campaign, name="A")
    api("/profiles/segments", shop.profile(assignees=["VIP"]))
    assert api(CQ, shop.event())[1]["campaigns"] == []
    assert len(api(CQ, shop.event(profileId=PROFILE))[1]["campaigns"]) == 1


def test_a_bots_event_is_kept_and_shown_nothing(api, shop):
    campaign = Campaign.objects.create(account=shop.account, name="Sale", slug="sale", status="live")
    Creative.objects.create(campaign=campaign, name="A")
    assert api(CQ, shop.event(), HTTP_USER_AGENT="Googlebot/2.1 (+http://www.google.com/bot.html)") == (200, GOOD)
    assert last_event(shop).bot


# --- How many statements it takes ---


@pytest.mark.parametrize("fields", [{}, {"profileId": PROFILE}], ids=["anonymous", "linked"])
def test_a_known_visitor_costs_two_statements_at_most(api, shop, django_assert_max_num_queries, fields):
    for _ in range(2):
        api(CQ, shop.event(**fields))
    with django_assert_max_num_queries(2):
        assert api(CQ, shop.event("productView", sku="S1", path="/?utm_source=x", **fields)) == (200, GOOD)


def test_an_event_happens_when_it_arrives(api, shop):
    api(CQ, shop.event(time="2001-01-01T00:00:00Z"))
    assert abs(clock.now() - last_event(shop).time) < timedelta(seconds=20)
