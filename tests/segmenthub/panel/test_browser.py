"""The panel in a real Chromium: on a desk and on a phone."""

from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from accounts.clock import now
from accounts.models import Account, ApiToken, Member, Platform, User
from adserver.models import Campaign
from dmp.memberships import Pins, pin
from dmp.models import Segment, Visitor
from dmp.segments.build import build_now
from tests.segmenthub.panel.conftest import BROWSER

pytestmark = BROWSER
SIZES = pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@SIZES
def test_a_new_token_is_shown_once_and_copied(panel: Page, live_server: Any, owner: Account) -> None:
    panel.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel.goto(f"{live_server.url}/panel/accounts/apitoken/add/")
    assert fits(panel)
    panel.fill("[name=name]", "Shop server")
    panel.check("[name=access][value='profiles:read']")
    panel.click("[name=_save]")

    secret = panel.locator("#secret").text_content()
    panel.click("[data-copy='#secret']")

    expect(panel.locator("[data-copy='#secret']")).to_contain_text("Copied")
    assert panel.evaluate("navigator.clipboard.readText()") == secret
    assert ApiToken.objects.get(account=owner).prefix == str(secret)[:8]
    panel.click("text=I have kept it")
    assert str(secret) not in panel.content()


@SIZES
def test_the_line_for_a_shops_pages_is_copied(panel: Page, live_server: Any, owner: Account) -> None:
    panel.context.grant_permissions(["clipboard-read", "clipboard-write"])
    platform = Platform.objects.create(account=owner, code="www.example.com")
    panel.goto(f"{live_server.url}/panel/accounts/platform/{platform.pk}/change/")
    panel.click("[data-copy='#sdk-tag']")

    expect(panel.locator("[data-copy='#sdk-tag']")).to_contain_text("Copied")
    line = panel.evaluate("navigator.clipboard.readText()")
    assert line.startswith("<script async src=")
    assert f'data-account="{owner.pk}" data-platform="www.example.com"' in line
    panel.click("text=One version, checked by its hash")
    assert fits(panel)


@SIZES
def test_a_campaign_with_a_creative_is_made(panel: Page, live_server: Any, owner: Account) -> None:
    panel.goto(f"{live_server.url}/panel/adserver/campaign/add/")
    panel.locator("[name=name]").press_sequentially("Summer sale")
    expect(panel.locator("[name=slug]")).to_have_value("summer-sale")
    panel.click("text=Add another Creative")
    panel.fill("[name='creatives-0-name']", "A")
    panel.fill("[name='creatives-0-content']", '{"title": }')
    expect(panel.locator("[name='creatives-0-content'].sh-bad")).to_be_visible()
    panel.fill("[name='creatives-0-content']", '{"title": "20% off"}')
    assert fits(panel)
    panel.click("[name=_save]")

    expect(panel).to_have_title("Campaigns | SegmentHub")
    campaign = Campaign.objects.get(account=owner)
    assert campaign.creatives.get().content == {"title": "20% off"}


@SIZES
def test_no_page_is_wider_than_its_window(panel: Page, live_server: Any, owner: Account) -> None:
    paths = ("", "events/", "visitors/", "profiles/", "dmp/segment/add/", "dmp/eventtype/", "accounts/member/add/")
    segment = Segment.objects.get()
    for path in (
        *paths,
        f"dmp/segment/{segment.pk}/change/",
        f"segments/{segment.pk}/",
        "segments/overlap/",
        "reports/",
        "password_change/",
    ):
        panel.goto(f"{live_server.url}/panel/{path}")
        assert fits(panel), path


@SIZES
def test_the_account_is_switched(panel: Page, live_server: Any, owner: Account) -> None:
    other = Account.objects.create(name="Second shop")
    Member.objects.create(account=other, user=User.objects.get(), role="viewer")
    panel.goto(f"{live_server.url}/panel/")
    if (panel.viewport_size or {})["width"] < 800:
        panel.locator("#header-inner .material-symbols-outlined:visible").first.click()
    panel.click(".sh-switch summary")
    panel.click("text=Second shop")

    expect(panel.locator(".sh-switch summary")).to_contain_text("Second shop")


@SIZES
def test_a_segment_is_paused_resumed_and_looked_back_at(panel: Page, live_server: Any, owner: Account) -> None:
    segment = Segment.objects.create(account=owner, name="Lookers", rule={"event": "pageView"})
    build_now(owner.pk)
    visitor = Visitor.objects.create(key=uuid4(), account=owner, visitor_id=uuid4(), created_at=now())
    pin(Visitor, "visitor", owner.pk, visitor.key, Pins(assign=[segment.pk]), now())
    panel.goto(f"{live_server.url}/panel/dmp/segment/{segment.pk}/change/")

    panel.click("text=Pause")
    expect(panel.locator("text=Paused as of")).to_be_visible()
    assert fits(panel)
    panel.click("text=Resume")
    expect(panel.locator("text=Cancel the build")).to_be_visible()
    panel.locator(".sh-strip >> text=Growth").click()
    panel.click("text=As a table, by cause")
    expect(panel.locator("td[data-label=Entered]")).to_contain_text("1 by hand or API")
    assert fits(panel)


@SIZES
def test_segments_are_chosen_and_compared(panel: Page, live_server: Any, owner: Account) -> None:
    other = Segment.objects.create(account=owner, name="Newsletter")
    visitor = Visitor.objects.create(key=uuid4(), account=owner, visitor_id=uuid4(), created_at=now())
    pin(Visitor, "visitor", owner.pk, visitor.key, Pins(assign=[other.pk, Segment.objects.get(name="VIP").pk]), now())
    panel.goto(f"{live_server.url}/panel/dmp/segment/")
    panel.click("text=Overlap")

    for number, name in enumerate(("VIP", "Newsletter")):
        panel.locator("[name=segment]").nth(number).select_option(name)
    panel.click("text=Compare")
    expect(panel.locator("svg.sh-venn")).to_be_visible()
    expect(panel.locator(".sh-bars")).to_contain_text("“VIP” and “Newsletter”")
    assert fits(panel)
