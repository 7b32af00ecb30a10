"""An account as a file: every key, twice, with a mistake anywhere, and only to look."""

import copy
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account, ApiToken, Attribute, Member, Platform, User
from adserver.models import AdSettings, Campaign, Creative, Placement
from dmp.models import EventType, Property, Segment
from dmp.webhooks.models import Webhook
from segmenthub.provision import tables, work

pytestmark = pytest.mark.django_db
SITE = "https://www.example.com"
RULE = {"event": "purchase", "within": "90d", "sum": {"property": "orderTotal", "gte": 1000}}
WEBHOOK = {"url": "https://8.8.8.8/hook", "level": "visitor", "on_enter": True, "on_leave": True, "active": True}
FULL: dict[str, Any] = {
    "account": {
        **{"id": "7d4b1c9e-3f53-4c7e-9d7b-2f6f1b8a9c01", "name": "Shop", "timezone": "Europe/Istanbul"},
        **{"status": "active", "link_history": False, "keep_links": False, "never_identifiers": ["nobody"]},
        "require_signed_profiles": True,
    },
    "users": [{"email": "ann@example.com", "name": "Ann", "role": "analyst", "password": "only for demos"}],
    "platforms": [{"code": "www.example.com", "type": "web", "origins": [SITE]}],
    "attributes": [
        {"name": "email", "type": "text", "personal": True, "identifier": "email", "merge": "oldest", "many": False},
        {"name": "carts", "type": "number", "computed": {"event": "addToCart", "as": "count"}},
    ],
    "events": [
        {
            "code": "addToCart",
            "description": "Put into the cart",
            "properties": [{"name": "size", "type": "text", "many": True, "required": True}],
        }
    ],
    "segments": [
        {"name": "VIP", "description": "Spent 1000.", "rule": RULE, "webhooks": [{**WEBHOOK, "level": "both"}]},
        {"name": "Staff"},
    ],
    "webhooks": [WEBHOOK],
    "placements": [{"code": "hero", "name": "Hero", "width": 1200, "height": 400, "active": True}],
    "ads": {
        **{"holdout_percent": 5, "staff": "Staff"},
        **{"staff_networks": ["203.0.113.7"], "blocked_networks": ["198.51.100.0/24"]},
    },
    "campaigns": [
        {
            **{"slug": "sale", "name": "Sale", "status": "live", "placement": "hero", "tier": 3, "weight": 20},
            **{"starts_at": "2026-06-01T00:00:00", "ends_at": "2026-07-01T00:00:00Z", "label": "summer"},
            **{"platforms": ["www.example.com"], "devices": ["mobile"], "events": ["pageView", "addToCart"]},
            **{"paths": ["/sale*"], "exclude_paths": ["/sale/old*"]},
            **{"segments": ["VIP"], "exclude_segments": ["Staff"]},
            **{"conditions": {"event": "addToCart", "where": {"property": "size", "eq": "M"}}},
            **{"goal": "impressions", "amount": 1000, "pacing": "asap", "daily_cap": 100, "cap": 3, "cap_hours": 12},
            **{"stop_after": "click", "dismiss_days": 7, "holdout_percent": 10, "click_days": 5, "view_days": 2},
            "match": "product",
            "creatives": [
                {
                    **{"name": "A", "type": "json", "content": {"title": "20% off"}, "media": None},
                    **{"link": f"{SITE}/sale", "weight": 7, "active": True},
                }
            ],
        }
    ],
    "tokens": [
        {
            **{"name": "server", "access": ["profiles:read", "explain"], "read_attributes": ["*"]},
            **{"write_attributes": ["email"], "rate_limit": 1000, "expires": "2030-01-01", "revoked": False},
        }
    ],
}
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(file: dict[str, Any], *arguments: str) -> dict[str, Any]:
        (tmp_path / "shop.json").write_text(json.dumps(file))
        out = io.StringIO()
        call_command("provision", str(tmp_path / "shop.json"), *arguments, stdout=out, stderr=io.StringIO())
        return json.loads(out.getvalue())  # type: ignore[no-any-return]

    return run


