"""What stands around every page: where it is, and that nothing around it leads astray."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.clock import now
from accounts.models import Platform
from adserver.models import Campaign
from tests.segmenthub.panel.conftest import House

Login = Callable[..., Client]


@pytest.fixture
def client(login: Login, ours: House) -> Client:
    return login(ours.account, "marketer")


def text(client: Client, page: str, *args: object) -> str:
    return client.get(reverse(f"panel:{page}", args=args)).content.decode()


def test_a_page_of_a_segment_says_where_it_is_and_marks_the_menu(client: Client, ours: House) -> None:
    body = text(client, "segment", ours["dmp.segment"].pk)
    assert f'<a href="{reverse("panel:dmp_segment_change", args=[ours["dmp.segment"].pk])}" class="sh-crumb' in body
    menu = f'<a href="{reverse("panel:dmp_segment_changelist")}" class="flex'
    assert " active" in body.split(menu)[1].split(">")[0]
    assert "<title> Members | VIP Oslo | SegmentHub" in body


def test_a_code_is_written_as_it_is(login: Login, ours: House) -> None:
    body = text(login(ours.account, "admin"), "dmp_eventtype_change", ours["dmp.eventtype"].pk)
    assert 'class="sh-crumb">addToOslo</a>' in body


def test_times_say_their_zone(client: Client, ours: House) -> None:
    assert "Times are in UTC" in text(client, "index")


@pytest.mark.parametrize("application", ["accounts", "dmp", "adserver"])
def test_a_list_of_models_leads_to_the_overview(client: Client, application: str) -> None:
    assert client.get(reverse("panel:app_list", args=[application]))["Location"] == reverse("panel:index")


def test_there_is_no_page_of_a_row_on_the_site(client: Client) -> None:
    assert client.get("/panel/r/5/1/").status_code == 404


def test_ad_settings_open_at_once(client: Client, ours: House) -> None:
    page = reverse("panel:adserver_adsettings_change", args=[ours["adserver.adsettings"].pk])
    assert client.get(reverse("panel:adserver_adsettings_changelist"))["Location"] == page


def test_what_an_analyst_may_not_add_is_not_offered(login: Login, ours: House) -> None:
    Platform.objects.all().delete()
    body = text(login(ours.account, "analyst"), "trial")
    assert "Ask an admin" in body
    assert reverse("panel:accounts_platform_add") not in body


@pytest.mark.parametrize(
    ("starts", "ends", "told"), [(None, None, "Live"), (1, None, "Scheduled"), (-2, -1, "Ended"), (-2, 1, "Live")]
)
def test_a_live_campaign_says_whether_it_has_begun_and_ended(
    client: Client, ours: House, starts: int | None, ends: int | None, told: str
) -> None:
    days = [None if day is None else now() + timedelta(days=day) for day in (starts, ends)]
    Campaign.objects.update(status="live", starts_at=days[0], ends_at=days[1])
    assert f"<strong>{told}" in text(client, "adserver_campaign_change", ours["adserver.campaign"].pk)
    assert told in text(client, "adserver_campaign_changelist")
