"""A campaign's conditions in the panel: built by hand in a real Chromium, and told in words."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Account
from adserver.models import Campaign, Placement
from tests.segmenthub.panel.conftest import BROWSER

pytestmark = BROWSER
SIZES = pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])
DESK = pytest.mark.parametrize("size", [(1440, 900)], ids=["desk"])
AREA = "textarea[data-conditions]"
DEAR = {"property": "price", "gte": 50}


@pytest.fixture
def campaign(panel: Page, live_server: Any, owner: Account) -> Page:
    """The page of a campaign without conditions."""
    placement = Placement.objects.create(account=owner, code="hero")
    row = Campaign.objects.create(account=owner, slug="sale", name="Sale", placement=placement)
    panel.goto(f"{live_server.url}/panel/adserver/campaign/{row.pk}/change/")
    return panel


def conditions_of(page: Page) -> Any:
    text = page.locator(AREA).input_value()
    return json.loads(text) if text else None


def write_json(page: Page, tree: Any) -> None:
    page.get_by_role("tab", name="JSON").click()
    page.locator(AREA).fill(json.dumps(tree))
    page.get_by_role("tab", name="Builder").click()


@SIZES
def test_conditions_are_built_told_in_words_and_saved(campaign: Page) -> None:
    campaign.get_by_role("button", name="Add condition").click()
    campaign.get_by_label("Property", exact=True).select_option("price")
    campaign.get_by_label("Value", exact=True).fill("50")
    expect(campaign.locator(".sr-sentence")).to_contain_text("In words: price is at least 50.")
    expect(campaign.get_by_label("Start from a template")).to_have_count(0)
    assert campaign.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    campaign.get_by_role("button", name="Save", exact=True).click()

    expect(campaign).to_have_title("Campaigns | SegmentHub")
    assert Campaign.objects.get().conditions == DEAR


@DESK
def test_an_event_is_a_condition_too(campaign: Page) -> None:
    campaign.get_by_role("button", name="Add condition").click()
    campaign.get_by_label("Kind of condition").select_option("event")
    campaign.get_by_label("Event", exact=True).select_option("purchase")
    campaign.get_by_label("Must it hold?").select_option("true")
    expect(campaign.locator(".sr-sentence")).to_contain_text("In words: not (the event is purchase).")
    assert conditions_of(campaign) == {"not": {"event": "purchase"}}


@DESK
@pytest.mark.parametrize(
    "tree",
    [
        DEAR,
        {"not": DEAR},
        {"any": [DEAR, {"event": "productView", "where": {"property": "brand", "in": ["Acme", "Orb"]}}]},
        {"all": [{"not": {"any": [DEAR, {"event": "purchase"}]}}, {"property": "path", "startsWith": "/women"}]},
    ],
)
def test_what_is_stored_passes_through_the_builder_unchanged(campaign: Page, tree: Any) -> None:
    write_json(campaign, tree)
    expect(campaign.locator(".sr-card").first).to_be_visible()
    campaign.get_by_role("tab", name="JSON").click()
    campaign.get_by_role("tab", name="Builder").click()
    expect(campaign.locator(".sr-sentence")).to_contain_text("In words: ")
    assert conditions_of(campaign) == tree


@DESK
def test_an_error_stands_at_its_condition(campaign: Page) -> None:
    write_json(campaign, {"all": [DEAR, {"property": "price", "gte": "dear"}]})
    expect(campaign.locator("[data-place^='all[1]'].sr-wrong")).to_be_visible()


@DESK
def test_the_events_ticked_decide_which_properties_are_offered(campaign: Page) -> None:
    campaign.get_by_role("button", name="Add condition").click()
    offered = campaign.get_by_label("Property", exact=True).locator("option")
    assert "orderTotal" in offered.all_inner_texts()
    campaign.locator("input[name=events][value=productView]").check()
    expect(offered.filter(has_text="orderTotal")).to_have_count(0)
    expect(offered.filter(has_text="brand")).to_have_count(1)
