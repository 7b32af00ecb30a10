import base64
import string
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adserver.signing import LENGTH, sign, verify

VISITOR = UUID("22222222-2222-4222-8222-222222222222")
AT = datetime(2026, 6, 1, 12, 30, 15, tzinfo=UTC)


def token():
    return sign(7, 8, 9, VISITOR, AT)


def test_it_says_what_was_signed():
    assert verify(token())[:5] == (7, 8, 9, VISITOR, AT)


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1), st.integers(0, 2**40 - 1), st.uuids())
def test_whatever_is_signed_comes_back(campaign, creative, placement, visitor):
    assert verify(sign(campaign, creative, placement, visitor, AT))[:4] == (campaign, creative, placement, visitor)


def test_it_is_80_characters_that_a_path_takes_as_they_are():
    assert len(token()) == LENGTH
    assert set(token()) <= set(string.ascii_letters + string.digits + "-_")


def test_two_of_the_same_instant_differ():
    assert token() != token()


@pytest.mark.parametrize("place", range(60))
def test_each_byte_counts(place):
    raw = bytearray(base64.urlsafe_b64decode(token()))
    for bit in range(8):
        raw[place] ^= 1 << bit
        assert verify(base64.urlsafe_b64encode(raw).decode()) is None
        raw[place] ^= 1 << bit


@given(st.integers(0, LENGTH - 1), st.characters(max_codepoint=0x2FF))
def test_each_character_counts(place, character):
    good = token()
    bad = good[:place] + character + good[place + 1 :]
    assert (verify(bad) is None) == (bad != good)


def test_the_other_alphabet_of_base64_is_refused():
    good = next(good for good in (token() for _ in range(1000)) if "-" in good or "_" in good)
    assert verify(good) is not None
    assert verify(good.replace("-", "+").replace("_", "/")) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t + "=",
        lambda t: t + "\n",
        lambda t: " " + t,
        lambda t: t[:-1],
        lambda t: t[:40] + "\n" + t[40:],
        lambda t: t[:-4] + "====",
        lambda t: t[:-1] + "=",
        lambda t: t * 2,
        lambda t: "",
        lambda t: "A" * 80,
        lambda t: "é" * 80,
    ],
)
def test_other_writings_are_refused(change):
    assert verify(change(token())) is None


def test_another_installations_token_is_refused(settings):
    good = token()
    settings.SECRET_KEY = "another"
    assert verify(good) is None


def test_a_token_of_the_key_before_is_taken(settings):
    good, before = token(), settings.SECRET_KEY
    settings.SECRET_KEY = "another"
    settings.SECRET_KEY_FALLBACKS = [before]
    assert verify(good) is not None
    assert verify(token()) is not None
