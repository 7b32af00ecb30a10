"""POST /profiles/attributes: attributes of a known user."""

from uuid import uuid4

import pytest

from accounts.models import Attribute
from cdp.models import Identifier, Profile
from tests.api.person_attributes import PersonAttributes
from tests.api.threads import together
from tests.shops import PROFILE

PA = "/profiles/attributes"


class TestProfilesAttributes(PersonAttributes):
    level = "profile"


def test_the_documented_example_runs(api, shop):
    attributes = {"firstName": "Test", "lastName": "User", "email": PROFILE}
    message = "Profile attributes saved successfully."
    answer = {"status": 200, "profileId": PROFILE, "message": message, "errors": []}
    assert api(PA, shop.profile(attributes=attributes)) == (200, answer)


@pytest.mark.parametrize("value", ["guest", "NULL", " Undefined ", "-1", "0000-00", "[object Object]", 0])
def test_a_never_identifier_is_400_and_named(api, shop, rows, value):
    before = rows()
    status, body = api(PA, shop.profile(profileId=value, attributes={"country": "us"}))
    assert (status, body["errors"][0]["field"], body["errors"][0]["code"]) == (400, "profileId", "invalid")
    assert str(value).strip() in body["message"]
    assert rows() == before


def test_the_profile_id_is_answered_as_it_was_given(api, shop):
    assert api(PA, shop.profile(profileId=" JOHN@Example.com ", attributes={"country": "us"}))[1]["profileId"] == (
        "JOHN@Example.com"
    )
    assert api(PA, shop.profile(profileId=42, attributes={"country": "us"}))[1]["profileId"] == "42"


def test_an_identifying_attribute_names_the_profile_too(api, shop):
    api(PA, shop.profile(profileId="42", attributes={"email": "Ann@Example.com", "country": "us"}))
    _, body = api("/profiles/query", shop.profile(profileId="ann@example.com", attributes=["country", "email"]))
    assert body["attributes"] == {"country": [{"value": "us"}], "email": [{"value": "Ann@Example.com"}]}


def test_an_identifier_of_another_profile_is_a_conflict_and_the_rest_saved(api, shop):
    api(PA, shop.profile(profileId="ann@example.com", attributes={"country": "us"}))
    _, body = api(PA, shop.profile(profileId="42", attributes={"email": "ann@example.com", "gender": "Man"}))
    assert [(e["field"], e["code"]) for e in body["errors"]] == [("attributes.email", "conflict")]
    _, body = api("/profiles/query", shop.profile(profileId="42", attributes=["email", "gender"]))
    assert body["attributes"] == {"gender": [{"value": "Man"}]}


def test_an_identifier_that_names_nobody_is_reported(api, shop):
    _, body = api(PA, shop.profile(attributes={"email": "undefined"}))
    assert [(e["field"], e["code"]) for e in body["errors"]] == [("attributes.email", "invalid")]


def test_a_profile_has_at_most_five_emails(api, shop):
    Attribute.objects.create(account=shop.account, name="emails", many=True, identifier="email")
    body = shop.profile(token=shop.full, profileId="42", attributes={"emails": [f"a{i}@example.com" for i in range(6)]})
    assert [(e["field"], e["code"]) for e in api(PA, body)[1]["errors"]] == [("attributes.emails", "too_many")]


@pytest.mark.django_db(transaction=True)
def test_one_email_claimed_by_two_profiles_at_the_same_instant_goes_to_one(api, shop):
    bodies = [
        shop.profile(profileId=name, attributes={"email": "ann@example.com"}) for name in ("42", "43", "44", "45")
    ]
    answers = together([lambda body=body: api(PA, body) for body in bodies])
    assert [status for status, _ in answers] == [200] * 4
    codes = sorted(error["code"] for _, body in answers for error in body["errors"])
    assert codes == ["conflict"] * 3
    assert Identifier.objects.filter(account=shop.account, value="ann@example.com").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_new_profile_from_many_requests_at_the_same_instant_is_one(api, shop):
    calls = [lambda: api(PA, shop.profile(attributes={"country": "us"}))] * 4
    calls += [lambda: api("/campaigns/query", shop.event(visitorId=str(uuid4()), profileId=PROFILE))] * 4
    assert [status for status, _ in together(calls)] == [200] * 8
    assert Profile.objects.filter(account=shop.account).count() == 1
