"""What the event itself must be: conditions of a campaign over the current event."""

import pytest

from accounts import snapshot
from adserver.campaigns import problems
from adserver.conditions import can_hold, compile_conditions, parse_conditions
from adserver.models import Campaign
from dmp.models import EventType, Property
from dmp.segments.operands import RuleError
from dmp.segments.sentence import conditions_in_words
from dmp.segments.vocabulary import vocabulary
from tests.adserver.offers import make_campaign

DEAR = {"property": "price", "gte": 50}


@pytest.fixture
def shown(api, shop, account):
    """Whether a campaign with such conditions answers a view of a product."""

    def shown(conditions, event="productView", **fields):
        campaign = Campaign.objects.first() or make_campaign(account, conditions=conditions)
        Campaign.objects.filter(pk=campaign.pk).update(conditions=conditions)
        snapshot.clear()
        more = {"sku": "S1", "price": 60, "brand": "Nike"} if event == "productView" else {}
        status, body = api("/campaigns/query", shop.event(event, **{**more, **fields}))
        assert status == 200, body
        return bool(body["campaigns"])

    return shown


@pytest.fixture
def known(account):
    return vocabulary(snapshot.configuration(account.pk))


@pytest.mark.parametrize(
    ("conditions", "fits"),
    [
        (None, True),
        (DEAR, True),
        ({"property": "price", "gte": 61}, False),
        ({"property": "brand", "in": ["Nike", "Puma"]}, True),
        ({"all": [DEAR, {"property": "brand", "eq": "Puma"}]}, False),
        ({"any": [{"property": "brand", "eq": "Puma"}, DEAR]}, True),
        ({"not": {"property": "brand", "eq": "Puma"}}, True),
        ({"event": "productView"}, True),
        ({"event": "productView", "where": {"all": [DEAR]}}, True),
        ({"event": "purchase"}, False),
        ({"any": [{"event": "purchase"}, {"event": ["productView"], "where": {"not": DEAR}}]}, False),
    ],
)
def test_an_event_fits_or_not(shown, conditions, fits):
    assert shown(conditions) is fits


def test_an_event_without_the_property_does_not_fit(shown):
    assert shown(DEAR, price=None) is False
    assert shown(DEAR, "pageView") is False


def test_a_custom_events_property_is_usable(shown, account):
    kind = EventType.objects.create(account=account, code="search")
    Property.objects.create(event_type=kind, name="results", type="number")
    assert shown({"property": "results", "eq": 0}, "search", results=0) is True
    assert shown({"property": "results", "eq": 0}, "search", results=3) is False


@pytest.mark.parametrize(
    ("conditions", "place", "told"),
    [
        ({"segment": "VIP"}, "segment", "Make a segment of this"),
        ({"all": [{"attribute": "age", "gte": 3}]}, "all[0].attribute", "Make a segment of this"),
        ({"property": "nope", "eq": 1}, "property", "There is no property"),
        ({"all": []}, "all", "at least one"),
        ({"all": [DEAR, {"property": "price", "gte": "x"}]}, "all[1].gte", ""),
        ({"event": "productView", "count": {"gte": 2}}, "count", ""),
        ({}, "", "Say what kind"),
        ([], "", "object"),
        (
            {"all": [{"all": [{"all": [{"all": [{"all": [{"all": [DEAR]}]}]}]}]}]},
            "all[0].all[0].all[0].all[0].all[0]",
            "deep",
        ),
        ({"any": [DEAR] * 51}, "", "at most 50"),
    ],
)
def test_what_cannot_be_read_is_told_at_its_place(known, conditions, place, told):
    with pytest.raises(RuleError) as refused:
        compile_conditions(conditions, known)
    assert refused.value.place == place
    assert told in refused.value.message


def test_conditions_that_cannot_be_read_any_more_show_to_nobody_and_say_why(shown, account):
    kind = EventType.objects.create(account=account, code="search")
    Property.objects.create(event_type=kind, name="results", type="number")
    conditions = {"property": "results", "eq": 0}
    assert shown(conditions, "search", results=0) is True
    kind.properties.all().delete()
    assert shown(conditions, "search", results=0) is False
    (problem,) = problems(Campaign.objects.get())
    assert "no property “results”" in problem


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        (DEAR, "price is at least 50"),
        ({"not": {"event": "purchase"}}, "not (the event is purchase)"),
        (
            {"any": [{"event": "productView", "where": {"property": "brand", "eq": "Acme"}}, DEAR]},
            "the event is productView where brand is Acme or price is at least 50",
        ),
    ],
)
def test_conditions_are_told_in_words(known, conditions, told):
    assert conditions_in_words(parse_conditions(conditions, known)) == told


CHEAP = {"property": "price", "lt": 50}
VIEW = {"event": "productView"}


@pytest.mark.parametrize(
    ("conditions", "possible"),
    [
        (DEAR, True),
        (VIEW, True),
        ({"event": "purchase"}, False),
        ({"not": VIEW}, False),
        ({"not": {"event": "purchase"}}, True),
        ({"all": [DEAR, CHEAP]}, False),
        ({"any": [DEAR, CHEAP]}, True),
        ({"any": [{"event": "purchase"}, {"not": VIEW}]}, False),
        ({"event": "productView", "where": {"all": [DEAR, CHEAP]}}, False),
        ({"not": {"any": [DEAR, CHEAP]}}, True),
        ({"property": "price", "eq": 50, "gt": 50}, False),
        ({"property": "brand", "eq": "Nike"}, True),
    ],
)
def test_conditions_that_no_event_can_meet_are_known(conditions, possible, known):
    assert can_hold(parse_conditions(conditions, known, ("productView",)), ["productView"]) is possible
