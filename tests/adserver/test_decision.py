import random
import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adserver import decision
from adserver.board import Board, Campaign, Past, bucket, held_out, matches, variant
from adserver.decision import MAX_ELEMENTS
from tests.adserver import reference
from tests.adserver.offers import NOW, context, offer
from tests.adserver.offers import variant as creative

SOON, EARLIER = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)
FAILING = {
    "schedule": {"starts_at": SOON},
    "placement": {"placement_active": False},
    "creative": {"creatives": ()},
    "platform": {"platforms": frozenset({"ios"})},
    "device": {"devices": frozenset({"desktop"})},
    "event": {"events": frozenset({"purchase"})},
    "path": {"paths": ("/men/*",)},
    "segment": {"segments": frozenset({1})},
    "excluded": {"exclude_segments": frozenset({9})},
    "conditions": {"conditions": lambda event, zone, now: False},
}
"""What makes a campaign fail for each reason, in the order in which they are asked."""
reasons = st.sets(st.sampled_from(list(FAILING)), max_size=3)


@st.composite
def campaigns(draw: st.DrawFn) -> list[Campaign]:
    def one(index: int) -> Campaign:
        fields = {
            "placement": draw(st.sampled_from([None, "hero", "footer"])),
            "tier": draw(st.integers(1, 3)),
            "weight": draw(st.integers(1, 100)),
            "label": draw(st.sampled_from(["", "", "sale", "brand"])),
        }
        for reason in draw(reasons):
            fields |= FAILING[reason]
        return offer(**fields)

    return [one(index) for index in range(draw(st.integers(0, 40)))]


def here(**fields):
    return context(segments=frozenset({9}), **fields)


class Found(NamedTuple):
    board: Board
    decision: decision.Decision
    verdicts: list[decision.Verdict]


def choose(campaigns, at, draw=lambda: 0.5):
    board = Board(campaigns)
    found = decision.choose(board, at, draw)
    return Found(board, found, decision.verdicts(board, found))


def winners(found):
    return [choice.campaign for choice in found.decision.chosen]


def verdicts(found):
    return {verdict.campaign.id: verdict.reason for verdict in found.verdicts}


def failing(campaign, at):
    (verdict,) = choose([campaign], at).verdicts
    return verdict.reason


# --- one campaign alone ---


@pytest.mark.parametrize("reason", FAILING)
def test_it_names_the_reason(reason):
    assert failing(offer(**FAILING[reason]), here()) == reason


@given(st.sets(st.sampled_from(list(FAILING)), min_size=1))
def test_the_first_reason_in_order_is_named(some):
    fields = {name: value for reason in some for name, value in FAILING[reason].items()}
    assert failing(offer(**fields), here()) == next(reason for reason in FAILING if reason in some)


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "reason"),
    [(NOW, None, ""), (SOON, None, "schedule"), (None, NOW, "schedule"), (None, SOON, ""), (EARLIER, SOON, "")],
)
def test_the_schedule_is_half_open(starts_at, ends_at, reason):
    assert failing(offer(starts_at=starts_at, ends_at=ends_at), here()) == reason


def test_any_of_the_segments_lets_in():
    assert failing(offer(segments=frozenset({3, 9})), here()) == ""


def test_an_excluded_path_beats_a_path():
    assert failing(offer(paths=("/women/*",), exclude_paths=("*shoes",)), here()) == "path"


texts = st.text(alphabet="ab*/", max_size=12)


@given(pattern=texts, path=st.text(alphabet="ab/", max_size=16))
def test_a_pattern_matches_like_its_regular_expression(pattern, path):
    expression = ".*".join(re.escape(part) for part in pattern.split("*"))
    assert matches(pattern, path) == bool(re.fullmatch(expression, path, re.DOTALL))


# --- against the others ---


@given(campaigns(), st.randoms(use_true_random=False))
def test_a_winner_never_has_a_failing_reason(some, chance):
    found = choose(some, here(), chance.random)
    assert not any(reference.failing(campaign, here()) for campaign in winners(found))


