"""Whatever happens on the way, an event arrives, and counts once."""

import time
from collections import Counter
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from dmp.models import Event, EventType
from tests.sdk.conftest import heard, local, wait_until
from tests.segmenthub.panel.conftest import BROWSER

pytestmark = BROWSER


@pytest.fixture(autouse=True)
def _pages(site: Any, tag: Any, account: Any) -> None:
    site.pages["*"] = tag()
    EventType.objects.create(account=account, code="look")


def open_page(page: Page, site: Any, stored: Any) -> None:
    """With its page view away."""
    before = Event.objects.count()
    page.goto(site.url())
    stored(before + 1)
    wait_until(lambda: not queued(page))


def queued(page: Page) -> list[str]:
    return [value for name, value in local(page).items() if name.startswith("sh_q.")]


def look(page: Page, number: int = 1) -> None:
    page.evaluate("(n) => { for (let i = 0; i < n; i++) segmenthub.track('look', {i}) }", number)


def test_while_the_server_is_down_events_wait_and_arrive_once(page: Page, site: Any, road: Any, stored: Any) -> None:
    road.closed = "down"
    page.goto(site.url())
    wait_until(lambda: page.evaluate("!!window.segmenthub"))
    look(page, 5)
    wait_until(lambda: len(queued(page)) == 6)
    time.sleep(1.5)
    road.closed = ""
    stored(6, seconds=20)
    wait_until(lambda: not queued(page))
    assert Counter(event.event for event in Event.objects.all()) == {"pageView": 1, "look": 5}


def test_offline_they_wait_and_arrive_as_soon_as_there_is_a_network(page: Page, site: Any, stored: Any) -> None:
    open_page(page, site, stored)
    page.context.set_offline(True)
    look(page, 3)
    wait_until(lambda: len(queued(page)) == 3)
    page.context.set_offline(False)
    stored(4)
    assert Event.objects.count() == 4


@pytest.mark.parametrize("closed", ["down", "lost"])
def test_of_a_tab_that_is_closed_the_next_page_sends_what_was_left(
    context: BrowserContext, site: Any, road: Any, stored: Any, closed: str
) -> None:
    page = context.new_page()
    open_page(page, site, stored)
    road.closed = closed
    look(page)
    wait_until(lambda: road.events("look"))
    page.close()
    road.closed = ""
    page = context.new_page()
    page.goto(site.url("/empty"))
    wait_until(lambda: len(road.events("look")) > 1)
    wait_until(lambda: not queued(page))
    assert Event.objects.filter(event="look").count() == 1
    assert len({event["eventId"] for event in road.events("look")}) == 1


def test_a_server_that_is_busy_says_when_to_come_again(page: Page, site: Any, road: Any, stored: Any) -> None:
    open_page(page, site, stored)
    road.closed = "busy"
    road.times.clear()
    look(page)
    wait_until(lambda: road.times)
    time.sleep(0.5)  # the page has heard it
    road.closed = ""
    look(page)
    stored(3)
    first, second, *_ = road.times
    assert second - first >= 2  # seconds, as Retry-After said
    assert Event.objects.filter(event="look").count() == 2


def test_a_server_may_ask_for_longer_than_timers_take(page: Page, site: Any, road: Any, stored: Any) -> None:
    open_page(page, site, stored)
    road.closed, road.retry_after = "busy", "3000000"  # seconds, over 2**31 milliseconds
    road.calls.clear()
    look(page)
    wait_until(lambda: road.calls)
    time.sleep(1)
    assert len(road.calls) == 1


def test_two_tabs_never_send_the_same_twice(context: BrowserContext, site: Any, road: Any, stored: Any) -> None:
    first, second = context.new_page(), context.new_page()
    for page in (first, second):
        open_page(page, site, stored)
    road.closed = "down"
    for page in (first, second):
        look(page, 3)
    wait_until(lambda: len(queued(first)) == 6)
    time.sleep(0.5)  # what is under way fails
    road.calls.clear()
    road.closed = ""
    for page in (first, second):
        page.evaluate("dispatchEvent(new Event('online'))")
    wait_until(lambda: not queued(first), 20)
    assert Counter(event["eventId"] for event in road.events("look")).most_common(1)[0][1] == 1
    assert len(road.events("look")) == 6


def test_of_what_is_left_behind_one_tab_takes_all(context: BrowserContext, site: Any, road: Any, stored: Any) -> None:
    pages = [context.new_page() for _ in range(3)]
    for page in pages:
        open_page(page, site, stored)
    road.closed = "down"
    look(pages[0], 4)
    wait_until(lambda: len(queued(pages[0])) == 4)
    pages[0].close()
    time.sleep(1.2)
    road.calls.clear()
    road.closed = ""
    for page in pages[1:]:
        page.evaluate("void segmenthub.flush()")
    wait_until(lambda: not queued(pages[1]))
    assert [count for _, count in Counter(event["eventId"] for event in road.events("look")).items()] == [1] * 4


