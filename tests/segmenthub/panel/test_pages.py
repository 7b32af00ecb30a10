"""What the pages say and refuse: configuration, segments, people, events, entry."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.clock import now
from accounts.models import Account, Attribute, Platform
from adserver.models import AdSettings
from dmp.models import Event, EventType, Membership, Segment, Visitor
from tests.segmenthub.panel.conftest import VISITOR, House, furnish

Login = Callable[..., Client]
NO_PROPERTIES = {"properties-TOTAL_FORMS": 0, "properties-INITIAL_FORMS": 0}


def body_of(response: Any) -> str:
    return str(response.content.decode())


# --- configuration ---
@pytest.mark.parametrize(
    ("label", "fields"),
    [
        ("accounts_platform", {"code": "www.oslo.example", "type": "web"}),
        ("accounts_attribute", {"name": "tierOslo", "type": "text", "merge": "newest"}),
        ("dmp_segment", {"name": "VIP Oslo"}),
        ("dmp_eventtype", {"code": "addToOslo", **NO_PROPERTIES}),
        ("adserver_placement", {"code": "hero-oslo"}),
    ],
)
def test_a_name_taken_in_the_account_is_an_error_of_the_form(
    login: Login, ours: House, label: str, fields: dict[str, Any]
) -> None:
    response = login(ours.account).post(reverse(f"panel:{label}_add"), fields)

    assert "already. Choose another one." in body_of(response)


def test_a_name_taken_in_another_account_is_free(login: Login, ours: House, theirs: House) -> None:
    name = theirs["dmp.segment"].name

    login(ours.account).post(reverse("panel:dmp_segment_add"), {"name": name})

    assert ours.account.segments.filter(name=name).exists()


def test_an_origin_that_is_none_names_itself(login: Login, ours: House) -> None:
    form = {"code": "x", "type": "web", "origins": "https://ok.example\nwww.example.com/path"}

    response = login(ours.account).post(reverse("panel:accounts_platform_add"), form)

    assert "“www.example.com/path”" in body_of(response)


def test_lists_are_typed_one_on_each_line(login: Login, ours: House) -> None:
    form = {"code": "x", "type": "web", "origins": "https://a.example\n\nhttps://b.example"}

    login(ours.account).post(reverse("panel:accounts_platform_add"), form)

    assert Platform.objects.get(code="x").origins == ["https://a.example", "https://b.example"]


def test_a_standard_event_type_is_neither_renamed_nor_deleted(login: Login, ours: House) -> None:
    client = login(ours.account)
    standard = EventType.objects.get(account=ours.account, code="purchase")

    client.post(reverse("panel:dmp_eventtype_change", args=[standard.pk]), {"code": "bought", **NO_PROPERTIES})
    client.post(reverse("panel:dmp_eventtype_delete", args=[standard.pk]), {"post": "yes"})
    action = {"action": "delete_selected", "_selected_action": standard.pk, "post": "yes"}
    client.post(reverse("panel:dmp_eventtype_changelist"), action)

    assert EventType.objects.get(pk=standard.pk).code == "purchase"


def test_a_documented_property_stays(login: Login, ours: House) -> None:
    standard = EventType.objects.get(account=ours.account, code="productView")
    sku = standard.properties.get(name="sku")
    row = {"id": sku.pk, "event_type": standard.pk, "name": "sku", "type": "text", "DELETE": "on"}
    form = {"properties-TOTAL_FORMS": 1, "properties-INITIAL_FORMS": 1}

    response = login(ours.account).post(
        reverse("panel:dmp_eventtype_change", args=[standard.pk]),
        {**form, **{f"properties-0-{name}": value for name, value in row.items()}},
    )

    assert standard.properties.filter(name="sku").exists()
    assert "is documented for" in body_of(response)


def test_a_code_of_the_ad_server_is_refused(login: Login, ours: House) -> None:
    response = login(ours.account).post(reverse("panel:dmp_eventtype_add"), {"code": "$click", **NO_PROPERTIES})

    assert "Start with a letter" in body_of(response)


def test_a_computed_attribute_reads_as_a_sentence(login: Login, ours: House) -> None:
    response = login(ours.account).get(reverse("panel:accounts_attribute_changelist"))

    assert "The sum of all orders less refunds" in body_of(response)


def test_a_wrong_description_of_a_computed_attribute_is_explained(login: Login, ours: House) -> None:
    form = {"name": "x", "type": "number", "merge": "newest", "computed": '{"as": "median", "event": "purchase"}'}

    response = login(ours.account).post(reverse("panel:accounts_attribute_add"), form)

    assert "is one of count, sum" in body_of(response)
    assert not Attribute.objects.filter(name="x").exists()


def test_json_that_is_none_says_where(login: Login, ours: House) -> None:
    response = login(ours.account).post(reverse("panel:dmp_segment_add"), {"name": "x", "rule": '{"event": }'})

    assert "line 1, column 11" in body_of(response)


# --- segments ---
def test_a_segment_with_a_new_rule_says_that_it_is_being_built(login: Login, ours: House) -> None:
    client = login(ours.account)

    client.post(reverse("panel:dmp_segment_add"), {"name": "Buyers", "rule": '{"event": "purchase"}'})

    segment = Segment.objects.get(name="Buyers")
    assert segment.rule == {"event": "purchase"}
    assert "Building 0 %" in body_of(client.get(reverse("panel:dmp_segment_change", args=[segment.pk])))


def test_a_segment_in_use_is_kept_and_says_by_whom(login: Login, ours: House) -> None:
    client = login(ours.account)
    segment = ours["dmp.segment"]

    response = client.post(reverse("panel:dmp_segment_delete", args=[segment.pk]), {"post": "yes"})
    action = {"action": "delete_selected", "_selected_action": segment.pk, "post": "yes"}
    client.post(reverse("panel:dmp_segment_changelist"), action)

    assert "is used by “Sale Oslo”" in body_of(response)
    assert Segment.objects.filter(pk=segment.pk).exists()


@pytest.mark.parametrize(
    ("level", "who"), [("profile", "Ann@Example.com"), ("visitor", str(UUID(int=1 << 76, version=4)))]
)
def test_a_marketer_puts_somebody_in_and_keeps_them_out(login: Login, ours: House, level: str, who: str) -> None:
    client, segment = login(ours.account, "marketer"), ours["dmp.segment"]
    address = reverse("panel:segment", args=[segment.pk])

    for verb, expected in (("in", "in"), ("out", "out")):
        client.post(address, {"level": level, "who": who, "pin": verb})
        pinned = Membership.objects.filter(segment=segment, pinned=expected)
        assert pinned.count() == (3 if verb == "in" else 1)


@pytest.mark.parametrize("role", ["analyst", "viewer"])
def test_who_may_not_change_segments_puts_nobody_in(login: Login, ours: House, role: str) -> None:
    address = reverse("panel:segment", args=[ours["dmp.segment"].pk])

    response = login(ours.account, role).post(address, {"level": "profile", "who": "ann", "pin": "in"})

    assert response.status_code == 403


def test_a_name_that_names_nobody_is_explained(login: Login, ours: House) -> None:
    address = reverse("panel:segment", args=[ours["dmp.segment"].pk])

    response = login(ours.account).post(address, {"level": "profile", "who": "guest", "pin": "in"}, follow=True)

    assert "names nobody" in body_of(response)


# --- campaigns and media ---
def test_a_live_campaign_that_cannot_show_says_why(login: Login, ours: House) -> None:
    client, campaign = login(ours.account, "marketer"), ours["adserver.campaign"]
    campaign.creatives.update(active=False)
    type(campaign).objects.filter(pk=campaign.pk).update(status="live")

    body = body_of(client.get(reverse("panel:adserver_campaign_change", args=[campaign.pk])))

    assert "It has no active creative" in body


def test_an_end_before_the_start_is_an_error_of_the_form(login: Login, ours: House) -> None:
    times = {"starts_at_0": "2026-05-02", "starts_at_1": "10:00", "ends_at_0": "2026-05-01", "ends_at_1": "10:00"}
    base = {"name": "x", "slug": "x", "status": "draft", "tier": 5, "weight": 10}
    inline = {"creatives-TOTAL_FORMS": 0, "creatives-INITIAL_FORMS": 0}

    response = login(ours.account, "marketer").post(reverse("panel:adserver_campaign_add"), base | inline | times)

    assert "The end is not after the start" in body_of(response)


def test_a_file_that_is_no_picture_is_an_error_of_the_form(login: Login, ours: House) -> None:
    upload = {"file": SimpleUploadedFile("x.png", b"<svg/>"), "name": "x"}

    response = login(ours.account, "marketer").post(reverse("panel:adserver_media_add"), upload)

    assert "This is no picture" in body_of(response)


def test_the_files_of_pictures_deleted_from_the_list_go_too(
    login: Login, ours: House, django_capture_on_commit_callbacks: Any
) -> None:
    media = ours["adserver.media"]
    action = {"action": "delete_selected", "_selected_action": media.pk, "post": "yes"}

    with django_capture_on_commit_callbacks(execute=True):
        login(ours.account, "marketer").post(reverse("panel:adserver_media_changelist"), action)

    assert not media.file.storage.exists(media.file.name)


# --- people and events ---
@pytest.mark.parametrize("query", [str(VISITOR), "2222", "22222222-2222-4"])
def test_a_visitor_is_found_by_id_and_by_its_beginning(login: Login, ours: House, query: str) -> None:
    response = login(ours.account).get(reverse("panel:visitors"), {"q": query})

    assert [row.key for row in response.context["rows"]] == [ours.visitor]


@pytest.mark.parametrize("query", ["jane@oslo.example", "JANE@oslo.example", "jane@"])
def test_a_profile_is_found_by_identifier_and_by_its_beginning(login: Login, ours: House, query: str) -> None:
    response = login(ours.account).get(reverse("panel:profiles"), {"q": query})

    assert [row.key for row in response.context["rows"]] == [ours.profile]


@pytest.mark.parametrize("query", ["no-such", "%", "'; --", "x" * 500])
def test_a_search_for_nothing_says_so(login: Login, ours: House, query: str) -> None:
    for page in ("visitors", "profiles"):
        assert "No such" in body_of(login(ours.account).get(reverse(f"panel:{page}"), {"q": query}))


def test_a_text_of_a_visitor_is_escaped(login: Login, ours: House) -> None:
    Event.objects.filter(account=ours.account).delete()
    Event.objects.create(
        visitor=ours.visitor,
        time=now(),
        id=UUID(int=2),
        account=ours.account,
        event="pageView",
        path="<script>alert(1)</script>",
        properties={"<b>": "<img src=x onerror=alert(1)>"},
    )
    client = login(ours.account)

    for address in (reverse("panel:events"), reverse("panel:visitor", args=[ours.visitor])):
        body = body_of(client.get(address))
        assert "<script>alert" not in body
        assert "<img src=x" not in body
        assert "&lt;script&gt;alert" in body


def test_events_go_on_page_by_page_without_a_gap(login: Login, ours: House) -> None:
    at = now() - timedelta(minutes=5)
    own = {"visitor": ours.visitor, "account": ours.account, "event": "pageView", "time": at}
    Event.objects.bulk_create(Event(id=UUID(int=number), **own) for number in range(100, 220))
    client, seen, query = login(ours.account), set(), ""

    for _ in range(5):
        context = client.get(f"{reverse('panel:events')}?{query}").context
        seen |= {event.id.int for event in context["events"]}
        query = context["older"]
        if not query:
            break

    assert seen == {1, *range(100, 220)}


@pytest.mark.parametrize(
    "query", ["before=x", "before=x~y", "from=x&to=y", "visitor=x", "after=x&all", "event='", "q=%00&event=%00"]
)
def test_a_damaged_address_is_no_crash(login: Login, ours: House, query: str) -> None:
    client = login(ours.account)

    for page in ("events", "visitors", "profiles"):
        assert client.get(f"{reverse(f'panel:{page}')}?{query}").status_code == 200


@pytest.mark.parametrize("page", ["dmp_segment", "adserver_campaign", "adserver_placement", "accounts_member"])
def test_a_list_asks_as_often_for_many_rows_as_for_few(login: Login, ours: House, page: str) -> None:
    client = login(ours.account)
    address = reverse(f"panel:{page}_changelist")

    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(address)
        return len(queries)

    few = count()
    for number in range(4):
        other = furnish(Account.objects.create(name=f"x{number}"), f"More{number}")
        for row in other.rows.values():
            if hasattr(row, "account_id") and not isinstance(row, AdSettings):  # an account has one
                type(row).objects.filter(pk=row.pk).update(account=ours.account)

    assert count() == few


def test_an_empty_list_says_what_to_do(login: Login, db: None) -> None:
    client = login(Account.objects.create(name="New"))

    for page in ("accounts_platform", "accounts_apitoken", "dmp_segment", "adserver_campaign", "adserver_placement"):
        body = body_of(client.get(reverse(f"panel:{page}_changelist")))
        assert "yet</h2>" in body
        assert f'href="{reverse(f"panel:{page}_add")}">Add' in body


def test_the_overview_of_a_new_account_says_how_to_start(login: Login, db: None) -> None:
    body = body_of(login(Account.objects.create(name="New")).get(reverse("panel:index")))

    assert "Get started" in body
    assert "/campaigns/query" in body


def test_the_overview_counts_the_days_of_the_accounts_zone(login: Login, ours: House) -> None:
    ours.account.timezone = "Europe/Istanbul"
    ours.account.save()

    activity = login(ours.account).get(reverse("panel:index")).context["activity"]

    assert activity.total == 1
    assert sum(day.total for day in activity.days) == 1


# --- entry ---
def test_the_root_leads_to_the_panel(db: None) -> None:
    assert Client().get("/")["Location"] == "/panel/"
    assert "/panel/login/" in Client().get("/panel/")["Location"]


def test_too_many_failed_logins_are_explained(db: None, settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 2
    client = Client()

    for _ in range(3):
        response = client.post("/panel/login/", {"username": "a@example.com", "password": "x"})

    assert response.status_code == 429
    assert "Too many tries" in body_of(response)


def test_a_wrong_password_is_told_in_plain_words(db: None) -> None:
    response = Client().post("/panel/login/", {"username": "a@example.com", "password": "x"})

    assert "This e-mail and password do not belong together." in body_of(response)
    assert "staff" not in body_of(response)


def test_an_operator_is_led_to_activate_a_suspended_account(login: Login, ours: House) -> None:
    Account.objects.filter(pk=ours.account.pk).update(status=Account.Status.SUSPENDED)
    link = f'href="{reverse("panel:accounts_account_change", args=[ours.account.pk])}">Activate it'

    assert link in body_of(login(ours.account, superuser=True).get("/panel/"))
    assert link not in body_of(login(ours.account).get("/panel/"))


def test_a_suspended_account_is_not_told_to_send_events(login: Login, ours: House) -> None:
    client = login(ours.account)

    assert "Get started" in body_of(client.get("/panel/"))
    Account.objects.filter(pk=ours.account.pk).update(status=Account.Status.SUSPENDED)
    assert "Get started" not in body_of(client.get("/panel/"))


def test_switching_needs_a_post_with_a_token(login: Login, ours: House) -> None:
    client = login(ours.account)
    client.handler.enforce_csrf_checks = True

    assert client.get(reverse("panel:switch")).status_code == 405
    assert client.post(reverse("panel:switch"), {"account": ours.account.pk}).status_code == 403


def test_visitors_made_by_a_server_are_under_all(login: Login, ours: House) -> None:
    Visitor.objects.create(key=UUID(int=9), account=ours.account, visitor_id=UUID(int=9), created_at=now())

    response = login(ours.account).get(f"{reverse('panel:visitors')}?all")

    assert len(response.context["rows"]) == 2
