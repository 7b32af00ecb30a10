"""Pausing a segment, resuming it, cancelling its build: the buttons of its page."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from accounts import snapshot
from accounts.models import Account, Role
from dmp.models import Segment
from dmp.segments.build import build_now, start
from tests.segmenthub.panel.conftest import VISITOR

RULE = {"event": "pageView"}


@pytest.fixture
def segment(ours):
    row = Segment.objects.create(account=ours.account, name="Lookers", rule=RULE)
    build_now(ours.account.pk)
    return row


@pytest.fixture
def press(login, ours, segment):
    """Presses a button as somebody of a role; gives the page after it, or the status that refused it."""

    def press(do, role="marketer", of=None):
        address = reverse("panel:segment_state", args=[(of or segment).pk])
        response = login(ours.account, role).post(address, {"do": do}, follow=True)
        return response.content.decode() if response.status_code == 200 else response.status_code

    return press


def status(segment):
    return Segment.objects.get(pk=segment.pk).status


def test_a_segment_is_paused_and_says_so(press, segment):
    page = press("pause")
    assert "“Lookers” is paused: it keeps the members that it has now." in page
    assert "Paused as of" in page
    assert "1 person stays in it" in page


def test_it_is_resumed(press, segment, ours):
    press("pause")
    page = press("build")
    assert "Building 0 %" in page
    assert "Until then the members of" in page
    build_now(ours.account.pk)
    assert status(segment) == "live"


def test_a_build_is_cancelled(press, segment, ours):
    row = Segment.objects.get(pk=segment.pk)
    row.rule = {"event": "purchase"}
    row.save()
    start(ours.account.pk)
    page = press("cancel")
    assert "The build of “Lookers” is cancelled. It is built again after the next edit" in page
    assert "<strong>Live.</strong>" in page


def test_a_cancelled_first_build_is_a_draft_that_can_be_built(press, ours):
    draft = Segment.objects.create(account=ours.account, name="New", rule=RULE)
    assert "<strong>Draft.</strong>" in press("cancel", of=draft)
    assert "Building 0 %" in press("build", of=draft)


def test_a_button_of_another_moment_says_what_to_do(press):
    assert "It is not being built." in press("cancel")


def test_the_segments_history_tells_who_did_it(press, segment):
    press("pause")
    entry = LogEntry.objects.get(object_id=str(segment.pk))
    assert (entry.change_message, entry.user.email != "") == ("Paused.", True)


def test_the_list_and_the_members_say_since_when(press, segment, login, ours):
    press("pause")
    client = login(ours.account, "analyst")
    assert "Paused as of" in client.get(reverse("panel:dmp_segment_changelist")).content.decode()
    assert "Paused as of" in client.get(reverse("panel:segment", args=[segment.pk])).content.decode()


def test_why_tells_that_it_is_paused(press, segment, login, ours):
    press("pause")
    address = reverse("panel:why", args=["visitor", ours.visitor, segment.pk])
    page = login(ours.account, "analyst").get(address).content.decode()
    assert "The segment is paused" in page
    assert "<h2>In the segment</h2>" in page


@pytest.mark.parametrize("role", Role.values)
def test_the_buttons_are_for_those_who_may_change_segments(press, segment, login, ours, role):
    may = role in ("owner", "admin", "marketer")
    address = reverse("panel:dmp_segment_change", args=[segment.pk])
    assert ('value="pause"' in login(ours.account, role).get(address).content.decode()) == may
    assert (press("pause", role) != 403) == may
    assert (status(segment) == "paused") == may


def test_a_suspended_accounts_segment_is_not_paused(press, segment, ours):
    Account.objects.filter(pk=ours.account.pk).update(status=Account.Status.SUSPENDED)
    assert press("pause") == 403


def test_a_segment_of_another_account_is_not_found(press, theirs):
    assert press("pause", of=theirs["dmp.segment"]) == 404


def test_an_unknown_button_is_not_found(press):
    assert press("explode") == 404


def test_members_are_those_that_decisions_see_also_beside_a_switch(login, ours, segment):
    client, address = login(ours.account), reverse("panel:segment", args=[segment.pk])
    assert str(VISITOR) in client.get(address).content.decode()
    Segment.objects.filter(pk=segment.pk).update(revision=None)  # the configuration in use does not know of it yet
    assert str(VISITOR) in client.get(address).content.decode()
    snapshot.clear()
    assert str(VISITOR) not in client.get(address).content.decode()
