"""The rule builder in a real Chromium: by keyboard, by mouse, on a desk and on a phone."""

import json
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.clock import now
from accounts.models import Account, Attribute
from dmp.keys import visitor_key
from dmp.models import Segment, Visitor
from tests.dmp.segments.test_parse import ACCEPTED
from tests.segmenthub.panel.conftest import BROWSER

pytestmark = BROWSER
SIZES = pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])
DESK = pytest.mark.parametrize("size", [(1440, 900)], ids=["desk"])


@pytest.fixture
def adding(panel: Page, live_server: Any, owner: Account) -> Page:
    """The page of a new segment, in a shop with some attributes."""
    types = {"country": "text", "favoriteBrands": "text", "age": "number", "birthDate": "date", "plan": "text"}
    Attribute.objects.bulk_create(Attribute(account=owner, name=name, type=type) for name, type in types.items())
    for name in ("vip", "staff"):
        Segment.objects.create(account=owner, name=name)
    panel.goto(f"{live_server.url}/panel/dmp/segment/add/")
    return panel


def rule_of(page: Page) -> Any:
    text = page.locator("textarea[data-rule]").input_value()
    return json.loads(text) if text else None


def told(page: Page) -> Locator:
    return page.locator(".sr-sentence")


def write_json(page: Page, rule: Any) -> None:
    """As an expert does: in the JSON tab, then back to the builder."""
    page.get_by_role("tab", name="JSON").click()
    page.locator("textarea[data-rule]").fill(rule if isinstance(rule, str) else json.dumps(rule))
    page.get_by_role("tab", name="Builder").click()


def tab_to(page: Page, label: str) -> None:
    """Presses Tab until what has the focus is called `label`."""
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate("(document.activeElement.ariaLabel || document.activeElement.textContent).trim()")
        if name.endswith(label):
            return
    pytest.fail(f"Tab does not reach {label}")


@SIZES
def test_a_rule_is_built_with_the_keyboard_alone(adding: Page, owner: Account) -> None:
    adding.locator("[name=name]").focus()
    adding.keyboard.type("Good buyers")
    tab_to(adding, "Add condition")
    adding.keyboard.press("Enter")
    tab_to(adding, "How often")
    for _ in range(2):
        adding.keyboard.press("ArrowDown")
    tab_to(adding, "Number")
    adding.keyboard.type("1000")
    tab_to(adding, "Length")
    adding.keyboard.press("Control+A")
    adding.keyboard.type("90")
    expect(told(adding)).to_contain_text("has a sum of orderTotal of at least 1,000 over purchase in the last 90 days.")
    tab_to(adding, "Save")
    adding.keyboard.press("Enter")

    expect(adding).to_have_title("Segments | SegmentHub")
    assert Segment.objects.get(account=owner, name="Good buyers").rule == ACCEPTED["vip"]


@SIZES
def test_an_error_stands_at_its_node(adding: Page) -> None:
    buy = {"event": "purchase", "within": "30d"}
    write_json(adding, {"all": [buy, {"any": [buy, {"event": "purchase", "within": "thirty"}]}]})

    wrong = adding.locator("[data-place='all[1].any[1].within'].sr-wrong")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong.locator("xpath=ancestor::*[contains(@class, 'sr-row')]")).to_contain_text("A duration is a number")
    assert adding.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@DESK
def test_an_error_goes_when_it_is_mended(adding: Page) -> None:
    write_json(adding, {"event": "purchase", "within": "d"})
    expect(adding.locator(".sr-wrong")).to_be_visible()

    adding.get_by_label("Length").fill("7")

    expect(told(adding)).to_contain_text("did purchase in the last 7 days.")
    expect(adding.locator(".sr-wrong")).to_have_count(0)


@DESK
def test_every_example_passes_through_the_builder_unchanged(adding: Page) -> None:
    names = [name for name in ACCEPTED if name not in ("same_sku_funnel", "clicked", "computed", "unique_ne")]
    for name in names:
        write_json(adding, ACCEPTED[name])
        cards = adding.locator(".sr-card")
        expect(cards.first).to_be_visible()
        count = cards.count()
        adding.get_by_role("button", name="Add condition").last.click()
        expect(cards).to_have_count(count + 1)
        adding.get_by_role("button", name="Remove this condition").last.click()
        expect(cards).to_have_count(count)
        assert rule_of(adding) == ACCEPTED[name], name


@DESK
def test_a_list_is_typed_as_tags(adding: Page) -> None:
    write_json(adding, {"attribute": "country", "nin": []})
    field = adding.get_by_label("Add a value, end it with Enter")
    field.press_sequentially("tr,de")
    field.press("Enter")
    adding.keyboard.type("us")
    adding.keyboard.press("Tab")

    expect(told(adding)).to_contain_text("country is none of tr, de, us.")
    adding.get_by_label("Remove de").click()
    assert rule_of(adding) == {"attribute": "country", "nin": ["tr", "us"]}


@DESK
def test_groups_are_nested_and_turned_around(adding: Page) -> None:
    adding.get_by_role("button", name="Add condition").click()
    adding.get_by_role("button", name="Add group").click()
    adding.get_by_label("How these are joined").nth(1).select_option("none")
    adding.get_by_role("button", name="Add condition").first.click()

    buy = {"event": "purchase", "within": "30d"}
    assert rule_of(adding) == {"all": [buy, {"not": {"any": [buy, buy]}}]}


@DESK
def test_a_template_is_used_and_taken_back(adding: Page) -> None:
    adding.get_by_label("Start from a template").select_option("VIP")
    adding.get_by_role("button", name="Use").click()
    assert rule_of(adding) == ACCEPTED["vip"]

    adding.get_by_role("button", name="Undo").click()

    assert rule_of(adding) is None


@DESK
def test_what_is_no_json_keeps_its_tab(adding: Page) -> None:
    write_json(adding, '{"event": }')

    expect(adding.get_by_text("This is no JSON yet: the builder")).to_be_visible()
    expect(adding.get_by_role("tab", name="JSON")).to_have_attribute("aria-selected", "true")


@DESK
def test_every_control_has_a_name(adding: Page) -> None:
    parts = [rule for name, rule in ACCEPTED.items() if name not in ("clicked", "computed")]
    write_json(adding, {"all": parts})

    nameless = "e => e.filter(n => !(n.ariaLabel || n.labels?.length || n.textContent.trim())).map(n => n.outerHTML)"
    assert adding.eval_on_selector_all(".sr-builder :is(input, select, textarea, button)", nameless) == []


@SIZES
def test_people_are_estimated_counted_and_shown(adding: Page, owner: Account) -> None:
    at = now()
    for n in range(1, 4):
        visitor = UUID(int=n << 80, version=4)
        key = visitor_key(owner.pk, visitor)
        Visitor.objects.create(
            key=key, account=owner, visitor_id=visitor, created_at=at, first_seen=at, last_seen=at, country="de"
        )
    write_json(adding, {"attribute": "$country", "eq": "de"})

    expect(adding.locator(".sr-size")).to_have_text("3 of 3 visitors, 0 of 0 profiles.")
    adding.get_by_role("button", name="Show some people").click()
    expect(adding.locator(".sr-people a")).to_have_count(3)
    adding.get_by_role("button", name="Count exactly").click()
    expect(adding.locator(".sr-size")).to_have_text("3 of 3 visitors, 0 of 0 profiles.")
    assert adding.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
