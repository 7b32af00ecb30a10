"""Who takes a campaign's place, told at save and over time."""

from datetime import timedelta

import pytest

from accounts.clock import now
from adserver.campaigns import problems
from adserver.models import Campaign, CampaignReason, CampaignStat, Creative
from adserver.rivals import unshown
from dmp.models import Segment
from tests.adserver.offers import make_campaign, make_placement

DAY = timedelta(days=1)


@pytest.fixture
def place(account):
    return make_placement(account)


@pytest.fixture
def beaten(account, place):
    """Gives the problems of a campaign of tier 5 beside a better one with `fields`."""

    def beaten(own=None, **fields):
        make_campaign(account, "better", placement=place, **{"tier": 2, **fields})
        return problems(make_campaign(account, "mine", placement=place, tier=5, **(own or {})))

    return beaten


def test_who_is_always_behind_another_is_told_of_it(beaten):
    [problem] = beaten()
    assert "“better” of tier 2 is shown in “home-hero” wherever this one fits; only who closed “better”" in problem
    assert "tier 2 or a smaller one" in problem


def test_one_that_comes_back_at_once_leaves_nobody(beaten):
    assert "wherever this one fits. Give" in beaten(dismiss_days=0)[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"tier": 5},
        {"status": "paused"},
        {"cap": 3},
        {"stop_after": "click"},
        {"holdout_percent": 10},
        {"goal": "impressions", "amount": 5},
        {"daily_cap": 5},
        {"label": "sale"},
        {"devices": ["mobile"]},
        {"paths": ["/women*"]},
        {"exclude_paths": ["/women*"]},
        {"conditions": {"property": "price", "gte": 50}},
        {"ends_at": now() + DAY},
        {"starts_at": now() + DAY},
    ],
    ids="-".join,
)
def test_one_that_leaves_it_somebody_is_none(fields, beaten):
    assert beaten(**fields) == []


@pytest.mark.parametrize(
    ("own", "fields"),
    [
        ({"devices": ["mobile"]}, {"devices": ["mobile", "tablet"]}),
        ({"paths": ["/women/shoes*"]}, {"paths": ["/men*", "/women*"]}),
        ({"exclude_paths": ["/women*"]}, {"exclude_paths": ["/women/shoes*"]}),
        ({"ends_at": now() + DAY}, {"ends_at": now() + 2 * DAY, "starts_at": now() - DAY}),
    ],
    ids="-".join,
)
def test_one_that_is_wider_leaves_nobody(own, fields, beaten):
    assert beaten(own, **fields)


@pytest.mark.parametrize(("theirs", "told"), [("Buyers", True), ("Leavers", False)])
def test_segments_are_compared(theirs, told, account, place):
    found = {
        name: Segment.objects.create(account=account, name=name, rule={"event": name}) for name in ("Buyers", "Leavers")
    }
    Segment.objects.update(status="building")
    mine, other = (
        make_campaign(account, slug, placement=place, tier=tier) for slug, tier in (("mine", 5), ("other", 1))
    )
    mine.segments.add(found["Buyers"])
    other.segments.add(found[theirs])
    assert bool(problems(mine)) is told


def test_a_better_one_that_cannot_show_itself_takes_nothing(account, place):
    make_campaign(account, "better", placement=place, tier=1)
    Creative.objects.update(active=False)
    assert problems(make_campaign(account, "mine", placement=place)) == []


def reason(campaign: Campaign, reason: str, count: int) -> None:
    CampaignReason.objects.create(
        account=campaign.account, campaign=campaign, hour=now() - DAY, reason=reason, count=count
    )


def test_one_that_fitted_and_never_came_tells_who_came(account, place):
    mine, other = (
        make_campaign(account, slug, placement=place, tier=tier) for slug, tier in (("mine", 5), ("other", 1))
    )
    CampaignStat.objects.create(account=account, campaign=other, hour=now() - DAY, placement=place.pk, served=9)
    reason(mine, "tier", 9)
    reason(mine, "segment", 500)
    assert unshown(mine, now()).startswith(
        "In the last 7 days it fitted 9 times and was never shown: each time a campaign of a better tier was shown"
        " there (“other” of tier 1). Give it a tier"
    )


def test_one_that_was_shown_once_or_fitted_nobody_says_nothing(account, place):
    mine = make_campaign(account, "mine", placement=place)
    reason(mine, "segment", 500)
    assert unshown(mine, now()) == ""
    reason(mine, "tier", 9)
    CampaignStat.objects.create(account=account, campaign=mine, hour=now() - DAY, placement=place.pk, served=1)
    assert unshown(mine, now()) == ""
