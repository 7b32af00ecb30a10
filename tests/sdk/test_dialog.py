"""Popups and bars: for everybody, also with a keyboard, and closed once."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from adserver.models import Creative
from dmp.models import Event
from tests.adserver.offers import make_campaign, make_placement
from tests.sdk.conftest import heard
from tests.segmenthub.panel.conftest import BROWSER

pytestmark = BROWSER
AXE = Path(__file__).parents[2] / "sdk" / "node_modules" / "axe-core" / "axe.min.js"
TEXT = {"title": "10% off your first order", "text": "For your e-mail address.", "button": "Get the code"}
PAGE = "<!doctype html><html lang=en><title>Shop</title><main><h1>Shop</h1><button id=more>More</button></main></html>"


@pytest.fixture
def show(account: Any, site: Any, tag: Any, page: Page) -> Any:
    """Shows a campaign in a placement and gives its dialog."""

    def show(placement: str, **content: Any) -> Any:
        campaign = make_campaign(account, "welcome", site.url("/code"), placement=make_placement(account, placement))
        Creative.objects.filter(campaign=campaign).update(content={**TEXT, **content})
        site.pages["*"] = PAGE.replace("<main>", tag("data-auto-page=false") + "<main>")
        page.goto(site.url())
        page.wait_for_function("!!window.segmenthub")
        heard(page, "close")
        page.focus("#more")
        page.evaluate("segmenthub.page()")
        dialog = page.get_by_role("dialog", name="10% off your first order")
        expect(dialog).to_be_visible()
        return dialog

    return show


def dismissed(page: Page) -> int:
    page.wait_for_timeout(300)
    assert page.evaluate("heard.length") == Event.objects.filter(event="$dismiss").count()
    return Event.objects.filter(event="$dismiss").count()


@pytest.mark.parametrize("way", ["Escape", "the button", "the backdrop"])
def test_a_popup_is_closed_once_and_gives_back_the_focus(page: Page, show: Any, stored: Any, way: str) -> None:
    dialog = show("welcome", display="popup")
    assert page.evaluate("document.activeElement.shadowRoot?.activeElement.ariaLabel") == "Close"
    if way == "Escape":
        page.keyboard.press("Escape")
    elif way == "the button":
        page.keyboard.press("Enter")
    else:
        page.mouse.click(5, 5)
    expect(dialog).to_have_count(0)
    stored(1, "$dismiss")
    assert dismissed(page) == 1
    assert page.evaluate("document.activeElement.id") == "more"


def test_a_popup_keeps_the_keyboard_inside_and_its_link_counts(page: Page, show: Any, stored: Any) -> None:
    show("popup")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.shadowRoot?.activeElement.tagName") == "A"
    page.keyboard.press("Enter")
    page.wait_for_url("**/code")
    stored(1, "$click")
    assert Event.objects.filter(event="$dismiss").count() == 0


def test_a_bar_leaves_the_focus_where_it_is(page: Page, show: Any, stored: Any) -> None:
    dialog = show("bar-bottom")
    assert page.evaluate("document.activeElement.id") == "more"
    box, height = dialog.bounding_box(), page.viewport_size["height"]  # type: ignore[index]
    assert box["y"] + box["height"] == pytest.approx(height)
    dialog.get_by_role("button", name="Close").focus()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    stored(1, "$dismiss")
    assert dismissed(page) == 1


def test_a_popup_goes_with_its_page_and_is_not_dismissed(page: Page, show: Any) -> None:
    dialog = show("popup")
    page.evaluate("history.pushState(null, '', '/next'); segmenthub.optOut()")
    expect(dialog).to_have_count(0)
    assert dismissed(page) == 0


def test_one_popup_is_open_at_a_time(page: Page, show: Any, road: Any) -> None:
    show("popup")
    page.evaluate("segmenthub.product({sku: 'A1'})")
    page.wait_for_timeout(200)
    expect(page.get_by_role("dialog")).to_have_count(1)
    assert len(road.tracked("i")) == 1


@pytest.mark.skipif(not AXE.exists(), reason="No axe-core here: `npm ci` in sdk/.")
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])
@pytest.mark.parametrize("placement", ["popup", "bar"])
def test_axe_finds_nothing(page: Page, show: Any, placement: str, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    show(placement)
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run().then((result) => result.violations.map((each) => [each.id, each.nodes[0].html]))")
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