@given(campaigns(), st.randoms(use_true_random=False))
def test_each_campaign_gets_one_verdict_and_only_winners_have_no_reason(some, chance):
    found = choose(some, here(), chance.random)
    assert {verdict.campaign for verdict in found.verdicts} == set(some)
    assert {campaign.id for campaign in winners(found)} == {id for id, reason in verdicts(found).items() if not reason}


@given(campaigns(), st.randoms(use_true_random=False))
def test_a_label_wins_once_and_a_placement_shows_one(some, chance):
    chosen = winners(choose(some, here(), chance.random))
    labels = [campaign.label for campaign in chosen if campaign.label]
    placements = [campaign.placement for campaign in chosen if campaign.placement]
    assert len(labels) == len(set(labels))
    assert len(placements) == len(set(placements))


@given(campaigns(), st.randoms(use_true_random=False))
def test_winners_come_best_tier_first(some, chance):
    tiers = [campaign.tier for campaign in winners(choose(some, here(), chance.random))]
    assert tiers == sorted(tiers)


@given(campaigns(), st.randoms(use_true_random=False))
def test_a_placement_shows_a_better_tier_unless_its_label_was_taken(some, chance):
    found = choose(some, here(), chance.random)
    tiers = {campaign.placement: campaign.tier for campaign in winners(found) if campaign.placement}
    for campaign, reason in found.verdicts:
        if not reference.failing(campaign, here()) and campaign.placement and reason != "label":
            assert tiers[campaign.placement] <= campaign.tier


@given(campaigns(), st.randoms(use_true_random=False))
def test_the_order_of_campaigns_changes_nothing(some, chance):
    shuffled = chance.sample(some, len(some))
    one, other = (choose(each, here(), lambda: 0.5) for each in (some, shuffled))
    assert winners(one) == winners(other)
    assert verdicts(one) == verdicts(other)


def test_a_label_goes_to_the_best_tier_that_wants_it():
    house = offer(placement="a", tier=9, label="sale")
    best = offer(tier=1, label="sale")
    found = choose([house, best], here(), random.random)
    assert winners(found) == [best]
    assert verdicts(found)[house.id] == "label"


def test_data_whose_label_is_taken_says_so_before_what_the_person_did():
    best, seen = offer(label="sale", weight=20), offer(label="sale", cap=1)
    found = choose([best, seen], here(past=lambda: {seen.id: Past([NOW.timestamp()])}))
    assert verdicts(found) == {best.id: "", seen.id: "label"}


def test_where_the_label_is_taken_the_next_tier_shows():
    hero, footer = offer(placement="a", tier=1, label="sale"), offer(placement="b", tier=1, label="sale")
    house = offer(placement="b", tier=9)
    assert winners(choose([hero, footer, house], here(), random.random)) == [hero, house]


def test_at_most_thirty_are_answered_and_the_rest_says_limit():
    some = [offer() for _ in range(MAX_ELEMENTS + 5)]
    found = choose(some, here(), random.random)
    assert len(found.decision.chosen) == MAX_ELEMENTS
    assert Counter(verdicts(found).values()) == {"": MAX_ELEMENTS, "limit": 5}


def test_data_comes_by_weight_within_its_tier():
    light, heavy = offer(weight=1), offer(weight=100)
    assert winners(choose([light, heavy], here(), random.random)) == [heavy, light]


# --- the whole of it against the plain way ---

HOUR, MOMENT = 3600, NOW.timestamp()
MORE = {
    "cap": {"cap": 2, "cap_hours": 3},
    "click": {"stop_after": "click"},
    "conversion": {"stop_after": "conversion"},
    "dismiss": {"dismiss_days": 1},
    "holdout": {"holdout_percent": 50},
    "pace": {"pace": 0.5},
    "paths": {"paths": ("/women/*", "/men"), "exclude_paths": ("*boots",)},
    "exact": {"paths": ("/women/shoes",)},
    "inner": {"paths": ("/w*/sh*",), "exclude_paths": ("/women/shoes*",)},
    "runs": {"starts_at": EARLIER, "ends_at": SOON},
}
pasts = st.builds(
    Past,
    shown=st.lists(st.integers(0, 6).map(lambda hours: MOMENT - hours * HOUR), max_size=4).map(sorted),
    clicked=st.booleans(),
    converted=st.booleans(),
    dismissed_at=st.sampled_from([None, MOMENT - 23 * HOUR, MOMENT - 24 * HOUR]),
)