def test_what_a_closed_tab_left_is_sent_by_one_that_stays(
    context: BrowserContext, site: Any, road: Any, stored: Any
) -> None:
    gone, stays = context.new_page(), context.new_page()
    for page in (gone, stays):
        open_page(page, site, stored)
    road.closed = "down"
    for page in (gone, stays):
        look(page)
    wait_until(lambda: len(queued(stays)) == 2)
    gone.close()
    time.sleep(0.5)
    road.closed = ""
    stored(2, "look")
    assert Event.objects.filter(event="look").count() == 2


def test_in_a_frame_that_may_not_store_events_are_sent_without_an_error(page: Page, site: Any, stored: Any) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    site.pages["/page"] = "<iframe sandbox=allow-scripts src=/framed></iframe>"
    page.goto(site.url("/page"))
    stored(1)
    page.wait_for_timeout(700)  # by then a page takes its lock
    page.frames[1].evaluate("segmenthub.flush()")
    assert errors == []


def test_without_locks_what_was_left_is_taken_after_a_minute(page: Page, site: Any, road: Any, stored: Any) -> None:
    page.goto(site.url("/empty.png", host="www.shop.example"))
    page.evaluate(
        """() => { for (const age of [5, 65]) localStorage[`sh_q.${Date.now() - age * 1000}.gone.${age}`] =
        '/campaigns/query\\n' + JSON.stringify({age}) }"""
    )
    page.goto(site.url(host="www.shop.example"))
    wait_until(lambda: [body for _, body in road.calls if "age" in body])
    assert [body["age"] for _, body in road.calls if "age" in body] == [65]


@pytest.mark.parametrize("call", ["reset", "optOut"])
def test_the_queue_is_emptied(page: Page, site: Any, road: Any, stored: Any, call: str) -> None:
    open_page(page, site, stored)
    road.closed = "down"
    under_way: list[Any] = []
    page.on("request", lambda request: under_way.append(request))
    page.on("requestfailed", lambda request: under_way.remove(request))
    look(page, 3)
    wait_until(lambda: len(queued(page)) == 3 and not under_way)  # what is on its way arrives
    page.evaluate("(call) => segmenthub(call)", call)
    assert queued(page) == []
    road.closed = ""
    page.evaluate("segmenthub.flush()")
    assert Event.objects.count() == 1


def test_the_queue_is_bounded(page: Page, site: Any, road: Any, stored: Any) -> None:
    open_page(page, site, stored)
    road.closed = "down"
    look(page, 120)
    wait_until(lambda: len(queued(page)) == 100)
    assert '"i":119' in "".join(queued(page))
    assert '"i":19,' not in "".join(queued(page))


def test_what_is_larger_than_60_kb_is_refused_and_told(page: Page, site: Any, road: Any, stored: Any) -> None:
    open_page(page, site, stored)
    heard(page, "error")
    assert page.evaluate("segmenthub.track('look', {texts: Array(10).fill('x'.repeat(6100))})") == []
    assert "60 kB" in page.evaluate("heard[0][1]")
    assert not road.events("look")


def test_large_events_in_a_row_arrive_although_browsers_bound_what_outlives_a_page(
    page: Page, site: Any, stored: Any
) -> None:
    open_page(page, site, stored)
    page.evaluate("""for (let i = 0; i < 4; i++) segmenthub.track('look', {texts: Array(6).fill('x'.repeat(8000))})""")
    stored(5)


def test_what_is_refused_is_dropped_and_told(page: Page, site: Any, road: Any, stored: Any) -> None:
    open_page(page, site, stored)
    heard(page, "error")
    assert page.evaluate("segmenthub.track('unknown')") == []
    assert "The event type “unknown” does not exist. Make it under Events." in page.evaluate("heard[0][1]")
    assert queued(page) == []
    assert len(road.events("unknown")) == 1


def test_an_event_beside_a_click_on_a_link_arrives(page: Page, site: Any, stored: Any) -> None:
    site.pages["/"] = site.pages["*"] + "<a href='/empty.png' onclick=\"segmenthub.track('look')\">go</a>"
    page.goto(site.url())
    stored(1)
    page.click("a")
    stored(1, "look")


def test_in_memory_nothing_is_stored_and_all_is_sent(page: Page, site: Any, tag: Any, road: Any, stored: Any) -> None:
    site.pages["*"] = tag("data-persistence=memory")
    road.closed = "down"
    page.goto(site.url())
    page.wait_for_function("!!window.segmenthub")
    time.sleep(0.5)
    road.closed = ""
    stored(1)
    assert (local(page), page.context.cookies()) == ({}, [])
