"""Pages as people see them: single-page applications, back and forward, rendered ahead."""

from typing import Any

import pytest
from playwright.sync_api import Page

from adserver.models import Campaign
from tests.adserver.offers import make_campaign, make_placement
from tests.sdk.conftest import wait_until
from tests.segmenthub.panel.conftest import BROWSER

pytestmark = BROWSER


@pytest.fixture(autouse=True)
def _pages(site: Any, tag: Any) -> None:
    site.pages["*"] = tag() + '<div data-sh-slot="home-hero"></div>'


def paths(road: Any) -> list[str]:
    return [event["path"] for event in road.events()]


@pytest.mark.parametrize("means", ["Navigation API", "history alone"])
def test_each_page_of_an_application_is_a_page_view(page: Page, site: Any, road: Any, means: str) -> None:
    if means == "history alone":
        page.add_init_script("Object.defineProperty(window, 'navigation', {value: undefined})")
    page.goto(site.url("/a"))
    wait_until(lambda: paths(road) == ["/a"])
    page.evaluate("history.pushState(null, '', '/b?c=1'); history.replaceState(null, '', '/c')")
    wait_until(lambda: paths(road) == ["/a", "/c"])
    page.evaluate("history.replaceState({}, '', '/c'); location.hash = 'part'")
    page.evaluate("history.pushState(null, '', '/d')")
    wait_until(lambda: paths(road) == ["/a", "/c", "/d"])
    page.evaluate("history.go(-2)")
    wait_until(lambda: paths(road) == ["/a", "/c", "/d", "/c"])
    assert [event["referrer"].partition("/a")[1] for event in road.events()] == ["", "/a", "", ""]


def test_pages_are_not_watched_where_the_shop_tells_them(page: Page, site: Any, tag: Any, road: Any) -> None:
    site.pages["*"] = tag("data-auto-page=false")
    page.goto(site.url("/a"))
    wait_until(lambda: page.evaluate("!!window.segmenthub"))
    page.evaluate("history.pushState(null, '', '/b')")
    page.evaluate("segmenthub.page({category: 'shoes'})")
    assert [(event["path"], event["category"]) for event in road.events()] == [("/b", "shoes")]


def test_a_page_that_comes_back_from_the_cache_is_a_page_view(page: Page, site: Any, road: Any) -> None:
    page.goto(site.url("/a"))
    wait_until(lambda: paths(road) == ["/a"])
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    wait_until(lambda: paths(road) == ["/a", "/a"])


def test_a_page_rendered_ahead_counts_when_it_is_shown(page: Page, site: Any, road: Any) -> None:
    page.add_init_script("Object.defineProperty(document, 'prerendering', {value: true, configurable: true})")
    page.goto(site.url("/a"))
    wait_until(lambda: page.evaluate("!!window.segmenthub"))
    page.evaluate("void segmenthub.track('pageView', {early: true})")
    page.wait_for_timeout(300)
    assert (road.calls, page.context.cookies()) == ([], [])
    page.evaluate(
        """Object.defineProperty(document, 'prerendering', {value: false});
        document.dispatchEvent(new Event('prerenderingchange'))"""
    )
    wait_until(lambda: len(road.events()) == 2)


@pytest.fixture
def campaign(account: Any) -> Campaign:
    return make_campaign(account, "a-only", placement=make_placement(account), paths=["/a"])


def test_a_late_answer_does_not_render_on_the_next_page(page: Page, site: Any, road: Any, campaign: Any) -> None:
    road.closed = "slow"
    page.goto(site.url("/a"))
    wait_until(road.events)
    page.evaluate("history.pushState(null, '', '/b')")
    wait_until(lambda: len(road.events()) == 2)
    wait_until(lambda: not road.under_way)
    page.wait_for_timeout(300)
    assert page.inner_html("[data-sh-slot]") == ""
    assert road.tracked("i") == []


def test_what_comes_after_the_timeout_is_not_rendered(
    page: Page, site: Any, tag: Any, road: Any, campaign: Any
) -> None:
    site.pages["*"] = tag("data-timeout=300 data-auto-page=false") + '<div data-sh-slot="home-hero"></div>'
    page.goto(site.url("/a"))
    wait_until(lambda: page.evaluate("!!window.segmenthub"))
    road.closed = "slow"
    assert page.evaluate("segmenthub.page()") == []
    page.wait_for_timeout(1200)
    assert page.inner_html("[data-sh-slot]") == ""


def test_what_was_shown_goes_with_its_page(page: Page, site: Any, road: Any, campaign: Any) -> None:
    page.goto(site.url("/a"))
    page.wait_for_selector(".sh-card")
    page.evaluate("history.pushState(null, '', '/b')")
    page.wait_for_selector(".sh-card", state="detached")