def changed(path: str, value: Any) -> dict[str, Any]:
    """The full file with another value at a place such as `campaigns[0].weight`."""
    file = copy.deepcopy(FULL)
    *parents, last = path.replace("[", ".[").split(".")
    node: Any = file
    for part in parents:
        node = node[int(part[1:-1])] if part.startswith("[") else node[part]
    node[int(last[1:-1]) if last.startswith("[") else last] = value
    return file


def everything() -> dict[str, list[Any]]:
    """All rows of all configuration, comparable."""
    models = [Account, User, Member, Platform, Attribute, EventType, Property, Segment, Webhook, Placement, Campaign]
    return {
        model.__name__: sorted(map(str, model.objects.values_list()))
        for model in [*models, Creative, ApiToken, AdSettings]
    }


# --- every key ---

KEYS = {
    "account": {"id", *work.ACCOUNT.fields},
    "users": {"role", "password", *work.USER.fields},
    **{
        name: {*table.fields, *table.nested}
        for name in (
            "platforms",
            "attributes",
            "events",
            "segments",
            "webhooks",
            "placements",
            "campaigns",
            "tokens",
            "ads",
        )
        if (table := getattr(tables, name))
    },
}


@pytest.mark.parametrize("kind", KEYS)
def test_the_full_file_has_every_key(kind: str) -> None:
    rows = FULL[kind] if isinstance(FULL[kind], list) else [FULL[kind]]
    assert {key for row in rows for key in row} == KEYS[kind]


def test_the_full_file_has_every_key_of_what_is_nested() -> None:
    assert set(FULL["events"][0]["properties"][0]) == set(tables.properties.fields)
    assert set(FULL["campaigns"][0]["creatives"][0]) == set(tables.creatives.fields)
    assert set(FULL["segments"][0]["webhooks"][0]) == set(tables.webhooks.fields)


def test_the_full_file_makes_what_it_says(run: Run) -> None:
    told = run(FULL)
    assert told["account"] == FULL["account"]["id"]
    assert told["updated"] == {}
    assert list(told["tokens"]) == ["server"]
    assert set(told["created"]) == {*KEYS, "properties", "creatives"}


def test_each_value_is_kept(run: Run) -> None:
    run(FULL)
    campaign, account, token = Campaign.objects.get(), Account.objects.get(), ApiToken.objects.get()
    assert (account.link_history, account.keep_links, account.never_identifiers) == (False, False, ["nobody"])
    assert (campaign.tier, campaign.weight, campaign.label, campaign.paths) == (3, 20, "summer", ["/sale*"])
    assert [segment.name for segment in campaign.exclude_segments.all()] == ["Staff"]
    assert (token.rate_limit, token.write_attributes, token.access) == (1000, ["email"], ["profiles:read", "explain"])
    assert User.objects.get().check_password("only for demos")
    assert Member.objects.get().role == "analyst"


def test_a_webhook_of_a_segment_and_one_of_all_may_have_one_address(run: Run) -> None:
    told = run(FULL)
    assert told["created"]["webhooks"] == ["VIP/https://8.8.8.8/hook", "https://8.8.8.8/hook"]
    made = Webhook.objects.select_related("segment")
    assert {(row.segment and row.segment.name, row.level) for row in made} == {("VIP", "both"), (None, "visitor")}
    names = {f"{row.segment.name}/{row.url}" if row.segment else row.url: row.secret for row in made}
    assert told["webhooks"] == names


def test_one_that_is_switched_on_again_tells_from_now_on(run: Run) -> None:
    run(changed("webhooks[0].active", False))
    before = Webhook.objects.get(segment=None).since
    run(FULL)
    assert Webhook.objects.get(segment=None).since > before


def test_a_time_without_a_zone_is_the_accounts(run: Run) -> None:
    run(FULL)
    assert Campaign.objects.get().starts_at.isoformat() == "2026-05-31T21:00:00+00:00"  # type: ignore[union-attr]


