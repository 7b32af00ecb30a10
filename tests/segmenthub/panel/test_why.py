"""Why a person is in a segment, or is not."""

import pytest
from django.urls import reverse

from dmp.models import Segment
from dmp.segments.build import build_now

RULE = {"all": [{"event": "pageView", "within": "7d"}, {"not": {"event": "purchase"}}]}


@pytest.fixture
def why(login, ours):
    """The text of the page about our visitor and a segment of this rule."""
    client = login(ours.account, "analyst")

    def ask(rule, level="visitor", key=None):
        segment = Segment.objects.create(account=ours.account, name="Lookers", rule=rule)
        build_now(ours.account.pk)
        response = client.get(reverse("panel:why", args=[level, key or ours.visitor, segment.pk]))
        return response.status_code, response.content.decode()

    return ask


def test_it_tells_each_condition_with_what_it_rests_on(why):
    status, page = why(RULE)
    assert status == 200
    assert "In the segment" in page
    assert "One such event:" in page
    assert "pageView on" in page
    assert "may change on" in page
    assert "No such event." in page


def test_it_tells_why_a_profile_is_not_in(why, ours):
    status, page = why(RULE, "profile", ours.profile)
    assert (status, "Not in the segment" in page) == (200, True)


def test_another_accounts_person_is_not_found(why, theirs):
    assert why(RULE, key=theirs.visitor)[0] == 404


def test_an_unknown_level_is_not_found(why):
    assert why(RULE, level="nobody")[0] == 404


def test_the_visitors_page_links_to_it_for_each_segment(login, ours):
    page = login(ours.account, "analyst").get(reverse("panel:visitor", args=[ours.visitor])).content.decode()
    assert reverse("panel:why", args=["visitor", ours.visitor, ours["dmp.segment"].pk]) in page


def test_the_list_tells_how_far_a_build_is(login, ours):
    Segment.objects.create(account=ours.account, name="Lookers", rule=RULE)
    client = login(ours.account)
    assert "Building 0 %" in client.get(reverse("panel:dmp_segment_changelist")).content.decode()
    build_now(ours.account.pk)
    assert "Building 0 %" not in client.get(reverse("panel:dmp_segment_changelist")).content.decode()
