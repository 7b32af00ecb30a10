"""POST /visitors/attributes: attributes of a device."""

import pytest

from cdp.models import Identifier
from tests.api.person_attributes import PersonAttributes
from tests.shops import PROFILE, VISITOR

VA = "/visitors/attributes"


class TestVisitorsAttributes(PersonAttributes):
    level = "visitor"


def test_the_documented_example_runs(api, shop):
    attributes = {"gender": "Man", "favoriteBrands": ["Nike", "adidas"]}
    message = "Visitor attributes saved successfully."
    answer = {"status": 200, "visitorId": VISITOR, "message": message, "errors": []}
    assert api(VA, shop.visitor(attributes=attributes)) == (200, answer)


@pytest.mark.parametrize("value", ["x", 7, None, "", VISITOR.replace("-4222-", "-1222-")])
def test_a_visitor_id_is_a_uuid4(api, shop, rows, value):
    before = rows()
    status, body = api(VA, shop.visitor(visitorId=value, attributes={"country": "us"}))
    assert (status, body["errors"][0]["field"]) == (400, "visitorId")
    assert rows() == before


def test_what_is_known_of_a_visitor_stays_when_events_come(api, shop):
    api(VA, shop.visitor(attributes={"country": "us"}))
    api("/campaigns/query", shop.event())
    _, body = api("/visitors/query", shop.visitor(attributes=["country"]))
    assert body["attributes"] == {"country": [{"value": "us"}]}


def test_an_identifying_attribute_of_a_device_names_no_profile(api, shop):
    api(VA, shop.visitor(attributes={"email": PROFILE}))
    assert not Identifier.objects.filter(account=shop.account).exists()
