"""The page that compares segments."""

import pytest
from django.urls import reverse

from accounts.models import Role
from dmp.models import Segment
from dmp.segments.preview import TooSlow
from segmenthub.panel import overlap
from tests.segmenthub.panel.conftest import SECRET


@pytest.fixture
def address():
    return reverse("panel:segment_overlap")


@pytest.fixture
def page(login, ours, address):
    """The text of the page about some segments."""
    client = login(ours.account, "analyst")
    return lambda *segments: client.get(address, {"segment": [getattr(s, "pk", s) for s in segments]}).content.decode()


@pytest.fixture
def others(ours):
    return [Segment.objects.create(account=ours.account, name=f"Other {n}") for n in range(5)]


def test_two_segments_are_a_picture_and_a_table(page, ours, others):
    text = page(ours["dmp.segment"], others[0])
    assert text.count("<circle") == 4  # of visitors and of profiles
    assert text.count("only “VIP Oslo”") == 2


def test_three_segments_are_three_circles(page, ours, others):
    assert page(ours["dmp.segment"], *others[:2]).count("<circle") == 6


def test_more_are_a_table_alone(page, ours, others):
    text = page(ours["dmp.segment"], *others[:3])
    assert "<circle" not in text
    assert "only “VIP Oslo”" in text


def test_more_than_five_are_five(page, others, ours):
    text = page(ours["dmp.segment"], *others)
    assert text.count('data-label="In it alone"') == 10


def test_one_segment_is_not_enough(page, ours, others):
    segment = ours["dmp.segment"]
    assert "Choose two to five different segments" in page(segment, segment)


@pytest.mark.parametrize("asked", ["", "x", "-1", "9" * 30, "\x00", "²"])
def test_what_is_no_segment_is_passed_over(page, ours, asked, others):
    assert "Choose two to five different segments" in page(ours["dmp.segment"], asked)


def test_an_account_with_one_segment_is_told_to_make_another(page):
    assert "There is nothing to compare yet" in page()


def test_segments_that_nobody_is_in_say_so(page, others):
    assert "No visitor is in any of these segments." in page(*others[:2])


def test_it_neither_offers_nor_counts_segments_of_another_account(page, ours, theirs, others):
    text = page(ours["dmp.segment"], theirs["dmp.segment"])
    assert SECRET not in text
    assert "Choose two to five different segments" in text


@pytest.mark.parametrize("role", Role.values)
def test_it_is_for_those_who_may_see_members(login, ours, address, role):
    client = login(ours.account, role)
    listed = client.get(reverse("panel:dmp_segment_changelist")).content.decode()
    changed = client.get(reverse("panel:dmp_segment_change", args=[ours["dmp.segment"].pk])).content.decode()
    may = role != Role.VIEWER
    assert client.get(address).status_code == (200 if may else 403)
    assert (address in listed, address in changed) == (may, may)


def test_what_takes_too_long_says_what_to_do(page, ours, others, monkeypatch):
    def slow(*args):
        raise TooSlow

    monkeypatch.setattr(overlap, "overlap", slow)
    assert "compare fewer segments" in page(ours["dmp.segment"], others[0])
