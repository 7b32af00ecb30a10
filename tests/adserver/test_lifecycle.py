import pytest

from accounts.clock import now
from adserver import lifecycle
from adserver.models import Campaign, CampaignChange, CampaignStat, Creative
from dmp.models import Segment
from tests.adserver.offers import make_campaign


def counted(campaign):
    CampaignStat.objects.create(account=campaign.account, campaign=campaign, hour=now(), served=1)
    return campaign


def test_history_tells_what_was_changed(account):
    campaign = make_campaign(account)
    before = lifecycle.state_of(campaign)
    Campaign.objects.update(tier=2)
    Creative.objects.update(weight=3)
    campaign.segments.add(Segment.objects.create(account=account, name="Berlin"))
    lifecycle.note(campaign, before, None)
    changes = CampaignChange.objects.get().changes
    assert changes.keys() == {"tier", "segments", "creative A"}
    assert (changes["tier"], changes["segments"]) == ([5, 2], [[], ["Berlin"]])


def test_saving_the_same_is_no_history(account):
    campaign = make_campaign(account, starts_at=now())
    lifecycle.note(campaign, lifecycle.state_of(campaign), None)
    assert not CampaignChange.objects.exists()


def test_a_creative_that_is_gone_is_told(account):
    campaign = make_campaign(account)
    before = lifecycle.state_of(campaign)
    campaign.creatives.all().delete()
    lifecycle.note(campaign, before, None)
    assert CampaignChange.objects.get().changes["creative A"][1] is None


def test_a_draft_without_counts_may_be_deleted(account):
    assert lifecycle.may_delete(make_campaign(account, status="draft"))


@pytest.mark.parametrize("status", ["live", "paused", "archived"])
def test_what_was_more_than_a_draft_may_not(status, account):
    assert not lifecycle.may_delete(make_campaign(account, status=status))


def test_a_draft_with_counts_may_not(account):
    campaign = counted(make_campaign(account, status="draft"))
    assert not lifecycle.may_delete(campaign)
    assert lifecycle.slug_is_fixed(campaign)


@pytest.mark.parametrize(("before", "after"), [("live", "draft"), ("paused", "draft"), ("archived", "live")])
def test_some_ways_between_states_are_closed(before, after):
    assert "becomes" in (lifecycle.status_problem(before, after) or "")


@pytest.mark.parametrize("after", ["draft", "paused"])
def test_an_archived_one_comes_back_as_draft_or_paused(after):
    assert lifecycle.status_problem("archived", after) is None


def test_a_copy_is_a_draft_with_everything_but_the_salt_and_the_slug(account):
    campaign = make_campaign(account, tier=2, cap=3)
    campaign.segments.add(Segment.objects.create(account=account, name="Berlin"))
    copy = lifecycle.duplicate(campaign, None)
    assert (copy.status, copy.slug, copy.name) == ("draft", "summer-2", "Copy of summer")
    assert copy.salt != campaign.salt
    same = {"status", "slug", "name"}
    before, after = lifecycle.state_of(campaign), lifecycle.state_of(copy)
    assert {name for name in before if before[name] != after[name]} == same
    assert Creative.objects.count() == 2


def test_copies_of_copies_find_a_free_slug(account):
    campaign = make_campaign(account, "s" * 64)
    slugs = {lifecycle.duplicate(campaign, None).slug for _ in range(2)}
    assert slugs == {f"{'s' * 56}-2", f"{'s' * 56}-3"}


def test_history_tells_fields_as_the_form_calls_them(account):
    change = CampaignChange(
        changes={
            "holdout_percent": [0, 10],
            "exclude_segments": [["Staff"], []],
            "stop_after": ["none", "click"],
            "conditions": [None, {"property": "price", "gte": 50}],
            "ends_at": [None, "2026-11-28T21:30:00+00:00"],
            "segments": [[], ["Staff", "VIP"]],
            "creative A": [{"name": "A", "link": ""}, {"name": "A", "link": "https://shop.example/sale"}],
            "gone": ["a", None],
        }
    )
    assert lifecycle.told(change) == [
        ("Held out (%)", "0", "10"),
        ("But not in", "Staff", "–"),
        ("Stop for somebody after", "nothing: go on", "a click"),
        ("And only if", "–", '{"property": "price", "gte": 50}'),
        ("Ends at", "–", "28 Nov 2026 21:30"),
        ("Segments", "–", "Staff, VIP"),
        ("Creative A: link", "–", "https://shop.example/sale"),
        ("Gone", "a", "–"),
    ]
