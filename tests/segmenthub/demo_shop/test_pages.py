"""The pages of the demo shop, without a browser."""

import html
import json
import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.clock import now
from accounts.models import Account, Member, User
from cdp.identifiers import name
from cdp.identity import ensure_profile
from cdp.models import Profile
from dmp.memberships import Pins, pin
from dmp.models import Level, Segment
from segmenthub.demo import shop
from segmenthub.demo.catalogue import products
from segmenthub.demo.pages import CATEGORIES, COLLECTIONS
from segmenthub.up import _welcome
from tests.segmenthub.demo_shop.conftest import JACKETS, VISITOR, Event

pytestmark = pytest.mark.django_db
TENT = next(product for product in products() if product.kind.art == "tent")
PLACES = ["", "cart", "login", "checkout/done?order=DEMO-ABCD1234", *CATEGORIES, *COLLECTIONS, TENT.path[1:]]


def event_of(content: bytes) -> Any:
    """What the page tells the SDK."""
    found = re.search(r'data-event="([^"]*)"', content.decode())
    assert found
    return json.loads(html.unescape(found[1]))


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("place", PLACES)
def test_a_page_has_nothing_that_its_policy_forbids(client: Client, place: str) -> None:
    response = client.get(f"/demo/{place}")
    text = response.content.decode()
    assert response.status_code == 200
    assert "'unsafe" not in response["Content-Security-Policy"]
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script>", text)
    assert "sgh_" not in text


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("place", PLACES)
def test_a_page_has_one_script_tag_of_the_sdk(client: Client, place: str) -> None:
    text = client.get(f"/demo/{place}").content.decode()
    tag = f'<script async src="/sdk/v1.js" data-account="{shop.ACCOUNT}" data-platform="{shop.WEB}"></script>'
    assert text.count("/sdk/v1.js") == text.count(tag) == 1


@pytest.mark.usefixtures("token")
def test_a_product_is_told_with_all_that_the_reference_names(client: Client) -> None:
    assert event_of(client.get(f"/demo{TENT.path}").content) == {
        **{"event": "productView", "sku": TENT.sku, "price": float(TENT.price), "brand": TENT.brand},
        **{"breadcrumb": TENT.breadcrumb, "category": "camping"},
    }


@pytest.mark.usefixtures("token")
def test_the_cart_is_that_of_the_cookie(client: Client) -> None:
    client.cookies["demo_cart"] = f"{TENT.sku}*2~{JACKETS[0].sku}*1"
    text = client.get("/demo/cart").content.decode()
    assert f"€{TENT.price * 2}" in text
    assert f"€{TENT.price * 2 + JACKETS[0].price}" in text


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("cookie", ["x", "NOPE-1*2", f"{TENT.sku}*0", f"{TENT.sku}*99", f"{TENT.sku}*", "~~**~"])
def test_a_cart_that_cannot_be_read_is_empty(client: Client, cookie: str) -> None:
    client.cookies["demo_cart"] = cookie
    assert "nothing in it yet" in client.get("/demo/cart").content.decode()


@pytest.mark.usefixtures("token")
def test_an_order_is_a_purchase_of_each_piece(client: Client) -> None:
    client.cookies["demo_cart"] = f"{TENT.sku}*2"
    assert event_of(client.get("/demo/checkout/done?order=DEMO-ABCD1234").content) == {
        **{"event": "purchase", "orderId": "DEMO-ABCD1234", "orderTotal": float(TENT.price * 2)},
        "purchasedItems": [TENT.sku, TENT.sku],
    }


@pytest.mark.usefixtures("token")
def test_an_order_that_is_looked_at_again_is_a_page_view(client: Client) -> None:
    assert event_of(client.get("/demo/checkout/done?order=DEMO-ABCD1234").content) == {"event": "pageView"}


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("place", ["checkout", "checkout/done", "checkout/done?order=%3Cscript%3E"])
def test_without_an_order_there_is_the_cart(client: Client, place: str) -> None:
    response = client.get(f"/demo/{place}")
    assert (response.status_code, response["Location"]) == (302, "/demo/cart")


@pytest.mark.usefixtures("token")
def test_the_login_offers_somebody_of_each_segment(client: Client) -> None:
    key = ensure_profile(shop_account().pk, name(shop_account().pk, "vip@example.com"), now())
    segment = Segment.objects.get(name="VIP")
    pin(Profile, Level.PROFILE, shop_account().pk, key, Pins(assign=[segment.pk]), now())
    assert 'data-login="vip@example.com"' in client.get("/demo/login").content.decode()


@pytest.mark.usefixtures("token")
def test_who_is_logged_in_is_named_harmlessly(client: Client) -> None:
    client.cookies["demo_user"] = "<b>x"
    assert "&lt;b&gt;x" in client.get("/demo/").content.decode()


@pytest.mark.usefixtures("token")
def test_each_product_has_a_drawing(client: Client) -> None:
    drawn = set(re.findall(r'<symbol id="(\w+)"', client.get("/demo/").content.decode()))
    assert {product.kind.art for product in products()} == drawn


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("place", ["nope", "shoes/nope", "jackets/SH-1001"])
def test_what_is_not_there_is_a_page_that_says_so(client: Client, place: str) -> None:
    response = client.get(f"/demo/{place}")
    assert response.status_code == 404
    assert "There is no such page" in response.content.decode()


@pytest.mark.usefixtures("token")
def test_a_suspended_demo_account_has_no_shop(client: Client) -> None:
    Account.objects.filter(pk=shop.ACCOUNT).update(status=Account.Status.SUSPENDED)
    assert client.get("/demo/").status_code == 404


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "http://localhost:9000"])
def test_its_platform_takes_events_of_a_local_page(client: Client, happen: Event, origin: str) -> None:
    body = {"account": shop.ACCOUNT, "visitorId": VISITOR, "platform": shop.WEB, "event": "pageView"}
    response = client.post("/campaigns/query", json.dumps(body), content_type="application/json", HTTP_ORIGIN=origin)
    assert response.status_code == 200


@pytest.mark.usefixtures("token")
def test_its_campaigns_lead_to_pages_of_it(client: Client) -> None:
    site = settings.API_URL
    links = {one["link"] for row in shop.campaigns(now()) for one in row["creatives"] if "link" in one}
    assert all(client.get(link.removeprefix(site)).status_code == 200 for link in links)


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("is_demo", [True, False])
def test_the_panel_leads_to_it_from_the_demo_account_alone(client: Client, is_demo: bool) -> None:
    user = User.objects.get(email=shop.EMAIL)
    if not is_demo:
        Member.objects.filter(user=user).update(account=Account.objects.create(name="Other shop"))
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    assert ('href="/demo/"' in client.get("/panel/").content.decode()) is is_demo


def test_the_start_prints_where_it_is() -> None:
    assert "Demo shop: http://127.0.0.1:8000/demo/" in _welcome("http://127.0.0.1:8000", {"account": shop.ACCOUNT})
    assert "/demo/" not in _welcome("http://127.0.0.1:8000", {})


def shop_account() -> Account:
    return Account.objects.get(pk=shop.ACCOUNT)
