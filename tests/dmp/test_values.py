"""Laws of the readers at the door: amounts, texts, identifiers, dates."""

from datetime import UTC
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import Malformed
from dmp import values

price = values.amount(negative=False)
total = values.amount(negative=True)
places = st.integers(0, 6)
whole = st.integers(0, 10**12 - 1)


def us_text(number: int, fraction: str, *, grouped: bool) -> str:
    return (f"{number:,}" if grouped else str(number)) + (f".{fraction}" if fraction else "")


@given(whole, st.text("0123456789", max_size=6), st.booleans(), st.booleans())
def test_text_in_us_format_is_its_number(number, fraction, grouped, minus):
    exact = Decimal(f"{number}.{fraction or 0}")
    text = us_text(number, fraction, grouped=grouped)
    assert total("orderTotal", "-" + text if minus else text) == (-exact if minus else exact)


@given(st.text("0123456789,.-+eE_ ١", max_size=12).filter(lambda text: not values.US_NUMBER.fullmatch(text)))
def test_any_other_text_is_no_number(text):
    with pytest.raises(Malformed):
        price("price", text)


@pytest.mark.parametrize(
    "text",
    ["1,29.90", "12,34", ",123", "1,,234", "1234,567", "1.2.3", ".5", "5.", "+5", "1e3", "NaN", "Infinity", "--1"]
    + [" 5", "5 ", "5\n", "1 299.90", "1_000", "0x10", "٣", "$5", "1’299"],
)
def test_these_are_no_numbers(text):
    with pytest.raises(Malformed):
        total("orderTotal", text)


@given(st.decimals(-(10**11), 10**11, allow_nan=False, places=9))
def test_an_amount_is_rounded_half_even_to_six_places(number):
    if number and abs(number) <= Decimal("0.0000005"):
        return  # it would round to 0
    assert total("orderTotal", number) == number.quantize(Decimal("0.000001"), "ROUND_HALF_EVEN")


@pytest.mark.parametrize(
    ("number", "rounded"),
    [("1.0000005", "1"), ("1.0000015", "1.000002"), ("-1.0000005", "-1"), ("2.5000025", "2.500002")],
)
def test_a_half_goes_to_the_even_neighbour(number, rounded):
    assert total("orderTotal", Decimal(number)) == Decimal(rounded)
    assert total("orderTotal", number) == Decimal(rounded)


@pytest.mark.parametrize(
    "number", ["1000000000000", "999999999999.9999999", "0.0000001", "0.0000005", "-1e12", "1e300"]
)
def test_what_numeric_18_6_cannot_hold_is_refused(number):
    with pytest.raises(Malformed):
        total("orderTotal", Decimal(number))


@pytest.mark.parametrize("number", [0, Decimal("-0"), Decimal("0.000000"), "0.00", "-0"])
def test_zero_is_an_amount(number):
    assert price("price", number) == 0


@given(st.decimals(Decimal("-1e11"), Decimal("-0.000001"), places=6))
def test_a_price_is_never_negative_and_a_total_may_be(number):
    assert total("orderTotal", number) == number
    with pytest.raises(Malformed):
        price("price", number)


@given(st.text(max_size=40).map(lambda text: text * 8))
def test_an_identifier_is_short_trimmed_and_printable(text):
    try:
        read = values.sku("sku", text)
    except Malformed:
        assert len(text.strip()) > 255 or values.CONTROL.search(text.strip())
    else:
        assert read == text.strip() == read.strip()


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_whole_number_is_taken_as_its_text(number):
    assert values.sku("sku", number) == str(number)


@given(st.datetimes(timezones=st.timezones(), allow_imaginary=False))
def test_an_instant_is_kept_in_utc(at):
    assert values.read_instant("at", values.instant("at", at.isoformat())) == at.astimezone(UTC)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-13-01T00:00:00Z", "x"]
)
def test_an_instant_outside_the_calendar_is_refused(text):
    with pytest.raises(Malformed):
        values.instant("at", text)


@pytest.mark.parametrize(("number", "fits"), [(0, True), (500, True), (501, False)])
def test_a_list_of_skus_has_at_most_500(number, fits):
    if fits:
        assert values.skus("purchasedItems", ["a"] * number) == ["a"] * number
    else:
        with pytest.raises(Malformed):
            values.skus("purchasedItems", ["a"] * number)
