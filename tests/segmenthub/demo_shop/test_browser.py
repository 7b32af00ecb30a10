"""The demo shop in a real Chromium, as somebody shows it: on a desk and on a phone."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from segmenthub.demo.catalogue import products
from tests.segmenthub.demo_shop.conftest import JACKETS, PERSON, loaded
from tests.segmenthub.panel.conftest import BROWSER

pytestmark = BROWSER
SIZES = pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])
AXE = Path(__file__).parents[3] / "sdk/node_modules/axe-core/axe.min.js"
TENT = next(product for product in products() if product.kind.art == "tent")


@pytest.fixture(scope="session")
def browser_context_args() -> dict[str, Any]:
    return {"user_agent": PERSON}


@pytest.fixture
def token(transactional_db: None, tmp_path: Path) -> Iterator[str]:
    with loaded(tmp_path) as secret:
        yield secret


@pytest.fixture
def address(live_server: Any, settings: Any) -> str:
    settings.API_URL = live_server.url  # links, beacons and pictures of campaigns
    return f"{live_server.url}/demo"


@pytest.fixture
def shop(address: str, token: str, page: Page, size: tuple[int, int]) -> Iterator[Page]:
    """The front page at `size`, with the panel open; whatever the browser complains of fails the test, and so does a
    page that is wider than its window."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("load", lambda page: complaints.extend([] if fits(page) else [f"{page.url} is too wide"]))
    page.set_viewport_size({"width": size[0], "height": size[1]})
    go(page, f"{address}/")
    yield page
    assert complaints == []


def go(page: Page, address: str) -> None:
    """Opens the page, and the sheet of a phone."""
    page.goto(address)
    if page.locator("#seen-body").is_hidden():
        page.click(".seen .sheet")
    assert fits(page)


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def hero(page: Page, text: str) -> None:
    expect(page.locator("[data-sh-slot=home-hero] .sh-card")).to_contain_text(text)


@SIZES
def test_two_jackets_enter_a_segment_and_change_the_front_page(shop: Page, address: str) -> None:
    expect(shop.locator("[data-sh-slot=home-hero] .sh-title")).to_be_visible()
    for jacket in JACKETS[:2]:
        go(shop, address + jacket.path)
        expect(shop.locator(".log .event small").first).to_contain_text("200")
    expect(shop.locator(".segments .in")).to_contain_text("Jackets right now")
    expect(shop.locator(".log .entered")).to_contain_text("Jackets right now")
    go(shop, f"{address}/")
    hero(shop, "10 % off jackets")
    expect(shop.locator("[data-why]")).to_contain_text("Shown because this person is in “Jackets right now”")


@SIZES
def test_an_order_makes_a_vip(shop: Page, address: str) -> None:
    go(shop, address + TENT.path)
    shop.locator("[data-add]").dispatch_event("click")
    expect(shop.locator(".log .event").first).to_contain_text("addToCart")
    go(shop, f"{address}/cart")
    for pieces in (2, 3):
        shop.locator("[data-by='1']").dispatch_event("click")
        expect(shop.locator("[data-pieces]")).to_have_text(str(pieces))
        expect(shop.locator(".stepper")).to_contain_text(str(pieces))
    go(shop, f"{address}/checkout")
    shop.locator("form .buy").dispatch_event("click")
    expect(shop).to_have_url(re.compile(r"/checkout/done\?order=DEMO-"))
    expect(shop.locator(".segments [data-segment=VIP]")).to_have_class(re.compile(r"\bin\b"))
    expect(shop.locator("[data-pieces]")).to_have_text("0")
    go(shop, f"{address}/")
    expect(shop.locator("[data-sh-slot=home-hero] img")).to_have_attribute("alt", "Early access for our best customers")


@SIZES
def test_somebody_logs_in_and_out(shop: Page, address: str) -> None:
    go(shop, f"{address}/login")
    shop.locator("[data-login-form] .buy").dispatch_event("click")
    expect(shop.locator("[data-who]")).to_have_text("alex@example.com")
    device = shop.locator("[data-visitor]").text_content()
    shop.locator("[data-logout]").dispatch_event("click")
    expect(shop.locator("[data-who]")).to_have_text("Anonymous visitor")
    assert shop.locator("[data-visitor]").text_content() != device


@SIZES
def test_without_consent_nothing_is_sent(shop: Page, address: str) -> None:
    expect(shop.locator(".log .event")).to_have_count(1)
    shop.locator("[data-consent]").dispatch_event("click")
    expect(shop.locator("[data-who]")).to_contain_text("Refused")
    go(shop, f"{address}/shoes")
    expect(shop.locator("[data-who]")).to_contain_text("Refused")
    expect(shop.locator(".log .event")).to_have_count(1)
    shop.locator("[data-consent]").dispatch_event("click")
    expect(shop.locator(".log .event")).to_have_count(2)


@SIZES
def test_one_becomes_a_new_visitor(shop: Page, address: str) -> None:
    expect(shop.locator("[data-who]")).to_have_text("Anonymous visitor")
    device = shop.locator("[data-visitor]").text_content()
    with shop.expect_navigation():
        shop.locator("[data-renew]").dispatch_event("click")
    expect(shop.locator("[data-visitor]")).not_to_have_text("…")
    assert shop.locator("[data-visitor]").text_content() != device


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not here: npm ci in sdk/")
@SIZES
def test_axe_finds_nothing(shop: Page, address: str) -> None:
    for place in ("/", "/jackets", TENT.path, "/cart", "/login"):
        go(shop, address + place)
        expect(shop.locator(".log .event small").first).to_contain_text("200")
        shop.evaluate(AXE.read_text())  # past the page's policy
        found = shop.evaluate("axe.run()")["violations"]
        assert [(place, one["id"], [node["html"][:150] for node in one["nodes"]]) for one in found] == []
