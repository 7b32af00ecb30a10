"""Each snippet of sdk/README.md does what it says."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Account
from adserver.models import Creative
from dmp.models import Event, EventType
from segmenthub import sdk
from tests.adserver.offers import make_campaign, make_placement
from tests.sdk.conftest import wait_until
from tests.sdk.test_files import SDK
from tests.segmenthub.panel.conftest import BROWSER

pytestmark = BROWSER
README = (SDK / "README.md").read_text()
ACCOUNT, HOST = "7d4b1c9e-3f53-4c7e-9d7b-2f6f1b8a9c01", "https://segmenthub.example.com"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)


TAG, SLOT, SNIPPET = blocks("html")
CALLS, CONSENT = blocks("js")
(POLICY,) = re.findall(r"```\n(script-src .*)\n```", README)


@pytest.fixture
def put(account: Account, site: Any, road: Any) -> Any:
    """Puts parts of the README into a page."""

    def put(*parts: str) -> None:
        site.pages["*"] = "".join(parts).replace(ACCOUNT, str(account.pk)).replace(HOST, road.url)

    return put


def run(page: Page, code: str) -> None:
    page.wait_for_function("!!window.segmenthub?.version")
    page.evaluate(f"(async () => {{ {code} }})()")


def test_the_tag_and_the_slot(page: Page, site: Any, put: Any, account: Any, stored: Any) -> None:
    make_campaign(account, placement=make_placement(account))
    put(TAG, SLOT)
    page.goto(site.url())
    stored(1, "pageView")
    stored(1, "$impression")
    expect(page.locator("[data-sh-slot] .sh-title")).to_have_text("Sale")


def test_the_tag_of_the_projects_readme(page: Page, site: Any, put: Any, account: Any, road: Any, stored: Any) -> None:
    (shown,) = re.findall(r"```html\n(.*?)```", (SDK.parent / "README.md").read_text(), re.DOTALL)
    make_campaign(account, placement=make_placement(account))
    put(shown.replace("http://127.0.0.1:8000", road.url))
    page.goto(site.url())
    stored(1, "$impression")


def test_the_snippet_and_the_calls(page: Page, site: Any, put: Any, account: Any, road: Any, stored: Any) -> None:
    EventType.objects.create(account=account, code="addToCart")
    put(SNIPPET)
    page.goto(site.url())
    assert wait_until(road.events)[0]["profileId"] == "jane@example.com"
    run(page, CALLS)
    stored(4)
    assert set(Event.objects.values_list("event", flat=True)) == {"pageView", "productView", "addToCart", "purchase"}


def test_the_consent(page: Page, site: Any, put: Any, road: Any) -> None:
    put(TAG.replace("data-platform", "data-consent=required data-platform"))
    page.goto(site.url())
    run(page, CONSENT)
    assert wait_until(road.events)[0]["consent"] == {"ads": True, "email": False}


def test_the_popup(page: Page, site: Any, put: Any, account: Any) -> None:
    campaign = make_campaign(account, placement=make_placement(account, "welcome"))
    Creative.objects.filter(campaign=campaign).update(content=json.loads(blocks("json")[0]))
    put(TAG)
    page.goto(site.url())
    expect(page.get_by_role("dialog", name="10% off your first order")).to_be_visible()


def test_the_policy(page: Page, site: Any, put: Any, road: Any, stored: Any) -> None:
    put(TAG)
    site.headers["Content-Security-Policy"] = "default-src 'none'; " + POLICY.replace(HOST, road.url)
    page.goto(site.url())
    stored(1)


def test_the_module(page: Page, site: Any, account: Any, road: Any, stored: Any) -> None:
    options = f'{{account: "{account.pk}", platform: "www.example.com", apiHost: "{road.url}/"}}'
    module = f'import segmenthub from "{road.url}/sdk/segmenthub.mjs"; segmenthub.init({options})'
    site.pages["*"] = f"<script type=module>{module}</script>"
    page.goto(site.url())
    stored(1)


def test_a_version_with_its_hash(page: Page, site: Any, put: Any, road: Any, stored: Any) -> None:
    pinned = f'integrity="{sdk.files()[sdk.newest()].integrity}" crossorigin="anonymous"'
    put(TAG.replace("v1.js", sdk.newest()).replace("async", f"async {pinned}"))
    page.goto(site.url())
    stored(1)


def test_each_option_and_method_is_told() -> None:
    types = (SDK / "segmenthub.d.ts").read_text()
    for name in ("Options", "Methods"):
        body = re.search(rf"interface {name} {{(.*?)\n}}", types, re.DOTALL)
        assert body
        names = re.findall(r"^  (\w+)[?(<:]", body.group(1), re.MULTILINE)
        assert [word for word in names if not re.search(rf"`{word}[`(]", README)] == []
