"""Identity rule 2 and 11: what a profileId says."""

from uuid import UUID

import pytest

from accounts.errors import Malformed
from accounts.models import NEVER_IDENTIFIERS
from cdp.identifiers import asserted, name
from tests.cdp.people import configuration_of
from tests.shops import make_account

ACCOUNT, OTHER = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("told", "type", "value"),
    [
        ("john@example.com", "email", "john@example.com"),
        ("  JOHN@Example.COM\t", "email", "john@example.com"),
        ("@", "email", "@"),
        ("not an@mail", "email", "not an@mail"),
        ("JO\u0308RG@x.example", "email", "jörg@x.example"),
        ("+90 (532) 123 45 67", "phone", "+905321234567"),
        ("+905321234567", "phone", "+905321234567"),
        ("+1", "userId", "+1"),
        ("+hello", "userId", "+hello"),
        ("05321234567", "userId", "05321234567"),
        ("User-42", "userId", "User-42"),
        ("  User-42 ", "userId", "User-42"),
        ("Jo\u0308rg", "userId", "Jörg"),
    ],
)
def test_its_type_and_normal_form(told, type, value):
    assert name(ACCOUNT, told)[1:3] == (type, value)


def test_case_is_kept_in_user_ids_only():
    assert name(ACCOUNT, "Ann").key != name(ACCOUNT, "ann").key
    assert name(ACCOUNT, "Ann@x.example").key == name(ACCOUNT, "ann@x.example").key


def test_two_writings_of_a_letter_are_one_person():
    assert name(ACCOUNT, "Jo\u0308rg").key == name(ACCOUNT, "Jörg").key


def test_accounts_and_types_have_their_own_keys():
    keys = {name(ACCOUNT, "1").key, name(OTHER, "1").key, name(ACCOUNT, "1", "email").key}
    assert len(keys) == 3


def test_a_key_stays_what_it_is():
    assert str(name(ACCOUNT, "john@example.com").key) == "a2d74eb8-7558-597c-8e81-7774e5c9e4e7"


@pytest.mark.parametrize(
    "told",
    [*NEVER_IDENTIFIERS, "Guest", " NULL ", "0", "000", "-", "00000000-0000-0000-0000-000000000000", "", "  ", None],
)
def test_some_values_name_nobody(told, account):
    assert asserted(configuration_of(account), {"profileId": told}) is None


def test_the_list_is_the_accounts_own(db):
    account = make_account(never_identifiers=["Kasse"])
    shop = configuration_of(account)
    assert asserted(shop, {"profileId": "kasse"}) is None
    assert asserted(shop, {"profileId": "guest"}) is not None
    assert asserted(shop, {"profileId": "0"}) is None


def test_a_whole_number_is_taken_as_its_text(account):
    shop = configuration_of(account)
    assert asserted(shop, {"profileId": 42}) == asserted(shop, {"profileId": "42"})


@pytest.mark.parametrize("value", [True, 1.5, [], {}, "x" * 256, "a\nb"])
def test_other_values_are_refused(value, account):
    with pytest.raises(Malformed):
        asserted(configuration_of(account), {"profileId": value})
