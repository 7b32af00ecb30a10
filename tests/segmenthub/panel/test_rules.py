"""Rules in the panel: what a form takes, what it refuses, and what is said while a rule is being written."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role
from dmp.models import Segment
from dmp.segments import preview
from tests.segmenthub.panel.conftest import SECRET, House

Login = Callable[..., Client]
BUY = {"event": "purchase", "within": "30d"}


def save(client: Client, rule: Any, name: str = "Buyers", segment: Segment | None = None) -> str:
    """Saves through the page; gives what it answers, empty when it was taken."""
    text = rule if isinstance(rule, str) else json.dumps(rule)
    view, args = ("change", [segment.pk]) if segment else ("add", [])
    response = client.post(reverse(f"panel:dmp_segment_{view}", args=args), {"name": name, "rule": text})
    return "" if response.status_code == 302 else response.content.decode()


def ask(client: Client, rule: Any, **more: Any) -> dict[str, Any]:
    response = client.post(reverse("panel:rule"), {"rule": rule, **more}, content_type="application/json")
    assert response.status_code == 200
    return dict(json.loads(response.content))


def page_of(client: Client, segment: Any) -> str:
    return client.get(reverse("panel:dmp_segment_change", args=[segment.pk])).content.decode()


# --- saving ---
def test_a_rule_is_kept_as_it_was_written(login: Login, ours: House) -> None:
    assert save(login(ours.account, "marketer"), BUY) == ""
    assert Segment.objects.get(name="Buyers").rule == BUY


def test_an_empty_rule_makes_a_static_segment(login: Login, ours: House) -> None:
    assert save(login(ours.account), "") == ""
    assert Segment.objects.get(name="Buyers").rule is None


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"all": [BUY, {"event": "purchase", "within": "soon"}]}, "all[1].within: A duration is a number"),
        ([BUY], "rule: A condition is an object"),
        ({"segment": "Buyers"}, "There is no segment “Buyers”"),
        ("[" * 100_000, "This is no JSON"),
        ("9" * 5000, "This is no JSON"),
    ],
)
def test_a_wrong_rule_is_an_error_of_its_field(login: Login, ours: House, rule: Any, message: str) -> None:
    assert message in save(login(ours.account), rule)
    assert not Segment.objects.filter(name="Buyers").exists()


def test_a_circle_is_refused_with_its_path(login: Login, ours: House) -> None:
    vip = ours["dmp.segment"]
    Segment.objects.create(account=ours.account, name="Good", rule={"segment": vip.name})

    answer = save(login(ours.account), {"segment": "Good"}, vip.name, vip)

    assert "segment: A segment cannot contain itself: “VIP Oslo” → “Good” → “VIP Oslo”." in answer


def test_a_segment_that_rules_name_keeps_its_name(login: Login, ours: House) -> None:
    vip = ours["dmp.segment"]
    Segment.objects.create(account=ours.account, name="Good", rule={"segment": vip.name})

    assert "The rules of “Good” name it “VIP Oslo”" in save(login(ours.account), "", "Very important", vip)


# --- what uses a segment ---
def test_the_page_says_what_uses_a_segment(login: Login, ours: House) -> None:
    user = Segment.objects.create(account=ours.account, name="Good", rule={"segment": "VIP Oslo"})

    body = page_of(login(ours.account), ours["dmp.segment"])

    for row in (user, ours["adserver.campaign"]):
        assert reverse(f"panel:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk]) in body


def test_a_segment_that_a_rule_names_is_not_deleted(login: Login, ours: House) -> None:
    client, plain = login(ours.account), Segment.objects.create(account=ours.account, name="Plain")
    Segment.objects.create(account=ours.account, name="Good", rule={"not": {"segment": "Plain"}})

    response = client.post(reverse("panel:dmp_segment_delete", args=[plain.pk]), {"post": "yes"})

    assert "“Plain” is used by “Good”" in response.content.decode()
    assert Segment.objects.filter(pk=plain.pk).exists()


# --- the page ---
def test_the_page_offers_the_accounts_words_and_not_the_segment_itself(login: Login, ours: House) -> None:
    vip = ours["dmp.segment"]
    Segment.objects.create(account=ours.account, name="Good")
    response = login(ours.account).get(reverse("panel:dmp_segment_change", args=[vip.pk]))

    offer = response.context["rule_offer"]

    assert offer["segments"] == ["Good"]
    assert offer["events"]["addToOslo"] == {"sku": "text"}
    assert "tierOslo" in [found["name"] for found in offer["attributes"]]


def test_a_viewer_reads_the_rule_as_a_sentence(login: Login, ours: House) -> None:
    segment = Segment.objects.create(account=ours.account, name="Buyers", rule=BUY)

    body = page_of(login(ours.account, "viewer"), segment)

    assert "did purchase in the last 30 days" in body
    assert "rule-offer" not in body


# --- while it is written ---
@pytest.mark.parametrize("role", Role.values)
def test_a_rule_is_told_to_everybody_in_the_account(login: Login, ours: House, role: str) -> None:
    answer = ask(login(ours.account, role), BUY)

    assert answer == {"sentence": "did purchase in the last 30 days", "errors": []}


def test_an_error_has_its_place(login: Login, ours: House) -> None:
    answer = ask(login(ours.account), {"all": [BUY, {"event": "noSuch"}]})

    assert answer["sentence"] is None
    assert [error["place"] for error in answer["errors"]] == ["all[1].event"]


def test_no_rule_is_no_error(login: Login, ours: House) -> None:
    assert ask(login(ours.account), None) == {"sentence": None, "errors": []}


def test_a_circle_is_told_before_it_is_saved(login: Login, ours: House) -> None:
    Segment.objects.create(account=ours.account, name="Good", rule={"segment": "VIP Oslo"})

    answer = ask(login(ours.account), {"segment": "Good"}, name="VIP Oslo")

    assert "cannot contain itself" in answer["errors"][0]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 100_000, b'{"rule": ' + b"9" * 5000 + b"}", b"\xff"])
def test_what_is_no_json_is_told(login: Login, ours: House, body: bytes) -> None:
    response = login(ours.account).post(reverse("panel:rule"), body, content_type="application/json")

    assert json.loads(response.content)["errors"][0]["message"].startswith("This is no JSON")


def test_words_of_another_account_are_unknown(login: Login, ours: House, theirs: House) -> None:
    answer = ask(login(ours.account), {"segment": f"VIP {SECRET}"})

    assert answer["errors"][0]["message"].startswith("There is no segment")


def test_who_is_not_logged_in_is_told_nothing(client: Client, ours: House) -> None:
    assert client.post(reverse("panel:rule"), {"rule": BUY}, content_type="application/json").status_code == 302


# --- how many, and who ---
SEEN = {"event": "pageView", "within": "30d"}


def post(client: Client, page: str, rule: Any, **more: Any) -> Any:
    return client.post(reverse(f"panel:{page}"), {"rule": rule, **more}, content_type="application/json")


@pytest.mark.parametrize("exact", [True, False])
def test_members_are_counted_in_both_levels(login: Login, ours: House, exact: bool) -> None:
    sizes = post(login(ours.account, "viewer"), "rule_size", SEEN, exact=exact).json()["sizes"]

    assert [(size["level"], size["members"], size["people"]) for size in sizes] == [
        ("visitor", 1, 1),
        ("profile", 0, 1),
    ]


def test_some_people_link_to_their_pages(login: Login, ours: House, theirs: House) -> None:
    people = post(login(ours.account, "analyst"), "rule_people", SEEN).json()["people"]

    assert [person["link"] for person in people] == [reverse("panel:visitor", args=[ours.visitor])]


def test_people_are_not_named_to_a_viewer(login: Login, ours: House) -> None:
    assert post(login(ours.account, "viewer"), "rule_people", SEEN).status_code == 403


def test_what_takes_too_long_says_so_kindly(login: Login, ours: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*args: Any) -> None:
        raise preview.TooSlow

    monkeypatch.setattr(preview, "count", slow)
    answer = post(login(ours.account), "rule_size", SEEN, exact=True).json()

    assert "longer than can be waited for" in answer["problem"]


@pytest.mark.parametrize("page", ["rule_size", "rule_people"])
def test_a_wrong_rule_is_not_counted(login: Login, ours: House, page: str) -> None:
    assert "There is no event type" in post(login(ours.account), page, {"event": "noSuch"}).json()["problem"]


# --- a campaign's conditions ---
@pytest.mark.parametrize("role", Role.values)
def test_a_campaigns_conditions_are_told_to_everybody_in_the_account(login: Login, ours: House, role: str) -> None:
    body = {"rule": {"property": "price", "gte": 50}, "events": ["productView"]}
    answer = login(ours.account, role).post(reverse("panel:conditions"), body, content_type="application/json")
    assert answer.json() == {"sentence": "price is at least 50", "errors": []}


@pytest.mark.parametrize("events", [["purchase"], "purchase", None, [1]])
def test_a_wrong_condition_is_told_at_its_place(login: Login, ours: House, events: Any) -> None:
    body = {"rule": {"all": [{"property": "nope", "eq": 1}]}, "events": events}
    answer = login(ours.account).post(reverse("panel:conditions"), body, content_type="application/json").json()
    assert (answer["sentence"], answer["errors"][0]["place"]) == (None, "all[0].property")
