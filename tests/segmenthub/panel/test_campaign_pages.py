"""A campaign's life in the panel."""

import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from accounts.clock import now
from adserver.models import Campaign, CampaignChange, CampaignStat, Media, Placement

LABEL = "adserver.campaign"


def page(campaign, what="change"):
    return f"/panel/adserver/campaign/{campaign.pk}/{what}/"


def values(client, campaign):
    """What the form of a campaign would send."""
    form = client.get(page(campaign)).context["adminform"].form
    sent = {name: form[name].value() for name in form.fields}
    sets = client.get(page(campaign)).context["inline_admin_formsets"]
    for inline in sets:
        for each in (inline.formset.management_form, *inline.formset.forms):
            sent |= {each.add_prefix(name): each[name].value() for name in each.fields}
    return {name: "" if value is None else value for name, value in sent.items() if value is not False}


def save(client, campaign, **changed):
    return client.post(page(campaign), values(client, campaign) | changed)


@pytest.fixture
def client(login, ours):
    return login(ours.account, "marketer")


def test_each_save_is_in_the_history(client, ours):
    assert save(client, ours[LABEL], tier=3).status_code == 302
    change = CampaignChange.objects.get()
    assert change.changes["tier"] == [5, 3]
    assert change.user is not None
    assert "→ 3" in client.get(page(ours[LABEL])).content.decode()


def a_picture(size=(1000, 500)):
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, "PNG")
    return SimpleUploadedFile("summer.png", out.getvalue(), "image/png")


def test_an_uploaded_picture_makes_a_creative_an_image_that_fits_its_placement(client, ours):
    Placement.objects.filter(pk=ours["adserver.placement"].pk).update(width=200)
    upload = {"creatives-0-upload": a_picture(), "creatives-0-alt": "Red"}
    assert save(client, ours[LABEL], **upload).status_code == 302
    creative = ours[LABEL].creatives.get()
    assert (creative.type, creative.media.name, creative.media.alt) == ("image", "summer.png", "Red")
    assert (creative.media.account, creative.media.width) == (ours.account, 400)


def test_an_upload_that_is_no_picture_is_told_beside_it(client, ours):
    bad = SimpleUploadedFile("x.svg", b"<svg></svg>", "image/svg+xml")
    response = save(client, ours[LABEL], **{"creatives-0-upload": bad})
    assert "This is no picture that browsers show everywhere." in response.content.decode()
    assert ours[LABEL].creatives.get().media is None


def test_a_refused_form_keeps_the_picture_and_says_so(client, ours):
    text = save(client, ours[LABEL], tier=99, **{"creatives-0-upload": a_picture()}).content.decode()
    kept = Media.objects.latest("created_at")
    assert f"The picture “{kept}” is kept under Media and chosen below" in text
    assert f'<option value="{kept.pk}" selected>' in text


@pytest.mark.parametrize(("role", "told"), [("viewer", True), ("marketer", False)])
def test_who_only_reads_is_told_conditions_in_words(role, told, login, ours):
    Campaign.objects.update(conditions={"property": "price", "gte": 50})
    text = login(ours.account, role).get(page(ours[LABEL])).content.decode()
    assert ("price at least 50" in text or "price is at least 50" in text) is told
    assert ("&quot;gte&quot;" in text) is not told


def test_a_live_campaign_does_not_become_a_draft(client, ours):
    Campaign.objects.update(status="live")
    response = save(client, ours[LABEL], status="draft")
    assert "A campaign that is live becomes paused or archived." in response.content.decode()


def test_the_slug_of_a_live_campaign_is_fixed(client, ours):
    Campaign.objects.update(status="live")
    save(client, ours[LABEL], slug="another", tier=4)
    campaign = Campaign.objects.get(pk=ours[LABEL].pk)
    assert (campaign.slug, campaign.tier) == ("sale-oslo", 4)


def test_duplicating_leads_to_the_draft(client, ours):
    response = client.post(page(ours[LABEL], "duplicate"))
    copy = Campaign.objects.get(slug="sale-oslo-2")
    assert response.url == page(copy)
    assert copy.creatives.count() == 1


@pytest.mark.parametrize(("role", "method", "status"), [("viewer", "post", 403), ("marketer", "get", 403)])
def test_duplicating_needs_a_marketer_and_a_form(role, method, status, login, ours):
    assert getattr(login(ours.account, role), method)(page(ours[LABEL], "duplicate")).status_code == status


def test_others_campaigns_are_not_duplicated(client, theirs):
    assert client.post(page(theirs[LABEL], "duplicate")).status_code == 404


def test_a_campaign_with_counts_is_not_deleted(client, ours):
    CampaignStat.objects.create(account=ours.account, campaign=ours[LABEL], hour=now(), served=1)
    assert client.post(page(ours[LABEL], "delete"), {"post": "yes"}).status_code == 403
    client.post(
        "/panel/adserver/campaign/", {"action": "delete_selected", "_selected_action": [ours[LABEL].pk], "post": "yes"}
    )
    assert Campaign.objects.filter(pk=ours[LABEL].pk).exists()


def test_a_draft_is_deleted(client, ours):
    client.post(page(ours[LABEL], "delete"), {"post": "yes"})
    assert not Campaign.objects.exists()


@pytest.mark.parametrize(("query", "found"), [("", False), ("?status__exact=archived", True), ("?q=Oslo", True)])
def test_archived_campaigns_are_found_when_asked_for(query, found, client, ours):
    Campaign.objects.update(status="archived")
    text = client.get(f"/panel/adserver/campaign/{query}").content.decode()
    assert bool(re.search(page(ours[LABEL]), text)) == found