# --- twice ---


def test_a_second_run_updates_nothing(run: Run) -> None:
    run(FULL)
    before = everything()
    again = run(FULL)
    assert (again["created"], again["updated"], again["tokens"], again["webhooks"]) == ({}, {}, {}, {})
    assert everything() == before


def test_a_smaller_file_deletes_nothing(run: Run) -> None:
    run(FULL)
    before = everything()
    run({"account": {"id": FULL["account"]["id"]}})
    assert everything() == before


DIFFERENT: dict[str, Any] = {
    **{"account.name": "Other", "account.status": "suspended", "users[0].role": "viewer"},
    **{"account.link_history": True, "account.keep_links": True, "account.never_identifiers": []},
    **{"account.require_signed_profiles": False, "users[0].name": "Anna", "users[0].password": "another one"},
    **{"platforms[0].type": "ios", "platforms[0].origins": [], "events[0].description": ""},
    **{"events[0].properties[0].type": "number", "events[0].properties[0].many": False},
    **{"events[0].properties[0].required": False, "attributes[0].personal": False, "attributes[0].merge": "newest"},
    **{"attributes[0].identifier": "", "attributes[1].computed": {"event": "purchase", "as": "count"}},
    **{"segments[0].description": "", "segments[0].rule": {"event": "purchase"}, "segments[1].rule": RULE},
    **{"webhooks[0].level": "profile", "webhooks[0].on_enter": False, "webhooks[0].active": False},
    **{"segments[0].webhooks[0].level": "profile", "segments[0].webhooks[0].on_leave": False},
    **{"placements[0].name": "", "placements[0].width": 1, "placements[0].height": None, "placements[0].active": False},
    **{"campaigns[0].name": "S", "campaigns[0].status": "paused", "campaigns[0].placement": None},
    **{"campaigns[0].tier": 4, "campaigns[0].weight": 1, "campaigns[0].label": "", "campaigns[0].starts_at": None},
    **{"campaigns[0].ends_at": None, "campaigns[0].platforms": [], "campaigns[0].devices": []},
    **{"campaigns[0].events": [], "campaigns[0].paths": [], "campaigns[0].exclude_paths": []},
    **{"campaigns[0].segments": [], "campaigns[0].exclude_segments": ["Staff", "VIP"]},
    **{"campaigns[0].conditions": None, "campaigns[0].goal": "clicks", "campaigns[0].amount": 5},
    **{"campaigns[0].pacing": "even", "campaigns[0].daily_cap": None, "campaigns[0].cap": None},
    **{"campaigns[0].cap_hours": 24, "campaigns[0].stop_after": "conversion", "campaigns[0].dismiss_days": 0},
    **{"campaigns[0].holdout_percent": 0, "campaigns[0].click_days": 7, "campaigns[0].view_days": 0},
    **{"campaigns[0].match": "any", "ads.holdout_percent": 0, "ads.staff": None},
    **{"ads.staff_networks": [], "ads.blocked_networks": ["198.51.100.0/25"]},
    **{"campaigns[0].creatives[0].content": {}, "campaigns[0].creatives[0].link": ""},
    **{"campaigns[0].creatives[0].weight": 8, "campaigns[0].creatives[0].active": False},
    **{"tokens[0].access": [], "tokens[0].read_attributes": [], "tokens[0].write_attributes": ["*"]},
    **{"tokens[0].rate_limit": None, "tokens[0].expires": None, "tokens[0].revoked": True},
}


@pytest.mark.parametrize("place", DIFFERENT)
def test_a_value_that_differs_is_updated_once(run: Run, place: str) -> None:
    run(FULL)
    file = changed(place, DIFFERENT[place])
    told = run(file, "--no-wait")
    assert (told["created"], sum(map(len, told["updated"].values()))) == ({}, 1)
    assert run(file, "--no-wait")["updated"] == {}