@st.composite
def situations(draw):
    some = [
        replace(
            campaign,
            **{name: value for one in draw(st.sets(st.sampled_from(list(MORE)))) for name, value in MORE[one].items()},
        )
        for campaign in draw(campaigns())
    ]
    ids = [campaign.id for campaign in some]
    picked = st.frozensets(st.sampled_from(ids)) if ids else st.just(frozenset())
    past = draw(st.one_of(st.none(), st.fixed_dictionaries({}, optional=dict.fromkeys(ids, pasts))))
    full = draw(picked)
    return some, here(
        unit=draw(st.sampled_from("abcdef")),
        path=draw(st.sampled_from(["/women/shoes", "/women/boots", "/men", ""])),
        past=lambda: past,
        reached=draw(picked),
        near=draw(picked),
        keep=lambda campaign: campaign.id not in full,
        control=draw(st.integers(0, 9)) == 0,
    )


@given(situations(), st.integers(0, 2**32))
def test_the_decision_is_that_of_the_plain_way(situation, seed):
    some, at = situation
    found = choose(some, at, random.Random(seed).random)
    chosen, reasons = reference.decide(some, at, random.Random(seed).random)
    assert found.decision.chosen == chosen
    assert {verdict.campaign: verdict.reason for verdict in found.verdicts} == reasons


@given(situations(), st.integers(0, 2**32))
def test_no_campaign_has_two_reasons(situation, seed):
    found = choose(*situation, random.Random(seed).random)
    assert sum(some.bit_count() for _, some in found.decision.reasons) + len(found.decision.chosen) == len(situation[0])


# --- the person, goals and groups ---


def only(campaign, **fields):
    return failing(campaign, here(**fields))


@pytest.mark.parametrize(
    ("hours", "reason"), [((5, 4), ""), ((3, 1), ""), ((2, 1), "frequency"), ((9, 2, 1), "frequency"), ((), "")]
)
def test_a_cap_counts_impressions_of_its_last_hours(hours, reason):
    campaign = offer(cap=2, cap_hours=3)
    past = {campaign.id: Past([MOMENT - hour * HOUR for hour in hours])}
    assert only(campaign, past=lambda: past) == reason


def test_what_the_person_did_is_asked_once_and_only_where_it_matters():
    asked = []

    def past():
        asked.append(1)
        return {}

    choose([offer(), offer()], here(past=past))
    assert not asked
    choose([offer(cap=1), offer(stop_after="click"), offer(dismiss_days=3)], here(past=past))
    assert len(asked) == 1


def test_where_nobody_can_tell_capped_campaigns_are_silent_and_the_house_shows():
    capped, house = (
        offer(placement="hero", tier=1, cap=3, dismiss_days=30),
        offer(placement="hero", tier=9, dismiss_days=30),
    )
    found = choose([capped, house], here(past=lambda: None))
    assert winners(found) == [house]
    assert verdicts(found)[capped.id] == "frequency"


def test_without_a_place_near_the_goal_the_next_best_is_shown():
    best, next_best = offer(placement="hero", tier=1), offer(placement="hero", tier=2)
    found = choose([best, next_best], here(near=frozenset({best.id}), keep=lambda campaign: False))
    assert winners(found) == [next_best]
    assert verdicts(found)[best.id] == "goal"


def test_a_campaign_takes_part_with_the_chance_of_its_pace():
    campaign, chance = offer(pace=0.25, placement="hero"), random.Random(4)
    board = Board([campaign])
    shown = sum(bool(decision.choose(board, here(), chance.random).chosen) for _ in range(20_000))
    assert abs(shown - 5000) < 6 * (20_000 * 0.25 * 0.75) ** 0.5


