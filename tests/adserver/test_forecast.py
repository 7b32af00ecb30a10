"""What a campaign would reach, from what happened."""

import math
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4

import pytest

from accounts import snapshot
from adserver import forecast as module
from adserver.forecast import Range, estimate, forecast
from adserver.models import CampaignReason, CampaignStat, Mark
from dmp.keys import visitor_key
from dmp.models import Event, MembershipChange, Segment, Visitor
from tests.adserver.offers import make_campaign, make_placement

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
PEOPLE, DAYS = 40, 10


@pytest.fixture
def visited(account):
    """40 visitors, each with a page view on each of ten days."""
    visitors, events = [], []
    for _ in range(PEOPLE):
        id = uuid4()
        key = visitor_key(account.pk, id)
        times = [NOW - timedelta(days=n, hours=1) for n in range(DAYS)]
        visitors.append(
            Visitor(
                account=account, key=key, visitor_id=id, created_at=times[-1], first_seen=times[-1], last_seen=times[0]
            )
        )
        events += [
            Event(visitor=key, account=account, id=uuid4(), time=at, event="pageView", device="mobile", path="/")
            for at in times
        ]
    Visitor.objects.bulk_create(visitors)
    Event.objects.bulk_create(events)
    return visitors


def told(account, **fields):
    campaign = make_campaign(account, "new", status="draft", **fields)
    return forecast(snapshot.newer(snapshot.configuration(account.pk)), campaign, NOW)


def test_who_fits_is_counted_and_each_answer_of_theirs(account, visited):
    found = told(account)
    assert (found.visitors, found.asked, found.people.likely) == (PEOPLE, PEOPLE, PEOPLE)
    assert found.served.likely == pytest.approx(PEOPLE * DAYS / 14)
    assert sum(number for _, number in found.by_day) == PEOPLE * DAYS
    assert len(found.by_day) == 15  # two weeks from noon to noon


@pytest.mark.parametrize(
    ("fields", "answers"),
    [
        ({"devices": ["desktop"]}, 0),
        ({"events": ["productView"]}, 0),
        ({"cap": 3, "cap_hours": 24 * 30}, 3),
        ({"conditions": {"property": "path", "eq": "/"}}, DAYS),
        ({"starts_at": NOW + timedelta(days=3)}, DAYS),
    ],
)
def test_its_fields_are_asked_but_its_schedule(fields, answers, account, visited):
    assert told(account, **fields).served.likely == pytest.approx(PEOPLE * answers / 14)


def test_a_better_tier_in_its_placement_takes_its_place(account, visited):
    place = make_placement(account)
    make_campaign(account, "better", placement=place, tier=1)
    assert told(account, placement=place, tier=5).served.likely == 0


def test_a_rival_of_its_tier_takes_about_half(account, visited):
    place = make_placement(account)
    make_campaign(account, "rival", placement=place)
    assert 0.35 < told(account, placement=place).served.likely * 14 / (PEOPLE * DAYS) < 0.65


def test_a_rival_that_does_not_run_now_takes_nothing(account, visited):
    place = make_placement(account)
    make_campaign(account, "over", placement=place, tier=1, ends_at=NOW - timedelta(days=1))
    assert told(account, placement=place).people.likely == PEOPLE


def test_who_was_in_a_segment_for_a_while_is_counted_then(account, visited):
    segment = Segment.objects.create(account=account, name="Right now")
    campaign = make_campaign(account, "new", status="draft")
    campaign.segments.add(segment)
    own = {"person": visited[0].key, "segment": segment, "account": account, "level": "visitor", "cause": "event"}
    for days, entered in ((3, True), (1, False)):
        MembershipChange.objects.create(**own, entered=entered, at=NOW - timedelta(days=days, hours=1))
    found = forecast(snapshot.newer(snapshot.configuration(account.pk)), campaign, NOW)
    assert found.served.likely * 14 == pytest.approx(2)


def test_segments_are_those_of_now_where_nobody_moved(account, visited):
    segment = Segment.objects.create(account=account, name="Some")
    campaign = make_campaign(account, "new", status="draft")
    campaign.segments.add(segment)
    Visitor.objects.filter(key__in=[row.key for row in visited[:10]]).update(pins_in=[segment.pk])
    found = forecast(snapshot.newer(snapshot.configuration(account.pk)), campaign, NOW)
    assert found.people.likely == 10


def test_the_share_that_is_really_shown_is_taken_off(account, visited):
    other = make_campaign(account, "old", status="paused")
    CampaignStat.objects.create(account=account, campaign=other, hour=NOW, served=1000, impressions=250)
    found = told(account)
    assert found.impressions.likely == pytest.approx(found.served.likely / 4, rel=0.2)


def test_a_cap_counts_what_is_shown_not_what_is_answered(account, visited):
    other = make_campaign(account, "old", status="paused")
    CampaignStat.objects.create(account=account, campaign=other, hour=NOW, served=1000, impressions=500)
    found = told(account, cap=3, cap_hours=24 * 30)
    assert found.impressions.likely > 2.8 * PEOPLE / 14
    assert found.served.likely > 1.6 * found.impressions.likely


def test_who_clicked_is_not_shown_it_again_where_it_stops_then(account, visited):
    other = make_campaign(account, "old", status="paused")
    CampaignStat.objects.create(account=account, campaign=other, hour=NOW, served=1000, impressions=1000, clicks=500)
    assert told(account, stop_after="click").served.likely < 3 * PEOPLE / 14


def test_what_is_shown_a_day_is_no_more_than_the_daily_cap(account, visited):
    assert told(account, daily_cap=5).impressions == (5, 5, 5)


def test_of_a_sample_it_tells_of_all(account, visited, monkeypatch):
    monkeypatch.setattr(module, "SAMPLE", 30)
    found = told(account)
    assert (found.asked, found.visitors, found.people.likely) == (30, PEOPLE, PEOPLE)


def test_of_too_few_people_nothing_is_told(account):
    assert told(account) is None


def test_nothing_is_counted_by_it(account, visited):
    told(account, holdout_percent=50)
    assert not (CampaignStat.objects.exists())
    assert not (CampaignReason.objects.exists())
    assert not (Mark.objects.exists())


def test_a_range_holds_what_comes_in_about_95_of_100_cases():
    random = Random(5)
    held = 0
    for _ in range(300):
        rates = [random.expovariate(1) for _ in range(2000)]
        seen = [drawn(random, rate) for rate in rates[:400]]
        later = sum(drawn(random, rate) for rate in rates)
        found = estimate(seen, len(rates))
        held += found.low <= later <= found.high
    assert 0.92 < held / 300 <= 1


def drawn(random, rate):
    """A Poisson number."""
    limit, count, product = math.exp(-rate), 0, random.random()
    while product > limit:
        count += 1
        product *= random.random()
    return count


def test_the_days_to_a_goal_are_a_range():
    found = module.Forecast(1, 1, Range(1, 1, 1), Range(10, 5, 20), Range(10, 5, 20), [], None)
    assert found.days_to(100) == (10, 5, 20)
    assert found._replace(impressions=Range(0, 0, 0)).days_to(100) is None