def test_another_zone_moves_the_times_that_have_none(run: Run) -> None:
    run(FULL)
    told = run(changed("account.timezone", "UTC"), "--no-wait")
    assert told["updated"] == {"account": ["Shop"], "campaigns": ["sale"], "tokens": ["server"]}


# --- a mistake ---

WRONG: dict[str, Any] = {
    **{"account.id": "x", "account.name": 5, "account.timezone": "Mars/Base", "account.status": "gone"},
    **{"account.keep_links": "yes", "account.never_identifiers": "guest", "users[0].email": "nobody"},
    **{"users[0].role": "king", "users[0].password": 5, "platforms[0].code": None, "platforms[0].type": "tv"},
    **{"platforms[0].origins": SITE, "platforms[0].origins[0]": "www.example.com"},
    **{"attributes[0].name": "1st", "attributes[0].type": "colour"},
    **{"attributes[0].identifier": "shoe", "attributes[0].merge": "random", "attributes[0].many": 1},
    **{"attributes[1].computed.where": [], "attributes[1].computed.within": "soon"},
    **{"attributes[1].computed.event": "nope", "events[0].code": "$mine", "events[0].properties": {}},
    **{"events[0].properties[0].name": "sku\0", "events[0].properties[0].type": "colour"},
    **{"segments[0].name": "", "segments[0].rule.event": "nope", "segments[0].rule.within": "soon"},
    **{"segments[0].rule.sum.property": "nope", "segments[1].rule": [], "placements[0].width": "wide"},
    **{"webhooks[0].url": "https://127.0.0.1/hook", "webhooks[0].on_enter": "yes", "webhooks[0].secret": "x"},
    **{"segments[0].webhooks[0].level": "nobody", "segments[0].webhooks": {}},
    **{"placements[0].code": "no spaces", "campaigns[0].slug": "no spaces", "campaigns[0].status": "on"},
    **{"campaigns[0].placement": "nowhere", "campaigns[0].tier": 10, "campaigns[0].weight": 0},
    **{"campaigns[0].starts_at": "soon", "campaigns[0].ends_at": "2026-01-01", "campaigns[0].platforms[0]": "nope"},
    **{"campaigns[0].devices[0]": "fridge", "campaigns[0].events[0]": "nope", "campaigns[0].segments[0]": "Nope"},
    **{"campaigns[0].exclude_segments[0]": "Nope", "campaigns[0].conditions": [], "campaigns[0].tierr": 1},
    **{"campaigns[0].goal": "fame", "campaigns[0].amount": 0, "campaigns[0].pacing": "slow"},
    **{"campaigns[0].daily_cap": -1, "campaigns[0].cap": 0, "campaigns[0].cap_hours": 2161},
    **{"campaigns[0].stop_after": "lunch", "campaigns[0].dismiss_days": 366, "campaigns[0].holdout_percent": 51},
    **{"campaigns[0].click_days": 0, "campaigns[0].view_days": 91, "campaigns[0].match": "some"},
    **{"campaigns[0].conditions.where.property": "nope", "campaigns[0].conditions.event": "nope"},
    **{"campaigns[0].creatives[0].type": "film", "campaigns[0].creatives[0].link": "javascript:alert(1)"},
    **{"campaigns[0].creatives[0].media": "nope", "campaigns[0].creatives[0].weight": 101},
    **{"tokens[0].access[0]": "everything", "tokens[0].read_attributes[0]": "nope", "tokens[0].rate_limit": 0},
    **{"tokens[0].expires": "soon", "tokens[0].revoked": "no", "shops": []},
    **{"ads.holdout_percent": 51, "ads.staff": "Nope", "ads.staff_networks[0]": "office", "ads.cap": 1},
}


@pytest.mark.parametrize("place", WRONG)
def test_a_mistake_names_its_place_and_makes_nothing(run: Run, place: str) -> None:
    before = everything()
    with pytest.raises(CommandError) as caught:
        run(changed(place, WRONG[place]))
    assert str(caught.value).startswith(f"{place}: ")
    assert everything() == before


