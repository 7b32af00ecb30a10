"""“Test as a visitor”: what somebody would be shown, and why nothing else."""

import pytest
from django.urls import reverse

from adserver.models import CampaignStat, Mark
from cdp.models import Profile
from dmp.models import Event, Visitor
from tests.adserver.offers import make_campaign

CAME = {"event": "pageView", "device": "mobile", "path": "/women/shoes"}


@pytest.fixture
def tried(login, ours):
    """The text of the page after a test."""
    client = login(ours.account, "analyst")
    platform = ours["accounts.platform"].code

    def ask(**fields):
        response = client.get(reverse("panel:trial"), {**CAME, "platform": platform, **fields})
        assert response.status_code == 200
        return response.content.decode()

    return ask


def test_it_shows_what_would_be_shown_and_the_reason_of_the_others(tried, ours):
    make_campaign(ours.account, "summer")
    make_campaign(ours.account, "desk", devices=["desktop"])
    page = tried()
    assert "<dt>title</dt><dd>Sale</dd>" in page
    assert "Another device" in page


@pytest.mark.parametrize(
    ("fields", "told"), [({}, "would be shown if it were live"), ({"devices": ["desktop"]}, "another device")]
)
def test_a_draft_is_tried_as_if_it_were_live_and_stays_a_draft(tried, ours, fields, told):
    draft = make_campaign(ours.account, "draft", status="draft", **fields)
    assert told in tried(campaign=draft.pk)
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_it_leaves_nothing_behind(tried, ours):
    make_campaign(ours.account, "summer", holdout_percent=50)
    before = Event.objects.count(), Visitor.objects.count()
    tried()
    tried(visitor=str(Visitor.objects.get(key=ours.visitor).visitor_id))
    assert (Event.objects.count(), Visitor.objects.count()) == before
    assert not CampaignStat.objects.exists()
    assert not Mark.objects.exists()


def test_a_known_visitor_is_tried_with_its_segments(tried, ours):
    campaign = make_campaign(ours.account, "members")
    campaign.segments.add(ours["dmp.segment"])
    visitor = Visitor.objects.get(key=ours.visitor)
    visitor.pins_in = [ours["dmp.segment"].pk]
    visitor.save()
    assert "would be shown" in tried(campaign=campaign.pk, visitor=str(visitor.visitor_id))
    assert "in none of its segments" in tried(campaign=campaign.pk)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"visitor": "me"}, "A visitorId is a UUID"),
        ({"profile": "nobody"}, "There is no profile “nobody”."),
        ({"fields": "[1]"}, "More fields are a JSON object"),
        ({"event": "productView"}, "sku"),
        ({"event": "noSuch"}, "noSuch"),
        ({"event": "$click"}, "$click"),
        ({"platform": "other"}, "is not registered"),
    ],
)
def test_what_cannot_be_tried_is_told(tried, fields, told):
    page = tried(**fields)
    assert 'role="alert"' in page
    assert told in page.split('role="alert"')[1]


def test_campaigns_and_profiles_of_another_account_are_unknown_to_it(tried, theirs):
    campaign = make_campaign(theirs.account, "foreign")
    assert "foreign" not in tried(campaign=campaign.pk)
    assert "There is no profile" in tried(profile=Profile.objects.get(key=theirs.profile).name)


def test_who_may_not_see_people_may_not_test(login, ours):
    assert login(ours.account, "viewer").get(reverse("panel:trial")).status_code == 403
