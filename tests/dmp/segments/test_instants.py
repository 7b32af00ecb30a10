"""A stored text is the same instant, or none, for both executors."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dmp.segments.evaluate.values import as_date, as_instant

pytestmark = pytest.mark.django_db
two = st.integers(0, 99).map("{:02}".format)
near = st.sampled_from(["00", "01", "12", "15", "16", "23", "24", "28", "29", "30", "31", "59", "60"]) | two
dates = st.builds("{}-{}-{}".format, st.sampled_from(["0000", "0001", "2024", "2026", "9999"]), near, near)
dates |= st.dates().map(str) | st.sampled_from(["20260101", "2026-W01-1", "2026-1-1", "٢٠٢٦-01-01"])
fractions = st.sampled_from(["", ".5", ",5", ".", ".123456", ".1234567"])
clocks = st.builds("{}:{}".format, near, near) | st.builds("{}:{}:{}{}".format, near, near, near, fractions) | near
zones = st.sampled_from(["", "Z", "z", "+00", " UTC", "+00:00\n"]) | st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from("+-"),
    near,
    st.sampled_from(["", ":"]),
    near,
    st.sampled_from(["", ":30", "30"]),
)
texts = st.builds("{}{}{}{}".format, dates, st.sampled_from("T tX"), clocks, zones)


def asked(function: str, text: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)::text", [text])
        return cursor.fetchone()[0]


@settings(max_examples=1000, deadline=None)
@given(texts)
@example("2026-01-01T24:00:00Z")
@example("2026-01-01T10:00:60Z")
@example("2026-01-01T10:00:00.1234567Z")
@example("20260101T100000Z")
@example("2026-01-01T10:00:00+16:00")
@example("0001-01-02T00:00:00Z")
@example("9999-12-31T23:59:59Z")
def test_an_instant_is_the_same_to_a_statement(text: str) -> None:
    found = asked("dmp_time", text)
    same = None if found is None else datetime.fromisoformat(str(found).replace(" ", "T")).astimezone(UTC)
    assert as_instant(text) == same


@settings(max_examples=300, deadline=None)
@given(dates)
def test_a_date_is_the_same_to_a_statement(text: str) -> None:
    found = as_date(text)
    assert (found and found.isoformat()) == asked("dmp_date", text)


@given(st.datetimes(datetime(1, 1, 4), datetime(9999, 12, 28), timezones=st.just(UTC)))
def test_what_is_stored_at_the_door_is_read(at: datetime) -> None:
    assert as_instant(at.isoformat().replace("+00:00", "Z")) == at
