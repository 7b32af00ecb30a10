"""A computed attribute is put together from words in a real Chromium; the server says what it would be."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.clock import now
from accounts.models import Account, Attribute
from dmp.keys import visitor_key
from dmp.models import Event, Visitor
from tests.segmenthub.panel.conftest import BROWSER, VISITOR

pytestmark = BROWSER
SIZES = pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])
DESK = pytest.mark.parametrize("size", [(1440, 900)], ids=["desk"])


@pytest.fixture
def adding(panel: Page, live_server: Any, owner: Account) -> Page:
    """The page of a new attribute, in a shop whose one visitor bought for 40."""
    at, key = now(), visitor_key(owner.pk, VISITOR)
    Visitor.objects.create(key=key, account=owner, visitor_id=VISITOR, created_at=at, first_seen=at, last_seen=at)
    Event.objects.create(visitor=key, time=at, id=VISITOR, account=owner, event="purchase", order_total=40)
    panel.goto(f"{live_server.url}/panel/accounts/attribute/add/")
    return panel


def definition(page: Page) -> Any:
    text = page.locator("textarea[data-computed]").input_value()
    return json.loads(text) if text else None


@SIZES
def test_one_is_defined_without_json(adding: Page, owner: Account) -> None:
    adding.fill("[name=name]", "spent")
    adding.get_by_label("Where the values come from").select_option("events")
    adding.get_by_label("What is taken").select_option("sum")
    adding.get_by_label("When", exact=True).select_option("last")
    adding.get_by_label("Length").fill("90")
    expect(adding.locator(".sr-sentence")).to_contain_text(
        "Sum of orderTotal over all purchase events in the last 90 days."
    )
    expect(adding.locator(".sr-values")).to_contain_text("40")
    assert adding.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert not adding.locator("[name=type]").is_visible()
    adding.click("[name=_save]")

    expect(adding).to_have_title("Attributes | SegmentHub")
    expect(adding.locator("body")).to_contain_text("Sum of orderTotal over all purchase events in the last 90 days")
    saved = Attribute.objects.get(account=owner, name="spent")
    assert saved.computed == {"as": "sum", "event": "purchase", "property": "orderTotal", "within": "90d"}
    assert (saved.type, saved.many) == ("number", False)


@DESK
def test_a_condition_is_added_and_another_taking_keeps_what_fits(adding: Page) -> None:
    adding.get_by_label("Where the values come from").select_option("events")
    adding.get_by_label("What is taken").select_option("lastList")
    adding.get_by_label("At most so many").fill("3")
    adding.get_by_role("button", name="where …").click()
    assert definition(adding)["limit"] == 3
    assert "where" in definition(adding)
    adding.get_by_label("What is taken").select_option("count")
    assert set(definition(adding)) == {"as", "event", "where"}


@DESK
def test_one_written_through_the_api_has_no_definition(adding: Page, owner: Account) -> None:
    source = adding.get_by_label("Where the values come from")
    source.select_option("events")
    source.select_option("")
    assert definition(adding) is None
    adding.fill("[name=name]", "tier")
    adding.click("[name=_save]")
    expect(adding).to_have_title("Attributes | SegmentHub")
    assert Attribute.objects.get(account=owner, name="tier").computed is None


@DESK
def test_a_mistake_in_the_json_stands_at_its_place(adding: Page) -> None:
    adding.get_by_text("As JSON").click()
    adding.locator("textarea[data-computed]").press_sequentially('{"as": "count", "event": "purchase", "within": "30"}')
    expect(adding.locator(".sr-wrong").first).to_have_attribute("aria-invalid", "true")
    expect(adding.locator(".sr-problem")).to_contain_text("A duration is a number")
