"""`manage.py decide FILE`: campaigns on people who are written in a file."""

import pytest

from tests.segmenthub.trying import answered

NOW = "2026-11-23T10:00:00Z"
HOUR_AGO = "2026-11-23T09:00:00Z"
VIEW = {"event": "pageView", "time": NOW, "platform": "www.example.com", "device": "mobile", "path": "/women/shoes"}


@pytest.fixture
def decide(tmp_path):
    return lambda *lines: answered("decide", tmp_path, lines)


def line(*campaigns, events=(), **more):
    return {"campaigns": list(campaigns), "timezone": "Europe/Istanbul", "now": NOW, "events": [*events, VIEW], **more}


def offer(slug="sale", **fields):
    return {"slug": slug, **fields}


def reasons(answer):
    return {one["campaign"]: one["reason"] for one in answer["explain"]}


def test_the_best_campaign_of_a_placement_is_shown_and_the_others_say_why_not(decide):
    lines = line(
        offer(placement="hero", tier=1, creatives=[{"name": "B"}]),
        offer("late", placement="hero", tier=2),
        offer("desktop", devices=["desktop"]),
        offer("draft", status="draft"),
    )
    [answer] = decide(lines)
    assert answer["campaigns"] == [{"campaign": "sale", "placement": "hero", "variant": "B"}]
    assert reasons(answer) == {"sale": None, "late": "tier", "desktop": "device"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"starts_at": "2026-11-23T13:01"}, "schedule"),
        ({"ends_at": "2026-11-23T13:00"}, "schedule"),
        ({"placement": "off"}, "placement"),
        ({"creatives": []}, "creative"),
        ({"platforms": ["app"]}, "platform"),
        ({"events": ["productView"]}, "event"),
        ({"exclude_paths": ["/women/*"]}, "path"),
        ({"segments": ["vip"]}, "segment"),
        ({"exclude_segments": ["staff"]}, "excluded"),
        ({"conditions": {"property": "device", "ne": "mobile"}}, "conditions"),
        ({"events": ["addToCart"], "conditions": {"property": "price", "gte": 5}}, "event"),
        ({"goal": "clicks", "amount": 10, "counted": 10}, "goal"),
        ({"daily_cap": 5, "counted_today": 5}, "goal"),
        ({"daily_cap": 5, "counted_today": 4}, None),
        ({"goal": "clicks", "amount": 10, "counted": 9, "pace": 0}, "pacing"),
        ({"goal": "clicks", "amount": 10, "counted": 9}, None),
    ],
)
def test_each_field_keeps_a_campaign_out_for_its_reason(decide, fields, reason):
    found = line(offer(**fields), segments=["staff"], placements=[{"code": "off", "active": False}])
    assert reasons(decide(found)[0]) == {"sale": reason}


@pytest.mark.parametrize(
    ("fields", "did", "reason"),
    [
        ({"cap": 1}, "$impression", "frequency"),
        ({"cap": 2}, "$impression", None),
        ({"stop_after": "click"}, "$click", "stopped"),
        ({}, "$dismiss", "dismissed"),
        ({"dismiss_days": 0}, "$dismiss", None),
    ],
)
def test_what_the_person_did_with_a_campaign_counts(decide, fields, did, reason):
    seen = {"event": did, "time": HOUR_AGO, "campaign": "sale", "creative": "A"}
    assert reasons(decide(line(offer(**fields), events=[seen]))[0]) == {"sale": reason}


def bought(minutes=30, **fields):
    return {"event": "purchase", "time": f"2026-11-23T09:{minutes}:00Z", "orderTotal": 10, **fields}


CLICK = {"event": "$click", "time": HOUR_AGO, "campaign": "sale", "creative": "A"}


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([CLICK, bought()], "stopped"),
        ([bought()], None),
        ([CLICK, bought(orderTotal=-10)], None),
        ([CLICK, {**CLICK, "time": "2026-11-23T09:10:00Z", "campaign": "other"}, bought()], None),
    ],
)
def test_a_purchase_goes_back_to_the_last_click(decide, events, reason):
    found = line(offer(stop_after="conversion"), offer("other"), events=events)
    assert reasons(decide(found)[0])["sale"] == reason


def test_the_same_seed_draws_the_same_winner_and_seeds_differ(decide):
    rivals = [offer("a", placement="hero"), offer("b", placement="hero")]
    found = decide(*(line(*rivals, seed=seed) for seed in (1, 1, *range(20))))
    winners = [answer["campaigns"][0]["campaign"] for answer in found]
    assert winners[0] == winners[1]
    assert set(winners) == {"a", "b"}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        (line(offer(tier=10)), "tier: Ensure this value is less than or equal to 9."),
        (line(offer(hat=1)), "“hat” is not known in a campaign"),
        (line(offer(goal="clicks")), "Say how many."),
        (line(offer(conditions={"segment": "vip"})), "Make a segment of this."),
        ({"campaigns": [], "now": NOW}, "The line has no event until now"),
        ({"campaigns": [offer()]}, "now"),
    ],
)
def test_a_line_that_cannot_be_read_says_why_and_the_next_is_answered(decide, bad, words):
    first, second = decide(bad, line(offer()))
    assert words in first["error"]
    assert reasons(second) == {"sale": None}
