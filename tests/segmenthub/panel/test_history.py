"""The page that shows how a segment grew."""

from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.clock import now
from dmp.models import Segment
from dmp.segments.build import build_now
from dmp.segments.preview import TooSlow
from segmenthub.panel import history

RULE = {"event": "pageView"}


@pytest.fixture
def page(login, ours):
    """The text of the page of our segment."""
    client = login(ours.account, "viewer")

    def ask(segment=None, **asked):
        segment = segment or ours["dmp.segment"]
        return client.get(reverse("panel:segment_history", args=[segment.pk]), asked).content.decode()

    return ask


def test_it_tells_how_many_are_in_by_level(page):
    text = page()
    assert "1 visitor</h2>" in text
    assert "1 profile</h2>" in text


def test_its_table_tells_the_causes(page):
    assert "1 by hand or API" in page()


def test_days_before_the_segment_was_made_are_not_shown(page, ours):
    assert page().count('data-label="Day"') == 2  # today, of both levels
    Segment.objects.filter(pk=ours["dmp.segment"].pk).update(created_at=now() - timedelta(days=365))
    assert page().count('data-label="Day"') == 60
    assert page(days="90").count('data-label="Day"') == 180


@pytest.mark.parametrize("days", ["0", "-1", "1000000", "x", "\x00", "²"])
def test_other_lengths_than_those_offered_are_30_days(page, ours, days):
    Segment.objects.filter(pk=ours["dmp.segment"].pk).update(created_at=now() - timedelta(days=365))
    assert page(days=days).count('data-label="Day"') == 60


def test_a_build_is_told_apart_from_who_came_and_went(page, ours):
    segment = Segment.objects.create(account=ours.account, name="Lookers", rule=RULE)
    build_now(ours.account.pk)
    text = page(segment)
    assert "Nobody entered or left in these days, apart from the builds of the rule." in text
    assert "1 rule built or edited" in text


def test_an_empty_segment_says_what_to_do(page, ours):
    text = page(Segment.objects.create(account=ours.account, name="Nobody"))
    assert "Nobody has been in this segment yet" in text
    assert "put people in by hand" in text


def test_a_segment_of_another_account_is_not_found(login, ours, theirs):
    address = reverse("panel:segment_history", args=[theirs["dmp.segment"].pk])
    assert login(ours.account).get(address).status_code == 404


def test_the_segment_leads_to_it(login, ours):
    segment = ours["dmp.segment"].pk
    text = login(ours.account, "viewer").get(reverse("panel:dmp_segment_change", args=[segment])).content.decode()
    assert reverse("panel:segment_history", args=[segment]) in text


def test_what_takes_too_long_says_what_to_do(page, monkeypatch):
    def slow(*args):
        raise TooSlow

    monkeypatch.setattr(history, "history", slow)
    assert "longer than can be waited for here" in page()
