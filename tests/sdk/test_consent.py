"""What is stored and sent before consent, after it, and after a refusal."""

from typing import Any

import pytest
from playwright.sync_api import Page

from dmp.models import Visitor
from tests.sdk.conftest import kept, local, wait_until
from tests.segmenthub.panel.conftest import BROWSER

pytestmark = BROWSER


@pytest.fixture
def opened(page: Page, site: Any, tag: Any, road: Any) -> Any:
    """Opens a page whose tag says more."""

    def opened(more: str = "data-consent=required") -> Page:
        site.pages["*"] = tag(more)
        page.goto(site.url())
        page.wait_for_function("!!window.segmenthub")
        page.wait_for_timeout(400)
        return page

    return opened


def nothing(page: Page, road: Any) -> bool:
    return not road.calls and not kept(page.context) and not local(page)


def test_before_consent_nothing_is_sent_or_stored(opened: Any, road: Any) -> None:
    page = opened()
    page.evaluate("void segmenthub.track('pageView'); void segmenthub.identify('jane@example.com')")
    page.evaluate("history.pushState(null, '', '/b')")
    page.wait_for_timeout(300)
    assert page.evaluate("segmenthub.getVisitorId()") is None
    assert nothing(page, road)


def test_with_consent_the_page_is_counted_and_what_was_chosen_is_told_once(opened: Any, road: Any) -> None:
    page = opened()
    page.evaluate("segmenthub.consent({ads: true, email: false})")
    wait_until(road.events)
    page.evaluate("segmenthub.track('pageView')")
    page.evaluate("segmenthub.consent({ads: true, email: false})")
    page.reload()
    wait_until(lambda: len(road.events()) == 3)
    assert [event.get("consent") for event in road.events()] == [{"ads": True, "email": False}, None, None]
    attributes = Visitor.objects.get().attributes
    assert {name for name in attributes if name.startswith("consent.")} == {"consent.ads", "consent.email"}


def test_a_plain_yes_is_consent_to_tracking(opened: Any, road: Any) -> None:
    page = opened()
    page.evaluate("segmenthub('consent', true)")
    assert wait_until(road.events)[0]["consent"] == {"tracking": True}


@pytest.mark.parametrize("no", ["optOut()", "consent(false)", "consent({ads: false})"])
def test_after_a_refusal_nothing_stays_but_the_refusal(opened: Any, road: Any, no: str) -> None:
    page = opened("")
    wait_until(road.events)
    page.evaluate("segmenthub.identify('jane@example.com')")
    page.evaluate("(no) => eval('segmenthub.' + no)", no)
    road.calls.clear()
    assert page.evaluate("segmenthub.track('pageView')") == []
    page.reload()
    page.wait_for_timeout(400)
    assert (kept(page.context), local(page), road.calls) == ({"sh_consent": "0"}, {"sh_consent": "0"}, [])
    assert page.evaluate("segmenthub.getVisitorId()") is None


def test_a_refusal_holds_in_the_other_tab(opened: Any, site: Any, road: Any) -> None:
    page = opened("")
    other = page.context.new_page()
    other.goto(site.url())
    wait_until(lambda: len(road.events()) == 2)
    page.evaluate("segmenthub.optOut()")
    assert other.evaluate("segmenthub.track('pageView')") == []
    assert len(road.events()) == 2


def test_who_opts_in_again_is_a_new_visitor(opened: Any, road: Any) -> None:
    page = opened("")
    first = wait_until(road.events)[0]["visitorId"]
    page.evaluate("segmenthub.optOut().then(() => segmenthub.optIn())")
    page.evaluate("segmenthub.track('pageView')")
    assert road.events()[-1]["visitorId"] != first


@pytest.mark.parametrize(
    ("signal", "more", "asks"),
    [
        ("globalPrivacyControl", "", True),
        ("globalPrivacyControl", "data-respect-gpc=false", False),
        ("doNotTrack", "", False),
        ("doNotTrack", "data-respect-dnt=true", True),
    ],
)
def test_a_browser_that_signals_no_tracking_asks_for_consent(
    page: Page, opened: Any, road: Any, signal: str, more: str, asks: bool
) -> None:
    value = "true" if signal == "globalPrivacyControl" else "'1'"
    page.add_init_script(f"Object.defineProperty(navigator, '{signal}', {{value: {value}}})")
    opened(more)
    assert nothing(page, road) == asks
    page.evaluate("segmenthub.consent(true)")
    wait_until(road.events)


def test_reset_makes_another_visitor_without_a_name(opened: Any, road: Any) -> None:
    page = opened("")
    page.evaluate("segmenthub.identify('jane@example.com')")
    page.evaluate("segmenthub.track('pageView')")
    page.evaluate("segmenthub.reset()")
    page.evaluate("segmenthub.track('pageView')")
    named, anonymous = road.events()[-2:]
    assert (named["profileId"], anonymous.get("profileId")) == ("jane@example.com", None)
    assert named["visitorId"] != anonymous["visitorId"]


def test_an_event_can_be_changed_or_dropped_before_it_is_sent(opened: Any, site: Any, tag: Any, road: Any) -> None:
    page = opened("data-consent=required data-auto-page=false")
    site.pages["*"] = """<script>var segmenthub = (...call) =>
      new Promise((done) => (segmenthub.q ||= []).push([done, ...call]));
      segmenthub("init", {beforeSend: (event) => event.secret ? null : {...event, path: "/hidden"}})</script>"""
    site.pages["*"] += tag()
    page.goto(site.url())
    wait_until(road.events)
    page.evaluate("segmenthub.track('pageView', {secret: 1})")
    assert [event["path"] for event in road.events()] == ["/hidden"]