def test_the_held_out_get_the_next_best_and_both_groups_are_told():
    campaign, house = offer(placement="hero", tier=1, holdout_percent=20), offer(placement="hero", tier=9)
    board = Board([campaign, house])
    control = 0
    for n in range(100_000):
        found = decision.choose(board, here(unit=str(n)), random.random)
        (choice,) = found.chosen
        out = choice.campaign is house
        assert (found.control == [campaign]) is out
        assert (found.treated == [campaign]) is not out
        control += out
    assert abs(control - 20_000) < 6 * (100_000 * 0.2 * 0.8) ** 0.5


def test_who_is_held_out_is_independent_of_the_variant():
    campaign = offer(holdout_percent=50, creatives=(creative("A"), creative("B")))
    both = Counter((held_out(50, campaign.salt, str(n)), variant(campaign, str(n)).name) for n in range(20_000))
    assert len(both) == 4
    assert all(abs(number - 5000) < 6 * (20_000 * 0.25 * 0.75) ** 0.5 for number in both.values())


def test_the_control_group_of_the_account_gets_nothing():
    found = choose([offer(), offer(placement="hero")], here(control=True))
    assert winners(found) == []
    assert set(verdicts(found).values()) == {"holdout"}


def test_a_schedule_that_ends_before_it_begins_never_runs():
    assert failing(offer(starts_at=NOW, ends_at=NOW), here()) == "schedule"
    assert failing(offer(starts_at=EARLIER, ends_at=EARLIER - timedelta(hours=1)), here()) == "schedule"


# --- chances and buckets ---


@given(st.lists(st.integers(1, 100), min_size=1, max_size=8), st.integers(0, 2**32))
def test_shares_of_the_draw_follow_the_weights(weights, seed):
    some = [offer(weight=weight) for weight in weights]
    chance, number = random.Random(seed), 2000
    board = Board(replace(campaign, placement="hero") for campaign in some)
    drawn = Counter(decision.choose(board, here(), chance.random).chosen[0].campaign.id for _ in range(number))
    for campaign in some:
        share = campaign.weight / sum(weights)
        allowed = 6 * (number * share * (1 - share)) ** 0.5 + 1  # six standard deviations of the binomial
        assert abs(drawn[campaign.id] - number * share) <= allowed


@pytest.mark.parametrize(("point", "index"), [(0.0, 0), (0.24999, 0), (0.25, 1), (0.99999, 1)])
def test_the_ranges_of_the_draw_are_half_open(point, index):
    some = [offer(weight=1, placement="hero"), offer(weight=3, placement="hero")]
    assert winners(choose(some, here(), lambda: point)) == [some[index]]


@pytest.mark.parametrize(
    ("salt", "unit", "expected"),
    [
        ("summer", "22222222-2222-4222-8222-222222222222", 92),
        ("summer", "11111111-1111-4111-8111-111111111111", 2490),
        ("winter", "22222222-2222-4222-8222-222222222222", 1315),
        ("", "", 8957),
    ],
)
def test_buckets_stay_what_they_are(salt, unit, expected):
    assert bucket(salt, unit) == expected


def test_two_salts_are_independent():
    both = Counter((bucket("one", str(n)) < 5000, bucket("two", str(n)) < 5000) for n in range(20_000))
    assert all(abs(number - 5000) < 6 * (20_000 * 0.25 * 0.75) ** 0.5 for number in both.values())


def test_a_person_keeps_the_variant_and_shares_follow_the_weights():
    campaign = offer(creatives=(creative("A", 30), creative("B", 10)))
    units = [str(n) for n in range(8000)]
    first = [variant(campaign, unit).name for unit in units]
    assert first == [variant(replace(campaign), unit).name for unit in units]
    assert abs(first.count("A") - 6000) < 6 * (8000 * 0.75 * 0.25) ** 0.5
