"""The documented file of an account, provisioned as a user does."""

import io
import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import Account, ApiToken
from adserver.models import Campaign
from dmp.models import Segment

pytestmark = pytest.mark.django_db
RULE = {"event": "purchase", "within": "90d", "sum": {"property": "orderTotal", "gte": 1000}}
SHOP: dict[str, Any] = {
    "account": {
        "id": "7d4b1c9e-3f53-4c7e-9d7b-2f6f1b8a9c01",
        "name": "Demo shop",
        "timezone": "Europe/Istanbul",
        "status": "active",
    },
    "users": [{"email": "marketer@example.com", "role": "marketer", "password": "only for demos"}],
    "platforms": [{"code": "www.example.com", "type": "web", "origins": ["https://www.example.com"]}],
    "attributes": [
        {"name": "country", "type": "text"},
        {"name": "favoriteBrands", "type": "text", "many": True},
        {"name": "email", "type": "text", "personal": True, "identifier": "email"},
    ],
    "events": [
        {
            "code": "addToCart",
            "properties": [{"name": "sku", "type": "text", "required": True}, {"name": "price", "type": "number"}],
        }
    ],
    "segments": [{"name": "VIP", "rule": RULE}, {"name": "Staff"}],
    "placements": [{"code": "home-hero", "width": 1200, "height": 400}],
    "campaigns": [
        {
            "slug": "summer-sale",
            "name": "Summer sale",
            "status": "live",
            "placement": "home-hero",
            "tier": 3,
            "weight": 10,
            "segments": ["VIP"],
            "creatives": [
                {
                    "name": "A",
                    "type": "json",
                    "content": {"title": "20% off"},
                    "link": "https://www.example.com/sale",
                }
            ],
        }
    ],
    "tokens": [
        {
            "name": "server",
            "access": ["profiles:read", "profiles:write", "visitors:read", "visitors:write", "explain"],
            "read_attributes": ["*"],
            "write_attributes": ["country", "favoriteBrands"],
            "rate_limit": 1000,
            "expires": None,
        }
    ],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.json"


def provision(file: Path, shop: dict[str, Any], *arguments: str) -> dict[str, Any]:
    file.write_text(json.dumps(shop))
    out = io.StringIO()
    call_command("provision", str(file), *arguments, stdout=out, stderr=io.StringIO())
    return json.loads(out.getvalue())  # type: ignore[no-any-return]


def test_the_documented_file_makes_the_whole_account(file: Path) -> None:
    told = provision(file, SHOP)
    assert told["account"] == SHOP["account"]["id"]
    assert told["tokens"]["server"].startswith("sgh_")
    assert Campaign.objects.get().creatives.get().content == {"title": "20% off"}
    assert Segment.objects.get(name="VIP").status == Segment.Status.LIVE


def test_a_second_run_changes_nothing_and_tells_no_secret(file: Path) -> None:
    provision(file, SHOP)
    again = provision(file, SHOP)
    assert (again["created"], again["updated"], again["tokens"]) == ({}, {}, {})
    assert ApiToken.objects.count() == 1


def test_a_mistake_names_its_place_and_changes_nothing(file: Path) -> None:
    wrong = SHOP | {"campaigns": [SHOP["campaigns"][0] | {"segments": ["Nope"]}]}
    with pytest.raises(CommandError, match=r"campaigns\[0\]\.segments\[0\]"):
        provision(file, wrong)
    assert not Account.objects.exists()


def test_a_dry_run_shows_what_would_change_and_changes_nothing(file: Path) -> None:
    assert provision(file, SHOP, "--dry-run")["created"] != {}
    assert not Account.objects.exists()


def test_the_campaign_of_the_readme_can_be_provisioned_and_is_shown(tmp_path: Path, client: Client) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (campaign,) = (
        json.loads(block) for block in re.findall(r"```json\n(.*?)```", readme, re.DOTALL) if '"creatives"' in block
    )
    file = {
        **SHOP,
        "attributes": [{"name": "city"}],
        "campaigns": [{**campaign, "segments": [], "ends_at": "2126-12-24T00:00:00"}],
        "tokens": [],
        "users": [],
    }
    path = tmp_path / "account.json"
    path.write_text(json.dumps(file))
    call_command("provision", str(path), "--no-wait", stdout=io.StringIO())
    account = Account.objects.get()
    event = {"account": str(account.pk), "visitorId": "22222222-2222-4222-8222-222222222222", "price": 60}
    event |= {"event": "productView", "sku": "S1", "platform": "www.example.com"}
    shown = []
    for _ in range(30):  # until one of those who are not held out
        event["visitorId"] = str(uuid.uuid4())
        answer = client.post("/campaigns/query", json.dumps(event), content_type="application/json").json()
        shown += [element["content"] for element in answer["campaigns"]]
    assert shown[0] == {"title": "Warm, everywhere"}
