"""The link that shows what a campaign shows."""

from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import Account
from adserver import preview
from adserver.models import CampaignReason, CampaignStat, Creative
from dmp.models import Event
from tests.adserver.offers import make_campaign


@pytest.fixture
def campaign(account):
    return make_campaign(account, status="draft")


def opened(link):
    response = Client().get("/preview/" + link.rpartition("/preview/")[2])
    return response.status_code, response.content.decode(), response


def test_it_shows_the_creatives_of_a_draft_and_where_a_click_leads(campaign):
    status, page, response = opened(preview.link_to(campaign))
    assert status == 200
    assert "<dt>title</dt><dd>Sale</dd>" in page
    assert 'href="https://shop.example/sale"' in page
    assert response["X-Robots-Tag"] == "noindex"


def test_nothing_in_it_can_run(campaign):
    Creative.objects.create(
        campaign=campaign, name="<b>B</b>", type="html", content={"html": '<script>alert("1")</script>'}
    )
    _, page, response = opened(preview.link_to(campaign))
    assert '<iframe class="sh-frame" sandbox="" srcdoc="&lt;script&gt;' in page
    assert "&lt;b&gt;B&lt;/b&gt;" in page
    assert response["Content-Security-Policy"].startswith("default-src 'none';")
    assert "script-src" not in response["Content-Security-Policy"]


def test_macros_say_their_defaults(campaign):
    Creative.objects.create(
        campaign=campaign, name="M", content={"title": 'Hello {{ attributes.firstName|default:"you" }}'}
    )
    assert "Hello you" in opened(preview.link_to(campaign))[1]


def test_what_cannot_be_shown_says_why(campaign):
    Creative.objects.create(campaign=campaign, name="I", type="image")
    assert "An image needs a picture." in opened(preview.link_to(campaign))[1]


def test_opening_it_is_not_counted(campaign):
    opened(preview.link_to(campaign))
    assert not Event.objects.exists()
    assert not CampaignStat.objects.exists()
    assert not CampaignReason.objects.exists()


def test_a_changed_link_is_not_found(campaign):
    token = preview.link_to(campaign).rpartition("/")[2]
    for index in range(len(token)):
        other = token[:index] + ("A" if token[index] != "A" else "B") + token[index + 1 :]
        assert opened(f"/preview/{other}")[0] == 404


def test_an_old_link_is_not_found(campaign, monkeypatch):
    link = preview.link_to(campaign)
    monkeypatch.setattr(preview, "KEPT", timedelta(seconds=-1))
    assert opened(link)[0] == 404


def test_of_a_suspended_account_nothing_is_shown(campaign):
    link = preview.link_to(campaign)
    Account.objects.update(status="suspended")
    assert opened(link)[0] == 404
