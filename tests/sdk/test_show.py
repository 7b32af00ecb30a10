"""Campaigns in slots: shown, seen and clicked, each counted once."""

from collections import Counter
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from adserver import media
from adserver.models import Campaign, Creative
from dmp.models import Event
from tests.adserver.offers import make_campaign, make_placement
from tests.adserver.test_media import picture, upload
from tests.sdk.conftest import heard, wait_until
from tests.segmenthub.panel.conftest import BROWSER

pytestmark = BROWSER
HERO, SIDE = '<div data-sh-slot="home-hero"></div>', '<div data-sh-slot="side"></div>'


@pytest.fixture
def hero(account: Any, site: Any) -> Campaign:
    return make_campaign(account, "hero", site.url("/sale"), placement=make_placement(account))


@pytest.fixture
def side(account: Any, site: Any) -> Campaign:
    return make_campaign(account, "side", site.url("/side"), placement=make_placement(account, "side"))


def creative(campaign: Campaign, content: Any, type: str = "json", **fields: Any) -> None:
    Creative.objects.filter(campaign=campaign).update(content=content, type=type, **fields)


def counted() -> Counter[tuple[str, str]]:
    rows = Event.objects.filter(event__startswith="$")
    return Counter((row.event, (row.properties or {})["campaign"]) for row in rows)


def test_a_campaign_is_shown_seen_and_clicked_once(page: Page, site: Any, tag: Any, stored: Any, hero: Any) -> None:
    creative(hero, {"title": "20% off", "text": "Coats & more", "button": "Look"})
    site.pages |= {"*": tag() + HERO, "/sale": "<p>Where the click leads</p>"}
    page.goto(site.url())
    card = page.locator("[data-sh-slot=home-hero] a.sh-card")
    expect(card.locator(".sh-title")).to_have_text("20% off")
    expect(card.locator(".sh-button")).to_have_text("Look")
    stored(1, "$viewable")
    card.click()
    page.wait_for_url("**/sale")
    stored(1, "$click")
    page.wait_for_timeout(300)
    assert counted() == {("$impression", "hero"): 1, ("$viewable", "hero"): 1, ("$click", "hero"): 1}


def test_after_ten_navigations_and_with_two_slots_each_counts_once(
    page: Page, site: Any, tag: Any, road: Any, stored: Any, hero: Any, side: Any
) -> None:
    site.pages |= {"*": tag() + HERO + SIDE, "/side": "<p>Where the click leads</p>"}
    page.goto(site.url("/0"))
    for number in range(1, 11):
        stored(2 * number, "$impression")
        page.evaluate("(n) => history.pushState(null, '', '/' + n)", number)
    stored(22, "$impression")
    stored(2, "$viewable")
    heard(page, "click")
    page.locator("[data-sh-slot=side] a").evaluate("(a) => { a.target = '_blank' }")
    with page.context.expect_page():
        page.click("[data-sh-slot=side] a")
    stored(1, "$click")
    page.wait_for_timeout(500)
    assert page.evaluate("heard.length") == 1
    tokens = Counter(road.tracked("i"))
    assert (len(tokens), set(tokens.values())) == (22, {1})
    assert counted() == {
        **{("$impression", "hero"): 11, ("$impression", "side"): 11},
        **{("$viewable", "hero"): 1, ("$viewable", "side"): 1, ("$click", "side"): 1},
    }


def test_what_is_below_the_fold_is_seen_once_it_was_half_in_view_for_a_second(
    page: Page, site: Any, tag: Any, road: Any, stored: Any, hero: Any
) -> None:
    creative(hero, {"title": "Deep"})
    sized = HERO.replace("div ", 'div style="height:200px" ', 1)
    site.pages["*"] = tag() + "<div style='height:1500px'></div>" + sized + "<div style='height:1500px'></div>"
    page.goto(site.url())
    stored(1, "$impression")
    page.locator(".sh-card").evaluate("(card) => { card.style.height = '200px' }")
    page.evaluate("scrollTo(0, 1500 - innerHeight + 80)")  # 80 of 200 pixels
    page.wait_for_timeout(1300)
    page.evaluate("scrollTo(0, 1500 - innerHeight + 180)")
    page.wait_for_timeout(400)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(1000)
    assert road.tracked("v") == []
    page.evaluate("scrollTo(0, 1500)")
    stored(1, "$viewable")


def test_what_is_larger_than_the_window_is_seen_where_it_fills_half_of_it(
    page: Page, site: Any, tag: Any, stored: Any, hero: Any
) -> None:
    site.pages["*"] = tag() + HERO
    page.goto(site.url())
    page.locator(".sh-card").evaluate("(card) => { card.style.height = '4000px' }")
    stored(1, "$viewable")


