"""Calls that are no customer's are answered like all others, and counted with their reason instead of as events."""

from datetime import timedelta
from uuid import UUID

import pytest

from accounts import snapshot
from accounts.clock import now
from adserver import counting
from adserver.models import AdSettings, CampaignReason, CampaignStat
from adserver.reasons import words
from adserver.signing import LENGTH, sign, verify
from dmp.keys import visitor_key
from dmp.memberships import Pins, pin
from dmp.models import Event, Level, Segment, Visitor
from tests.adserver.offers import make_campaign
from tests.shops import BOT, VISITOR

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1"


@pytest.fixture
def campaign(account):
    return make_campaign(account)


@pytest.fixture
def token(api, shop, campaign):
    return api("/campaigns/query", shop.event())[1]["campaigns"][0]["id"]


@pytest.fixture
def ask(send):
    def ask(token, kind="i", **headers):
        method = "GET" if kind == "c" else "POST"
        return send(f"/{kind}/{token}", b"", method, **{"HTTP_USER_AGENT": PHONE, **headers})

    return ask


def counted():
    """(events, invalid ones by reason)"""
    counting.flush()
    reasons = dict(CampaignReason.objects.filter(reason__startswith="invalid:").values_list("reason", "count"))
    assert sum(reasons.values()) == sum(CampaignStat.objects.values_list("invalid", flat=True))
    assert all(words(reason).to_do for reason in reasons)  # the report says what to do
    return Event.objects.filter(event__startswith="$").count(), reasons


def settle(account, **fields):
    AdSettings.objects.create(account=account, **fields)
    snapshot.clear()


@pytest.mark.parametrize("agent", [PHONE, "", "okhttp/4.12.0", "MyShop/3.1 CFNetwork/1494 Darwin/23", "curl/8.5.0"])
def test_browsers_apps_and_servers_count(token, ask, agent):
    ask(token, HTTP_USER_AGENT=agent)
    assert counted() == (1, {})


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"HTTP_USER_AGENT": BOT}, "bot"),
        ({"HTTP_USER_AGENT": "x"}, "unknown"),
        ({"HTTP_USER_AGENT": "<script>alert(1)</script>"}, "unknown"),
        ({"HTTP_SEC_PURPOSE": "prefetch;prerender"}, "prefetch"),
    ],
)
def test_a_call_of_no_person_is_answered_alike_and_counted_as_invalid(token, ask, headers, reason):
    for kind, status in (("i", 204), ("v", 204), ("x", 204), ("c", 302)):
        assert ask(token, kind, **headers).status_code == status
    assert counted() == (0, {f"invalid:{reason}": 4})


def test_a_call_from_a_data_centre_does_not_count(account, token, ask):
    settle(account, blocked_networks=["198.51.100.0/24", "2001:db8::/32"])
    ask(token, REMOTE_ADDR="198.51.100.7")
    ask(token, "v", REMOTE_ADDR="2001:db8::1")
    ask(token, REMOTE_ADDR="198.51.101.7")
    assert counted() == (1, {"invalid:datacentre": 2})


def test_a_call_from_the_office_does_not_count(account, token, ask):
    settle(account, staff_networks=["203.0.113.9"])
    ask(token, REMOTE_ADDR="203.0.113.9")
    assert counted() == (0, {"invalid:staff": 1})


def test_a_click_of_staff_leads_on_and_does_not_count(account, token, ask):
    staff = Segment.objects.create(account=account, name="Staff")
    settle(account, staff=staff)
    pin(Visitor, Level.VISITOR, account.pk, visitor_key(account.pk, UUID(VISITOR)), Pins(assign=[staff.pk]), now())
    assert ask(token, "c").status_code == 302
    assert counted() == (0, {"invalid:staff": 1})


def test_more_than_a_person_can_do_does_not_count(settings, api, shop, campaign, ask):
    settings.TRACKING_RATE_PER_VISITOR = 3
    tokens = [api("/campaigns/query", shop.event())[1]["campaigns"][0]["id"] for _ in range(5)]
    for token in tokens:
        ask(token)
    events, reasons = counted()
    assert (events, reasons) == (3, {"invalid:rate": 2})


def test_more_than_an_address_can_do_does_not_count(settings, api, shop, campaign, ask):
    settings.TRACKING_RATE_PER_ADDRESS = 2
    for number in range(4):
        event = shop.event(visitorId=str(UUID(int=number, version=4)))
        ask(api("/campaigns/query", event)[1]["campaigns"][0]["id"], REMOTE_ADDR=f"203.0.113.{number // 4}")
    assert counted() == (2, {"invalid:rate": 2})


def test_an_old_token_and_a_repeated_one_are_counted_as_what_they_are(campaign, token, ask):
    creative = campaign.creatives.get()
    ask(sign(campaign.pk, creative.pk, 0, UUID(VISITOR), now() - timedelta(hours=25)))
    ask(token)
    ask(token)
    assert counted() == (1, {"invalid:old": 1, "invalid:replay": 1})


def test_no_changed_character_of_a_token_is_accepted(token):
    for place in range(LENGTH):
        for other in ("A" if token[place] != "A" else "B", "_", "-", "+", "/", "=", "é", " "):
            if other != token[place]:
                assert verify(token[:place] + other + token[place + 1 :]) is None
    assert verify(token[:-1]) is None
    assert verify(token + "A") is None


def test_a_changed_token_counts_nowhere_and_its_link_leads_nowhere(token, ask):
    for place in range(0, LENGTH, 7):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert ask(changed).status_code == 204
        assert ask(changed, "c").status_code == 404
    assert counted() == (0, {})


def test_the_creative_of_another_campaign_in_a_token_leads_nowhere(account, campaign, ask):
    other = make_campaign(account, "other", link="https://elsewhere.example/")
    token = sign(campaign.pk, other.creatives.get().pk, 0, UUID(VISITOR), now())
    assert ask(token, "c").status_code == 404
