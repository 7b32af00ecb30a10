"""A rule as one statement over people: whom it asks, segments, samples, and when to look again."""

from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID, uuid4

import pytest

from cdp.levels import PROFILES
from cdp.models import Device, Link, Profile
from dmp.models import Membership, Segment
from dmp.segments.compile.sources import of_account, of_keys
from dmp.segments.levels import VISITORS
from tests.dmp.segments.crowd import DAY, HOUR, MINUTE, NOW, Crowd, did
from tests.dmp.segments.examples import EXAMPLES


@pytest.fixture
def crowd(account):
    return Crowd(account)


NOBODYS_PAST = {"not_tr", "never_bought"}
"""Rules that hold for a person of whom nothing is known."""


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_design_examples_are_answered_for_a_stranger(crowd, name):
    crowd.references = {"vip": (1, 1), "staff": (2, 0)}
    stranger = UUID(int=0x4000_8000_0000_0000_0000)  # its sample with the salt q3 is not below 10 %
    assert crowd.holds(EXAMPLES[name], visitor_id=stranger) is (name in NOBODYS_PAST)


# Segments and samples


@pytest.mark.parametrize(
    ("pin", "by_rule", "expected"),
    [(None, True, True), (None, False, False), ("in", False, True), ("out", True, False)],
)
def test_a_pin_beats_the_rule_of_a_named_segment(crowd, pin, by_rule, expected):
    segment = Segment.objects.get(account=crowd.account, name="VIP")
    crowd.references = {"vip": (segment.pk, 7)}
    key = crowd.add()
    fixed = {"person": key, "segment": segment, "account": crowd.account, "level": "visitor", "entered_at": NOW - DAY}
    Membership.objects.create(**fixed, by_rule=by_rule, revision=7)
    if pin:
        Membership.objects.create(**fixed, pinned=pin)
    assert crowd.ask({"segment": "vip"})[key][0] is expected


def test_a_sample_is_the_hash_of_salt_and_bucket(crowd):
    ids = [uuid4() for _ in range(30)]
    keys = {crowd.add(visitor_id=id): id for id in ids}
    drawn = {key: int.from_bytes(sha256(f"q3:{id}".encode()).digest()[:8]) % 10_000 < 4_000 for key, id in keys.items()}
    assert {
        key: member for key, (member, _) in crowd.ask({"sample": {"from": 0, "to": 40, "salt": "q3"}}).items()
    } == drawn


# When to look again


def test_at_least_one_is_looked_at_when_the_newest_event_leaves(crowd):
    rule = {"event": "pageView", "within": "7d"}
    assert crowd.next(rule, *(did("pageView", n * DAY) for n in (1, 3, 5))) == NOW + 6 * DAY


def test_at_least_two_are_looked_at_when_the_first_leaves(crowd):
    rule = {"event": "pageView", "within": "7d", "count": {"gte": 2}}
    assert crowd.next(rule, *(did("pageView", n * DAY) for n in (1, 3, 5))) == NOW + 2 * DAY
    assert crowd.next(rule, did("pageView", DAY)) is None


def test_what_can_never_change_by_time_is_not_looked_at_again(crowd):
    assert crowd.next({"event": "pageView"}, did("pageView")) is None
    assert crowd.next({"not": {"event": "pageView", "within": "7d"}}) is None


SPENT = {"event": "purchase", "within": "7d", "sum": {"property": "orderTotal", "gte": 100}}


def test_a_sum_that_is_not_reached_is_not_looked_at_when_a_purchase_leaves(crowd):
    assert crowd.next(SPENT, did("purchase", DAY, orderTotal=50)) is None


def test_a_sum_is_looked_at_when_a_refund_leaves(crowd):
    refunded = did("purchase", DAY, orderTotal=120), did("purchase", 3 * DAY, orderTotal=-50)
    assert crowd.next(SPENT, *refunded) == NOW + 4 * DAY


def test_few_enough_stay_few_enough_while_events_only_leave(crowd):
    rule = {"event": "pageView", "within": "7d", "count": {"lt": 3}}
    assert crowd.next(rule, did("pageView")) is None
    assert crowd.next(rule, *(did("pageView", n * DAY) for n in (1, 2, 3))) == NOW + 4 * DAY


def test_a_sequence_that_lacks_a_step_is_looked_at_with_the_next_event_only(crowd):
    rule = {"sequence": [{"event": "productView"}, {"event": "purchase", "within": "1d"}], "within": "7d"}
    assert crowd.next(rule, did("productView", DAY)) is None
    assert crowd.next(rule, did("productView", HOUR), did("purchase", -HOUR)) == NOW + HOUR


def test_an_anniversary_is_looked_at_when_its_day_comes_near_and_when_it_is_over(crowd):
    rule = {"attribute": "birthDate", "anniversary": "7d"}
    near = datetime(2026, 3, 19, 21, tzinfo=UTC)  # 20 March in Istanbul
    assert crowd.next(rule, attributes={"birthDate": ["1990-03-20"]}) == near - 7 * DAY
    assert crowd.next(rule, attributes={"birthDate": ["1990-03-01"]}) == datetime(2026, 3, 1, 21, tzinfo=UTC)


