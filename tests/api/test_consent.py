"""What an event says of its person: consent, and a signature that the profile is really meant."""

import hmac
from hashlib import sha256

import pytest

from accounts import snapshot
from dmp.models import Event
from tests.shops import PROFILE

CQ = "/campaigns/query"


@pytest.fixture
def consent(api, shop):
    """The consent of the visitor and of the profile."""

    def consent():
        found = []
        for path, body in (("/visitors/query", shop.visitor), ("/profiles/query", shop.profile)):
            attributes = api(path, body(token=shop.full, attributes=["*"]))[1]["attributes"]
            found.append({name: v[0]["value"] for name, v in attributes.items() if name.startswith("consent.")})
        return tuple(found)

    return consent


def test_consent_is_the_visitors_and_its_profiles(api, shop, consent):
    api(CQ, shop.event(profileId=PROFILE, consent={"ads": True, "e-mail": False}))
    expected = {"consent.ads": True, "consent.e-mail": False}
    assert consent() == (expected, expected)


def test_consent_of_a_linked_visitor_is_its_profiles_without_naming_it(api, shop, consent):
    api(CQ, shop.event(profileId=PROFILE))
    api(CQ, shop.event(consent={"ads": False}))
    assert consent() == ({"consent.ads": False}, {"consent.ads": False})


def test_consent_of_an_anonymous_visitor_is_its_own(api, shop, consent):
    api(CQ, shop.event(consent={"ads": True}))
    assert consent() == ({"consent.ads": True}, {})


def test_the_newest_consent_counts_and_null_takes_it_back(api, shop, consent):
    api(CQ, shop.event(profileId=PROFILE, consent={"ads": True, "mail": True}))
    api(CQ, shop.event(consent={"ads": False, "mail": None}))
    assert consent() == ({"consent.ads": False}, {"consent.ads": False})


def test_consent_stays_when_events_say_nothing(api, shop, consent):
    api(CQ, shop.event(consent={"ads": True}))
    for value in (None, {}, ""):
        api(CQ, shop.event(consent=value))
    assert consent()[0] == {"consent.ads": True}


@pytest.mark.parametrize("value", [True, "ads", ["ads"], 1, {"ads": "yes"}, {"ads": 1}, {"": True}, {"a b": True}])
def test_consent_says_true_or_false_by_purpose(api, shop, rows, value):
    before = rows()
    status, body = api(CQ, shop.event(consent=value))
    assert (status, body["errors"][0]["field"].split(".")[0]) == (400, "consent")
    assert rows() == before


def test_a_duplicate_says_nothing_new(api, shop, consent):
    for granted in (True, False):
        api(CQ, shop.event("purchase", orderId="O1", consent={"ads": granted}))
    assert consent()[0] == {"consent.ads": True}


# --- Never-identifiers and signatures ---


@pytest.mark.parametrize("value", ["guest", "NULL", " undefined ", "-1", "000-000", "[Object object]", 0])
def test_a_never_identifier_leaves_the_event_unlinked(api, shop, value):
    assert api(CQ, shop.event(profileId=value))[0] == 200
    _, body = api("/visitors/query", shop.visitor(token=shop.full, attributes=["$known"]))
    assert body["attributes"]["$known"] == [{"value": False}]


@pytest.fixture
def signing(api, shop):
    """The account wants profiles signed; gives the signature of a profileId."""
    shop.account.require_signed_profiles = True
    shop.account.save()
    snapshot.poll()
    return lambda told: hmac.new(shop.account.identity_secret.encode(), told.encode(), sha256).hexdigest()


@pytest.fixture
def linked(api, shop):
    return lambda: api("/profiles/query", shop.profile())[1]["errors"] == []


@pytest.mark.parametrize("signature", [None, "", "x", 5, "0" * 64])
def test_an_unsigned_profile_is_kept_as_a_property_and_links_nothing(api, shop, signing, linked, signature):
    assert api(CQ, shop.event(profileId=PROFILE, profileSignature=signature))[0] == 200
    assert Event.objects.get(account=shop.account).properties == {"profileId": PROFILE}
    assert not linked()


def test_a_signed_profile_links(api, shop, signing, linked):
    api(CQ, shop.event(profileId=PROFILE, profileSignature=signing(PROFILE).upper()))
    assert linked()
    assert Event.objects.get(account=shop.account).properties is None


def test_a_signature_of_another_profile_is_none(api, shop, signing, linked):
    api(CQ, shop.event(profileId=PROFILE, profileSignature=signing("jane@example.com")))
    assert not linked()


def test_an_event_names_at_most_20_purposes(api, shop, rows):
    before = rows()
    status, answer = api(CQ, shop.event(consent={f"purpose{number}": True for number in range(21)}))
    assert (status, answer["errors"][0]["code"]) == (400, "too_many")
    assert rows() == before
