"""POST /visitors/query: attributes and segments of a device."""

import pytest

from tests.api.person_query import PersonQuery
from tests.shops import PROFILE, VISITOR

VQ = "/visitors/query"


class TestVisitorsQuery(PersonQuery):
    level = "visitor"


def test_the_documented_example_runs(api, shop):
    api("/visitors/attributes", shop.visitor(attributes={"country": "us"}))
    api("/visitors/segments", shop.visitor(assignees=["VIP"]))
    assert api(VQ, shop.visitor(attributes=["country"], segments=["VIP"])) == (
        200,
        {
            "status": 200,
            "message": "Visitor queried successfully.",
            "errors": [],
            "attributes": {"country": [{"value": "us"}]},
            "segments": ["VIP"],
        },
    )


def test_it_answers_the_visitors_own_memberships_also_when_linked(api, shop):
    api("/campaigns/query", shop.event(profileId=PROFILE))
    api("/profiles/segments", shop.profile(assignees=["VIP"]))
    assert api(VQ, shop.visitor(segments=["VIP"]))[1]["segments"] == []


@pytest.mark.parametrize("value", ["x", 7, VISITOR.replace("-4222-", "-1222-"), [VISITOR]])
def test_a_visitor_id_is_a_uuid4(api, shop, value):
    status, body = api(VQ, shop.visitor(visitorId=value))
    assert (status, body["errors"][0]["field"], body["errors"][0]["code"]) == (400, "visitorId", "invalid")


def test_a_visitor_that_is_linked_to_nobody_is_not_known(api, shop):
    api("/campaigns/query", shop.event())
    _, body = api(VQ, shop.visitor(token=shop.full, attributes=["$known"]))
    assert body["attributes"] == {"$known": [{"value": False}]}


def test_a_bots_visits_are_not_seen(api, shop):
    api("/campaigns/query", shop.event("productView", sku="A"), HTTP_USER_AGENT="Googlebot/2.1")
    _, body = api(VQ, shop.visitor(token=shop.full, attributes=["lastViewedProducts", "$lastSeen"]))
    assert (body["attributes"], body["errors"]) == ({}, [])
