"""The calendar: what runs when."""

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from adserver.models import Campaign
from segmenthub.panel.calendar import Span, bar_of, first_day

ZONE = ZoneInfo("Europe/Istanbul")
SPAN = Span(date(2026, 11, 2), ZONE)


def at(day, hour=0):
    return datetime(2026, 11, day, hour, tzinfo=ZONE)


def bar(starts_at=None, ends_at=None):
    found = bar_of(Campaign(starts_at=starts_at, ends_at=ends_at), SPAN)
    return found and (round(found.left * 42 / 100, 6), round(found.width * 42 / 100, 6), found.begins, found.ends)


@pytest.mark.parametrize(
    ("times", "days"),
    [
        ((None, None), (0, 42, False, False)),
        ((at(3), at(5)), (1, 2, True, True)),
        ((at(3, 12), None), (1.5, 40.5, True, False)),
        ((None, at(2)), None),
        ((at(2), at(2)), None),
        ((datetime(2026, 12, 14, tzinfo=ZONE), None), None),
        ((datetime(2026, 10, 1, tzinfo=ZONE), at(2, 12)), (0, 0.5, False, True)),
    ],
)
def test_a_bar_lies_where_the_campaign_runs_and_its_end_is_open(times, days):
    assert bar(*times) == days


def test_days_are_whole_when_the_clock_changes():
    span = Span(date(2026, 10, 19), ZoneInfo("Europe/Berlin"))
    places = [span.place(span.at(day)) for day in span.days]
    assert places == sorted(places)
    assert len(places) == 42


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("2026-11-24", date(2026, 11, 23)),
        ("", date(2026, 11, 16)),
        ("tomorrow", date(2026, 11, 16)),
        ("9999-12-31", date(2099, 12, 28)),
        ("0001-01-01", date(2000, 1, 3)),
    ],
)
def test_weeks_begin_on_monday_and_what_cannot_be_read_is_now(text, first):
    assert first_day(text, date(2026, 11, 24)) == first


@pytest.fixture
def names(login, ours):
    client = login(ours.account, "viewer")

    def ask(**fields):
        page = client.get(reverse("panel:calendar"), fields).content.decode()
        return re.findall(r"<span>([^<]+)</span> <small>tier", page)

    return ask


def test_it_shows_the_campaigns_of_the_account_but_archived_ones(names, ours, theirs):
    assert names() == ["Sale Oslo"]
    Campaign.objects.filter(account=ours.account).update(status="archived")
    assert names() == []


def test_it_is_of_one_placement_where_asked(names, ours):
    Campaign.objects.create(account=ours.account, name="Data", slug="data")
    assert names() == ["Sale Oslo", "Data"]
    assert names(placement="-") == ["Data"]
    assert names(placement=ours["adserver.placement"].code) == ["Sale Oslo"]
