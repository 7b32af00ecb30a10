"""A page with nothing but the script tag: page views, of one visitor."""

import re
from typing import Any

from playwright.sync_api import BrowserContext, Page

from tests.sdk.conftest import kept, local, wait_until
from tests.segmenthub.panel.conftest import BROWSER

pytestmark = BROWSER
UUID4 = re.compile(r"[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}")


def test_a_blank_page_with_the_tag_alone_sends_page_views(page: Page, site: Any, tag: Any, stored: Any) -> None:
    site.pages["*"] = tag()
    page.goto(site.url("/shoes?utm_source=mail"))
    first = stored(1)[0]
    assert (first.event, first.path) == ("pageView", "/shoes?utm_source=mail")


def test_the_visitor_stays_over_reloads_tabs_and_navigation(page: Page, site: Any, tag: Any, stored: Any) -> None:
    site.pages["*"] = tag() + '<a href="/next">next</a>'
    page.goto(site.url())
    stored(1)
    page.reload()
    stored(2)
    page.click("a")
    stored(3)
    other = page.context.new_page()
    other.goto(site.url("/other"))
    events = stored(4)
    assert [event.path for event in events] == ["/", "/", "/next", "/other"]
    assert len({event.visitor for event in events}) == 1
    assert events[2].referrer == site.url()


def test_the_id_is_in_a_cookie_and_its_mirror(page: Page, site: Any, tag: Any, road: Any) -> None:
    site.pages["*"] = tag()
    page.goto(site.url())
    sent = wait_until(road.events)[0]["visitorId"]
    assert UUID4.fullmatch(sent)
    assert kept(page.context) == {"sh_id": sent}
    wait_until(lambda: local(page) == {"sh_id": sent})
    cookie = page.context.cookies()[0]
    assert (cookie["sameSite"], cookie["secure"], cookie["path"]) == ("Lax", False, "/")
    days = (cookie["expires"] - page.evaluate("Date.now()") / 1000) / 86400
    assert 390 < days < 400


def test_the_cookie_has_the_widest_domain(context: BrowserContext, site: Any, tag: Any, road: Any) -> None:
    site.pages["*"] = tag()
    page = context.new_page()
    for number, host in enumerate(("www.shop.co.uk", "a.b.shop.co.uk")):
        page.goto(site.url(host=host))
        wait_until(lambda number=number: len(road.events()) > number)
    assert [cookie["domain"] for cookie in context.cookies()] == [".shop.co.uk"]
    first, second = road.events()
    assert first["visitorId"] == second["visitorId"]


def test_a_damaged_cookie_gives_way_to_its_mirror(page: Page, site: Any, tag: Any, road: Any) -> None:
    site.pages["*"] = tag()
    page.goto(site.url())
    known = wait_until(road.events)[0]["visitorId"]
    page.evaluate("document.cookie = 'sh_id=%E0%A4%A;path=/'")
    page.reload()
    wait_until(lambda: len(road.events()) == 2)
    assert road.events()[1]["visitorId"] == known
    assert kept(page.context)["sh_id"] == known


def test_what_is_damaged_everywhere_is_made_anew(page: Page, site: Any, tag: Any, road: Any) -> None:
    site.pages["*"] = tag()
    page.goto(site.url("/empty.png"))
    page.evaluate("document.cookie = 'sh_id=<b>;path=/'; localStorage.sh_id = 'x'.repeat(36)")
    page.goto(site.url())
    made = wait_until(road.events)[0]["visitorId"]
    assert UUID4.fullmatch(made)
    assert kept(page.context) == {"sh_id": made}


def test_where_nothing_can_be_stored_it_is_kept_in_memory(page: Page, site: Any, tag: Any, road: Any) -> None:
    deny = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('denied') }});"
    deny += "Object.defineProperty(document, 'cookie', {get() { throw new Error('denied') }, set() {}})"
    site.pages["*"] = f"<script>{deny}</script>" + tag()
    page.goto(site.url())
    wait_until(road.events)
    page.evaluate("segmenthub.track('pageView')")
    first, second = road.events()
    assert first["visitorId"] == second["visitorId"]


def test_a_place_without_random_uuids_has_visitors_too(page: Page, site: Any, tag: Any, stored: Any) -> None:
    site.pages["*"] = tag()
    page.goto(site.url(host="www.shop.example"))
    stored(1)
    assert page.evaluate("[isSecureContext, typeof crypto.randomUUID]") == [False, "undefined"]


def test_there_is_one_global(page: Page, site: Any, tag: Any, stored: Any) -> None:
    site.pages["/bare"] = "<p>bare</p>"
    site.pages["*"] = tag()
    page.goto(site.url("/bare"))
    before = set(page.evaluate("Object.getOwnPropertyNames(window)"))
    page.goto(site.url())
    stored(1)
    assert set(page.evaluate("Object.getOwnPropertyNames(window)")) - before == {"segmenthub"}
