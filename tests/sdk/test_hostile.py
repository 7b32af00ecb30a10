"""Strict pages, and creatives that mean harm: nothing of theirs runs, and the page goes on."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from adserver.models import Creative
from tests.adserver.offers import make_campaign, make_placement
from tests.sdk.conftest import wait_until
from tests.segmenthub.panel.conftest import BROWSER

pytestmark = BROWSER
LONG = "x" * 10_000
HOSTILE: dict[str, Any] = {
    "script": {"title": "<script>hacked=1</script>", "text": "</style><img src=x onerror=hacked=1>", "button": LONG},
    "addresses": {"title": "t", "link": "javascript:hacked=1", "image": "javascript:hacked=1"},
    "data": {"title": "t", "link": "data:text/html,<script>hacked=1</script>", "image": "data:,x"},
    "spaces": {"title": "t", "link": " \tjava\nscript:hacked=1", "src": "\x01javascript:hacked=1"},
    "types": {"title": {"a": [1]}, "text": 7, "button": [], "image": {"x": 1}, "link": 5, "width": "1e9", "height": -1},
    "names": {"display": "popup", "title": "t", "closeLabel": LONG, "__proto__": {"hacked": 1}},
    "display": {"display": "<b>", "title": "t"},
    "a number": 7,
    "a list": ["<script>hacked=1</script>"],
    "a text": LONG,
}


@pytest.fixture
def page_with(account: Any, site: Any, tag: Any) -> Any:
    def page_with(content: Any, type: str = "json", link: str = "", codes: Any = ("home-hero", "popup")) -> None:
        """The same in a slot and in a popup."""
        for code in codes:
            make_campaign(account, code, link, placement=make_placement(account, code))
        Creative.objects.update(content=content, type=type)
        site.pages["*"] = tag() + "<div data-sh-slot=home-hero></div><button onclick='works=1'>Buy</button>"

    return page_with


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_creative_never_runs_and_never_breaks_the_page(
    page: Page, site: Any, road: Any, page_with: Any, name: str
) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page_with(HOSTILE[name])
    page.goto(site.url())
    wait_until(road.events)
    page.wait_for_timeout(500)
    assert set(page.locator("a.sh-card").evaluate_all("(all) => all.map((a) => a.protocol)")) <= {"http:"}
    assert (page.evaluate("[window.hacked, {}.hacked]"), errors) == ([None, None], [])
    page.locator("button", has_text="Buy").evaluate("(button) => button.click()")
    assert page.evaluate("works") == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


HTML = """</iframe></style><script>top.hacked=1</script><img src=x onerror="top.hacked=1">
<a id=go target=_top href="javascript:top.hacked=1">go</a>
<form action="javascript:top.hacked=1"><button>send</button></form>
<svg onload="top.hacked=1"></svg><meta http-equiv=refresh content="0;url=javascript:top.hacked=1">"""


def test_hostile_html_stays_in_its_frame(page: Page, site: Any, page_with: Any) -> None:
    page_with({"html": HTML}, "html", codes=["home-hero"])
    page.goto(site.url())
    frame = page.frame_locator("iframe.sh-frame")
    frame.locator("#go").click()
    frame.get_by_text("send").click()
    page.wait_for_timeout(300)
    assert page.evaluate("window.hacked") is None
    assert page.url == site.url()


HOSTILE_ATTRIBUTES = [
    "javascript:hacked=1",
    "<script>hacked=1</script>",
    "</style>",
    '"],*[x="',
    "\\",
    LONG,
    "__proto__",
]


def test_a_hostile_attribute_never_breaks_the_page(page: Page, site: Any, tag: Any, road: Any) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    names = ("cookie-domain", "persistence", "timeout", "before-send", "consent", "debug", "x")
    for value in HOSTILE_ATTRIBUTES:
        escaped = value.replace("&", "&amp;").replace('"', "&quot;")
        site.pages["*"] = tag(" ".join(f'data-{name}="{escaped}"' for name in names))
        site.pages["*"] += f'<div data-sh-slot="{escaped}"></div>'
        page.goto(site.url("/?q=" + LONG))
        wait_until(lambda: page.evaluate("!!window.segmenthub"))
        page.evaluate("(value) => { segmenthub(value); segmenthub.track(value, {[value]: value}) }", value)
        page.wait_for_timeout(200)
        assert (page.evaluate("window.hacked"), errors) == (None, []), value


POLICY = (
    "default-src 'none'; script-src {api}; connect-src {api}; img-src {api}; style-src 'none';"
    " require-trusted-types-for 'script'; trusted-types segmenthub; report-to none"
)


@pytest.mark.parametrize("type", ["json", "html"])
def test_a_strict_policy_lets_it_all_pass(
    page: Page, site: Any, road: Any, page_with: Any, stored: Any, type: str
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    content = {"title": "Sale", "text": "Now"} if type == "json" else {"html": "<p>Sale"}
    page_with(content, type, site.url("/sale"), ["popup" if type == "json" else "home-hero"])
    site.pages["*"] = site.pages["*"].replace(" onclick='works=1'", "")
    site.headers["Content-Security-Policy"] = POLICY.format(api=road.url)
    page.goto(site.url())
    stored(1, "$viewable")
    card = page.locator("a.sh-card")
    expect(card).to_be_visible()
    card.click()
    page.wait_for_url("**/sale")
    assert [text for text in complaints if "icon" not in text] == []
