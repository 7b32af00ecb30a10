"""POST /profiles/query: attributes and segments of a known user, over all its devices."""

from uuid import uuid4

import pytest

from accounts import snapshot
from tests.api.person_query import PersonQuery
from tests.shops import PROFILE

PQ = "/profiles/query"


class TestProfilesQuery(PersonQuery):
    level = "profile"


def test_the_documented_example_runs(api, shop):
    api("/profiles/attributes", shop.profile(attributes={"country": "us", "firstName": "John", "lastName": "Doe"}))
    api("/profiles/segments", shop.profile(assignees=["VIP"]))
    for sku in ("SKU2", "SKU1"):
        api("/campaigns/query", shop.event("productView", profileId=PROFILE, sku=sku))
    asked = ["country", "firstName", "lastName", "lastViewedProducts"]
    assert api(PQ, shop.profile(attributes=asked, segments=["VIP", "Churn"])) == (
        200,
        {
            "status": 200,
            "message": "Profile queried successfully.",
            "errors": [],
            "attributes": {
                "country": [{"value": "us"}],
                "firstName": [{"value": "John"}],
                "lastName": [{"value": "Doe"}],
                "lastViewedProducts": [{"value": "SKU1"}, {"value": "SKU2"}],
            },
            "segments": ["VIP"],
        },
    )


@pytest.mark.parametrize("value", ["guest", "NULL", " Undefined ", "-1", "0000-00", "[object Object]", 0, "0"])
def test_a_never_identifier_is_not_found(api, shop, value):
    status, body = api(PQ, shop.profile(profileId=value, attributes=["country"]))
    assert (status, body["errors"][0]["field"], body["errors"][0]["code"]) == (200, "profileId", "not_found")


def test_a_value_that_names_nobody_any_more_is_not_found(api, shop):
    api("/profiles/attributes", shop.profile(profileId="visitor", attributes={"country": "us"}))
    shop.account.never_identifiers.append("Visitor")
    shop.account.save()
    snapshot.poll()
    assert api(PQ, shop.profile(profileId="VISITOR"))[1]["errors"][0]["code"] == "not_found"


@pytest.mark.parametrize("told", ["JOHN@example.com", " john@Example.com ", "john@example.com"])
def test_an_email_is_found_in_any_case(api, shop, told):
    api("/profiles/attributes", shop.profile(attributes={"country": "us"}))
    assert api(PQ, shop.profile(profileId=told))[1]["errors"] == []


@pytest.mark.parametrize("told", ["+90 532 123 45 67", "+905321234567"])
def test_a_phone_number_is_found_in_any_form(api, shop, told):
    api("/profiles/attributes", shop.profile(profileId="+90 (532) 123-4567", attributes={"country": "us"}))
    assert api(PQ, shop.profile(profileId=told))[1]["errors"] == []


def test_a_user_id_keeps_its_case(api, shop):
    api("/profiles/attributes", shop.profile(profileId="aB1", attributes={"country": "us"}))
    assert api(PQ, shop.profile(profileId="ab1"))[1]["errors"][0]["code"] == "not_found"


def test_the_events_of_all_devices_count(api, shop):
    for sku in ("A", "B"):
        api("/campaigns/query", shop.event("productView", visitorId=str(uuid4()), profileId=PROFILE, sku=sku))
    _, body = api(PQ, shop.profile(attributes=["lastViewedProducts"]))
    assert body["attributes"]["lastViewedProducts"] == [{"value": "B"}, {"value": "A"}]


def test_what_a_device_does_for_the_next_person_says_nothing_of_this_one(api, shop):
    api("/campaigns/query", shop.event(profileId=PROFILE, device="mobile"), HTTP_CF_IPCOUNTRY="TR")
    api("/campaigns/query", shop.event(profileId="next@example.com", device="tablet"), HTTP_CF_IPCOUNTRY="DE")
    _, body = api(PQ, shop.profile(token=shop.full, attributes=["$device", "$country", "$known"]))
    assert body["attributes"] == {"$known": [{"value": True}]}
    _, body = api(PQ, shop.profile(token=shop.full, profileId="next@example.com", attributes=["$device", "$country"]))
    assert body["attributes"] == {"$device": [{"value": "tablet"}], "$country": [{"value": "de"}]}


def test_values_known_of_the_device_are_taken_over_and_seen_at_once(api, shop):
    api("/visitors/attributes", shop.visitor(attributes={"gender": "Man"}))
    api("/campaigns/query", shop.event(profileId=PROFILE))
    _, body = api(PQ, shop.profile(attributes=["gender"]))
    assert body["attributes"] == {"gender": [{"value": "Man"}]}