def test_a_rule_of_no_kind_is_a_mistake(run: Run) -> None:
    with pytest.raises(CommandError, match=r"^segments\[0\]\.rule: Say what kind of condition this is"):
        run(changed("segments[0].rule", {}))


def test_a_campaign_that_was_live_does_not_become_a_draft(run: Run) -> None:
    run(FULL)
    with pytest.raises(CommandError, match=r"^campaigns\[0\]\.status: A campaign that is live becomes "):
        run(changed("campaigns[0].status", "draft"))


def test_a_mistake_at_the_end_takes_back_what_was_updated(run: Run) -> None:
    run(FULL)
    before = everything()
    file = changed("account.name", "Other")
    file["tokens"].append({"name": "other", "access": ["nope"]})
    with pytest.raises(CommandError, match=r"^tokens\[1\]\.access\[0\]: "):
        run(file)
    assert everything() == before


@pytest.mark.parametrize("kind", [kind for kind, rows in FULL.items() if isinstance(rows, list)])
def test_what_stands_twice_is_a_mistake(run: Run, kind: str) -> None:
    file = copy.deepcopy(FULL)
    file[kind].append(file[kind][0])
    with pytest.raises(CommandError, match=rf"^{kind}\[{len(file[kind]) - 1}\]\.\w+: .*stands twice"):
        run(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "line 1, column"),
        (b"[]", "Give an object"),
        (b'{"account": {}, "account": {}}', "stands twice"),
        (b"\xff", "not UTF-8"),
        (b'{"account": {"id": NaN}}', "no number of JSON"),
        (b"{}", "account: This key is required"),
    ],
)
def test_what_is_no_such_file_is_told(tmp_path: Path, text: bytes, message: str) -> None:
    (tmp_path / "shop.json").write_bytes(text)
    with pytest.raises(CommandError, match=message):
        call_command("provision", str(tmp_path / "shop.json"))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        call_command("provision", str(tmp_path / "none.json"))


# --- only to look ---


def test_a_dry_run_tells_what_would_be_made_and_no_secret(run: Run) -> None:
    before = everything()
    told = run(FULL, "--dry-run")
    assert set(told["created"]) >= set(KEYS)
    assert told["tokens"] == {}
    assert everything() == before


def test_a_dry_run_tells_which_key_would_change(run: Run, tmp_path: Path) -> None:
    run(FULL)
    before = everything()
    (tmp_path / "other.json").write_text(json.dumps(changed("campaigns[0].weight", 1)))
    err = io.StringIO()
    call_command("provision", str(tmp_path / "other.json"), "--dry-run", stdout=io.StringIO(), stderr=err)
    assert err.getvalue() == "campaigns sale: weight\n"
    assert everything() == before


def test_a_database_without_tables_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    file.write_text(json.dumps({"account": {"id": str(uuid4()), "name": "Shop"}}))
    command = [
        sys.executable,
        "manage.py",
        "provision",
        str(file),
    ]  # tests keep their tables in a database of their own
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)  # noqa: S603
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "The database lacks tables. Run `manage.py migrate` first; `manage.py up` does it by itself.",
    )
    assert "Traceback" not in done.stderr


def test_a_live_campaign_that_cannot_show_is_told(tmp_path):
    errors = io.StringIO()
    file = tmp_path / "shop.json"
    late = {"slug": "late", "name": "Late", "status": "live", "ends_at": "2020-01-01T00:00:00"}
    creatives = [{"name": "A", "content": {"title": "Sale"}}]
    fine = {"slug": "fine", "name": "Fine", "status": "live", "creatives": creatives}
    account = {"id": str(uuid4()), "name": "Shop"}
    file.write_text(json.dumps({"account": account, "campaigns": [late | {"creatives": creatives}, fine]}))
    call_command("provision", str(file), stdout=io.StringIO(), stderr=errors)
    assert errors.getvalue().startswith("Campaign late is live but cannot show. It ended on 2020-01-01")
    assert "fine" not in errors.getvalue()
