import random
import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adserver.decision import MAX_ELEMENTS, Campaign, bucket, choose, failing, matches, variant, weighted
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


def winners(found):
    return [choice.campaign for choice in found[0]]


def verdicts(found):
    return {verdict.campaign.id: verdict.reason for verdict in found[1]}


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
    assert not any(failing(campaign, here()) for campaign in winners(found))


@given(campaigns(), st.randoms(use_true_random=False))
def test_each_campaign_gets_one_verdict_and_only_winners_have_no_reason(some, chance):
    found = choose(some, here(), chance.random)
    assert [verdict.campaign for verdict in found[1]] == some
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
    for campaign, reason in found[1]:
        if not failing(campaign, here()) and campaign.placement and reason != "label":
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


def test_where_the_label_is_taken_the_next_tier_shows():
    hero, footer = offer(placement="a", tier=1, label="sale"), offer(placement="b", tier=1, label="sale")
    house = offer(placement="b", tier=9)
    assert winners(choose([hero, footer, house], here(), random.random)) == [hero, house]


def test_at_most_thirty_are_answered_and_the_rest_says_limit():
    some = [offer() for _ in range(MAX_ELEMENTS + 5)]
    found = choose(some, here(), random.random)
    assert len(found[0]) == MAX_ELEMENTS
    assert Counter(verdicts(found).values()) == {"": MAX_ELEMENTS, "limit": 5}


def test_data_comes_by_weight_within_its_tier():
    light, heavy = offer(weight=1), offer(weight=100)
    assert winners(choose([light, heavy], here(), random.random)) == [heavy, light]


# --- chances and buckets ---


@given(st.lists(st.integers(1, 100), min_size=1, max_size=8), st.integers(0, 2**32))
def test_shares_of_the_draw_follow_the_weights(weights, seed):
    some = [offer(weight=weight) for weight in weights]
    chance, number = random.Random(seed), 2000
    drawn = Counter(weighted(some, chance.random()).id for _ in range(number))
    for campaign in some:
        share = campaign.weight / sum(weights)
        allowed = 6 * (number * share * (1 - share)) ** 0.5 + 1  # six standard deviations of the binomial
        assert abs(drawn[campaign.id] - number * share) <= allowed


@pytest.mark.parametrize(("point", "index"), [(0.0, 0), (0.24999, 0), (0.25, 1), (0.99999, 1)])
def test_the_ranges_of_the_draw_are_half_open(point, index):
    some = [offer(weight=1), offer(weight=3)]
    assert weighted(some, point) is some[index]


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