def test_a_picture_keeps_its_size_and_is_the_link(
    page: Page, site: Any, tag: Any, stored: Any, hero: Any, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    row = media.store(hero.account, upload(picture(size=(600, 200))), alt="A coat")
    creative(hero, {}, "image", media=row)
    site.pages["*"] = tag() + HERO
    page.goto(site.url())
    image = page.get_by_role("link").get_by_role("img", name="A coat")
    expect(image).to_be_visible()
    assert image.bounding_box()["width"] == 600  # type: ignore[index]
    stored(1, "$viewable")


def test_a_picture_that_is_gone_is_no_impression(
    page: Page, site: Any, tag: Any, road: Any, hero: Any, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    row = media.store(hero.account, upload(picture()))
    creative(hero, {}, "image", media=row)
    row.file.storage.delete(row.file.name)
    site.pages["*"] = tag() + HERO
    with page.expect_console_message(lambda message: "hero cannot be shown" in message.text):
        page.goto(site.url())
    assert (page.inner_html("[data-sh-slot]"), road.tracked("i")) == ("", [])


def test_html_runs_in_a_frame_of_its_own_and_its_link_is_counted(
    page: Page, site: Any, tag: Any, stored: Any, hero: Any
) -> None:
    creative(hero, {"html": "<h1>Sale</h1><script>parent.hacked = document.title = 1</script>"}, "html")
    site.pages["*"] = tag() + HERO.replace("div ", 'div style="height:120px" ', 1)
    page.goto(site.url())
    frame = page.locator("iframe.sh-frame")
    expect(frame.content_frame.locator("h1")).to_have_text("Sale")
    assert page.evaluate("window.hacked") is None
    assert "allow-scripts" not in (frame.get_attribute("sandbox") or "")
    assert frame.bounding_box()["height"] == 120  # type: ignore[index]
    page.mouse.click(50, 50)
    page.wait_for_url("**/sale")
    stored(1, "$click")


def test_html_without_a_link_has_its_own(page: Page, site: Any, tag: Any, stored: Any, hero: Any) -> None:
    creative(hero, {"html": f'<a href="{site.url("/own")}">go</a>'}, "html", link="")
    site.pages["*"] = tag() + HERO
    page.goto(site.url())
    page.frame_locator("iframe.sh-frame").get_by_text("go").click()
    page.wait_for_url("**/own")


def test_a_slot_that_comes_later_is_filled(page: Page, site: Any, tag: Any, stored: Any, hero: Any) -> None:
    site.pages["*"] = tag()
    page.goto(site.url())
    stored(1)
    page.wait_for_timeout(300)
    page.evaluate("(html) => { document.body.innerHTML = html }", HERO)
    stored(1, "$impression")


def test_the_same_campaign_for_a_later_event_stays_as_it_is(
    page: Page, site: Any, tag: Any, road: Any, stored: Any, hero: Any
) -> None:
    site.pages["*"] = tag() + HERO
    page.goto(site.url())
    stored(1, "$impression")
    found = page.evaluate("segmenthub.product({sku: 'A1'})")
    assert [campaign["campaign"] for campaign in found] == ["hero"]
    page.wait_for_timeout(300)
    assert len(road.tracked("i")) == 1
    expect(page.locator(".sh-card")).to_have_count(1)


def test_render_false_shows_nothing_and_answers_all(page: Page, site: Any, tag: Any, road: Any, hero: Any) -> None:
    site.pages["*"] = tag("data-render=false data-auto-page=false") + HERO
    page.goto(site.url())
    wait_until(lambda: page.evaluate("!!window.segmenthub"))
    assert page.evaluate("segmenthub.page()")[0]["placement"] == "home-hero"
    page.wait_for_timeout(300)
    assert (page.inner_html("[data-sh-slot]"), road.tracked("i")) == ("", [])


def test_slots_with_a_size_shift_nothing(page: Page, site: Any, tag: Any, stored: Any, hero: Any, side: Any) -> None:
    creative(hero, {"title": "Long " * 300, "image": site.url("/ad.png"), "width": 300, "height": 900})
    site.pages["/ad.png"] = picture(size=(300, 900))
    watch = """<script>window.shifted = 0; new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
        shifted += entry.value })).observe({type: 'layout-shift', buffered: true})</script>"""
    sizes = "<style>[data-sh-slot=home-hero]{aspect-ratio:3/1}[data-sh-slot=side]{height:90px}</style>"
    site.pages["*"] = watch + sizes + HERO + SIDE + "<p>What is read</p>" + tag()
    page.goto(site.url())
    stored(2, "$impression")
    page.wait_for_timeout(300)
    assert page.evaluate("shifted") == 0
    assert page.locator("[data-sh-slot=home-hero]").bounding_box()["width"] > 900  # type: ignore[index]
