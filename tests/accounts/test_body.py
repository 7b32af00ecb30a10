"""The limits of a body, at their edges and as laws."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import body
from accounts.body import MAX_DEPTH, parse_object
from accounts.errors import Malformed


def nested(depth: int, *, lists: bool = False) -> bytes:
    """An object of `depth` levels; the root counts 1."""
    opening, closing = (b"[", b"]") if lists else (b'{"a":', b"}")
    inner = b"" if lists else b"1"
    return b'{"x":' + opening * (depth - 1) + inner + closing * (depth - 1) + b"}"


@given(st.integers(1, 40), st.booleans())
def test_eight_levels_are_the_deepest(depth, lists):
    if depth == 1 and lists:
        return
    if depth <= MAX_DEPTH:
        parse_object(nested(depth, lists=lists))
    else:
        with pytest.raises(Malformed, match="deeper than 8 levels"):
            parse_object(nested(depth, lists=lists))


@given(st.integers(900, 1100))
def test_a_thousand_values_are_the_most(number):
    sent = json.dumps({"x": [1] * (number - 1)}).encode()
    if number <= 1000:
        assert len(parse_object(sent)["x"]) == number - 1
    else:
        with pytest.raises(Malformed, match="1000 values"):
            parse_object(sent)


def test_what_no_stack_may_hold_is_not_decoded(monkeypatch):
    monkeypatch.setattr(body, "_decode", None)
    for deep in (b'{"a":' * 10_000, nested(1000), nested(1000, lists=True)):
        with pytest.raises(Malformed, match="deeper than 8 levels"):
            parse_object(deep)


def test_brackets_in_texts_and_side_by_side_are_not_nested():
    text = '[{"\\\\' * 300
    assert parse_object(json.dumps({"a": text, "b": [[]] * 600}).encode()) == {"a": text, "b": [[]] * 600}


@pytest.mark.parametrize(("length", "fits"), [(8192, True), (8193, False)])
def test_a_text_has_at_most_8192_characters(length, fits):
    body = json.dumps({"x": "é" * length}, ensure_ascii=False).encode()
    if fits:
        assert len(parse_object(body)["x"]) == length
    else:
        with pytest.raises(Malformed, match="8192 characters"):
            parse_object(body)


@pytest.mark.parametrize(("length", "fits"), [(64, True), (65, False)])
def test_a_key_has_at_most_64_characters(length, fits):
    body = json.dumps({"x": {"k" * length: 1}}).encode()
    if fits:
        assert parse_object(body)
    else:
        with pytest.raises(Malformed, match="64 characters"):
            parse_object(body)


@given(st.integers(-(2**65), 2**65))
def test_whole_numbers_fit_into_64_bits(number):
    body = b'{"x":%d}' % number
    if -(2**63) <= number < 2**63:
        assert parse_object(body) == {"x": number}
    else:
        with pytest.raises(Malformed):
            parse_object(body)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**300), max_value=10**300, places=8))
def test_a_number_with_a_fraction_is_exact(number):
    body = json.dumps({"x": "N"}).encode().replace(b'"N"', f"{number:f}".encode())
    assert parse_object(body) == {"x": Decimal(number)}


@pytest.mark.parametrize(("number", "fits"), [("1.7976931348623157e308", True), ("-1e308", True), ("1.8e308", False)])
def test_a_number_is_what_a_double_holds(number, fits):
    body = f'{{"x":{number}}}'.encode()
    if fits:
        assert parse_object(body) == {"x": Decimal(number)}
    else:
        with pytest.raises(Malformed, match="too large"):
            parse_object(body)


def parsed_or_refused(body):
    try:
        return parse_object(body)
    except Malformed as error:
        return error


CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
KEYS = st.text(CHARACTERS, max_size=64)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(CHARACTERS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, JSON, max_size=6))
def test_whatever_is_within_the_limits_comes_out_as_it_went_in(value):
    parsed = parsed_or_refused(json.dumps(value).encode())
    assert parsed == value or "deeper than 8 levels" in parsed.message


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_malformed(body):
    assert type(parsed_or_refused(body)) in (dict, Malformed)


def test_a_repeated_key_counts_last():
    assert parse_object(b'{"a":1,"a":2}') == {"a": 2}