def test_a_value_that_does_not_fit_does_not_ripen(crowd):
    assert crowd.next({"attribute": "plan", "eq": "trial", "for": "14d"}, attributes={"plan": ["pro"]}) is None


def test_all_waits_for_the_last_of_its_false_parts(crowd):
    late = {"not": {"event": "purchase", "within": "7d"}}
    later = {"not": {"event": "purchase", "within": "9d"}}
    assert crowd.next({"all": [late, later]}, did("purchase", DAY)) == NOW + 8 * DAY


def test_any_does_not_look_again_while_a_part_stays_true(crowd):
    assert crowd.next({"any": [{"event": "purchase", "within": "7d"}, {"event": "purchase"}]}, did("purchase")) is None


# Whom to ask


def test_a_build_leaves_out_who_is_not_in_and_never_will_be_by_time(crowd):
    buyer, _ = crowd.add(did("purchase")), crowd.add()
    assert list(crowd.ask({"event": "purchase"}, everyone=False)) == [buyer]


def test_people_are_asked_by_account_by_range_and_by_key(crowd, new_account):
    keys = sorted(crowd.add(did("purchase")) for _ in range(4))
    Crowd(new_account("another")).add(did("purchase"))
    rule, id = {"event": "purchase"}, crowd.account.pk
    assert sorted(crowd.ask(rule)) == keys
    assert sorted(crowd.ask(rule, of_account(VISITORS, id, keys[1], keys[3]))) == keys[1:3]
    assert list(crowd.ask(rule, of_keys(VISITORS, keys[2:3]))) == keys[2:3]


# Profiles


@pytest.fixture
def profile(crowd):
    """A profile that had two devices: the first from 10 days ago until 5 days ago, the other since 8 days ago."""

    def make(first, second):
        key = Profile.objects.create(key=uuid4(), account=crowd.account, created_at=NOW, name="x").key
        for visitor, since, until in ((first, 10, 5), (second, 8, None)):
            Device.objects.create(profile=key, visitor=visitor, identifier=uuid4(), open=not until, linked_at=NOW)
            Link.objects.create(visitor=visitor, since=NOW - since * DAY, profile=key)
            if until:
                Link.objects.create(visitor=visitor, since=NOW - until * DAY, profile=None)
        return key

    return make


def test_a_profile_did_what_its_devices_did_while_they_were_its_own(crowd, profile):
    first = crowd.add(did("purchase", 11 * DAY), did("purchase", 10 * DAY), did("purchase", 5 * DAY))
    key = profile(first, crowd.add(did("purchase", 8 * DAY), did("purchase", DAY)))
    rule = {"event": "purchase", "count": {"eq": 3}}
    for source in (of_account(PROFILES, crowd.account.pk), of_keys(PROFILES, [key])):
        assert crowd.ask(rule, source) == {key: (True, None)}


def test_a_profiles_session_runs_over_all_its_devices(crowd, profile):
    rule = {"event": "pageView", "within": "session", "count": {"eq": 2}}
    first = crowd.add(did("pageView", 5 * DAY + MINUTE))
    key = profile(crowd.add(), crowd.add(did("pageView", 40 * MINUTE), did("pageView", 20 * MINUTE)))
    assert first != key
    assert crowd.ask(rule, of_keys(PROFILES, [key]))[key][0]


def test_a_profiles_device_is_that_of_the_newest_event_of_those_linked_still(crowd, profile):
    first = crowd.add(did("pageView", HOUR), last_seen=NOW - HOUR, device="desktop")
    key = profile(first, crowd.add(did("pageView", DAY), last_seen=NOW - DAY, device="mobile"))
    assert crowd.ask({"attribute": "$device", "eq": "mobile"}, of_account(PROFILES, crowd.account.pk))[key][0]


def test_a_value_that_looks_like_a_parameter_is_a_value(crowd):
    key = crowd.add(did("productView", brand="%(now)s"))
    rule = {"event": "productView", "where": {"property": "brand", "eq": "%(now)s"}}
    assert crowd.ask(rule)[key][0] is True
    assert crowd.ask({"event": "productView", "where": {"property": "brand", "eq": "%(person)s"}})[key][0] is False


def test_what_an_index_holds_is_asked_in_pieces_that_hold_everybody_once(crowd):
    bought = [crowd.add(did("purchase", orderTotal=60)) for _ in range(40)]
    crowd.add(did("purchase", 40 * DAY, orderTotal=60))
    recent, lapsed = (
        {"event": "purchase", "within": "30d"},
        {"event": "purchase", "within": {"from": "90d", "to": "30d"}},
    )
    assert sorted(crowd.ask(recent, everyone=False)) == sorted(bought)
    assert [member for member, _ in crowd.ask({"all": [lapsed, {"not": recent}]}, everyone=False).values()].count(
        True
    ) == 1
