"""Identity rules 1 to 5, 10 and 11."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import Problem
from accounts.models import Attribute
from cdp import identity, links
from cdp.models import Device, Identifier, Link, Profile
from dmp.models import Event, Visitor
from tests.api.threads import together
from tests.cdp import people
from tests.cdp.people import DAY, Said, everything, import_all, owner, profile, request, visitor
from tests.shops import make_account

HOUR = timedelta(hours=1)
ON_DATABASE = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def shop_of(account):
    return people.configuration_of(account)


@pytest.fixture
def say(account, shop_of):
    """`say(hour, device, who)`: a request of that hour."""
    return lambda hour, device=1, who="": request(shop_of, account, Said(hour, device, who))


@pytest.fixture
def links_of(account):
    return lambda device=1: people.links(account, device)


# --- 1: links follow from the assertions, whatever their order ---

said = st.builds(
    Said,
    hour=st.integers(0, 6),
    device=st.integers(1, 2),
    who=st.sampled_from(["", "", "ann", "bob", "cid@x.example"]),
)
histories = st.lists(said, max_size=10)


@pytest.mark.parametrize("keep_links", [True, False])
@pytest.mark.parametrize("link_history", [True, False])
@given(some=histories, chance=st.randoms(use_true_random=False), batch=st.integers(1, 5))
@ON_DATABASE
def test_out_of_order_is_as_good_as_in_order(keep_links, link_history, some, chance, batch, db):
    options = {"keep_links": keep_links, "link_history": link_history}
    ordered, shuffled = make_account("ordered"), make_account("shuffled")
    first, second = (people.configuration_of(each, **options) for each in (ordered, shuffled))
    for each in sorted(some, key=lambda said: said.time):
        request(first, ordered, each)
    mixed = chance.sample(some, len(some))
    for start in range(0, len(mixed), batch):
        import_all(second, shuffled, mixed[start : start + batch])
    if not tied(some):  # which of two profiles of one instant counts is decided by their keys: accounts differ
        assert everything(shuffled) == everything(ordered)


def tied(some):
    said = {}
    for each in some:
        said.setdefault((each.device, each.hour), set()).add(each.who)
    return any(len(whos) > 1 for whos in said.values())


@given(some=histories, chance=st.randoms(use_true_random=False), batch=st.integers(1, 5))
@ON_DATABASE
def test_several_profiles_of_one_instant_come_in_one_order(some, chance, batch, account):
    """In one account, as keys decide: its people are forgotten in between."""
    found = []
    shop = people.configuration_of(account, keep_links=False)
    for _ in range(2):
        for model in (Event, Visitor, Link, Device):
            model.objects.filter(**({} if model in (Link, Device) else {"account": account})).delete()
        mixed = chance.sample(some, len(some))
        for start in range(0, len(mixed), batch):
            import_all(shop, account, mixed[start : start + batch])
        found.append(everything(account))
    assert found[0] == found[1]


def test_the_same_event_again_asserts_nothing(account, shop_of):
    event = people.event_of(account, Said(1, 1, "ann"))
    names = {event.identifier: people.name(account.pk, "ann")}
    for _ in range(2):
        identity.record_and_identify(shop_of, [event], names, DAY)
    later = people.event_of(account, Said(2, 1, "bob"))
    identity.record_and_identify(shop_of, [later], {later.identifier: people.name(account.pk, "bob")}, DAY)
    before = everything(account)
    identity.record_and_identify(shop_of, [event], names, DAY)
    assert everything(account) == before
    assert Event.objects.count() == 2


def test_an_identical_event_says_it_again_only_once(say, links_of):
    for hour in range(5):
        say(hour, who="ann")
    assert links_of() == [(None, "ann")]


def test_a_bot_links_nothing(account, shop_of):
    event = people.event_of(account, Said(1, 1, "ann"))
    event.bot, event.identifier = True, None
    request(shop_of, account, Said(0, 1))
    identity.record_and_identify(shop_of, [event], {}, DAY)
    assert owner(account, 1) is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(5))
@pytest.mark.parametrize("hours", [(1, 2), (2, 1)])
def test_two_first_events_at_once_leave_the_later_one_linked(hours, attempt, account, shop_of):
    one, other = Said(hours[0], 1, "ann"), Said(hours[1], 1, "bob")
    together([lambda: request(shop_of, account, one), lambda: request(shop_of, account, other)])
    first, second = ("ann", "bob") if hours == (1, 2) else ("bob", "ann")
    assert people.links(account, 1) == [(None, first), (2, second)]
    assert owner(account, 1) == second


# --- 3: an unlinked visitor names a profile ---


def test_the_anonymous_history_becomes_the_profiles(account, say, links_of):
    say(1)
    say(2, who="ann")
    assert links_of() == [(None, "ann")]
    assert owner(account, 1) == "ann"


def test_it_does_not_where_the_account_says_so(account, say, links_of):
    shop = people.configuration_of(account, link_history=False)
    request(shop, account, Said(1, 1))
    request(shop, account, Said(2, 1, "ann"))
    assert links_of() == [(2, "ann")]


def test_an_earlier_word_arriving_late_starts_the_link_earlier(account, links_of):
    shop = people.configuration_of(account, link_history=False)
    request(shop, account, Said(5, 1, "ann"))
    import_all(shop, account, [Said(1, 1, "ann")])
    assert links_of() == [(1, "ann")]


def test_values_that_the_profile_lacks_come_from_the_visitor(account, api, shop, say):
    say(1)
    post_visitor(api, shop, {"country": "TR", "gender": "f"})
    api("/profiles/attributes", shop.profile(profileId="ann", attributes={"gender": "x"}))
    say(2, who="ann")
    attributes = profile(account, "ann").attributes
    assert attributes["country"]["values"] == ["TR"]
    assert attributes["country"]["source"] == f"visitor:{visitor(account, 1).key}"
    assert attributes["gender"]["values"] == ["x"]


def test_they_go_back_with_the_history(account, api, shop, shop_of, say):
    say(2)
    post_visitor(api, shop, {"country": "TR"})
    say(3, who="ann")
    import_all(shop_of, account, [Said(1, 1, "bob")])
    assert profile(account, "ann").attributes == {}
    assert profile(account, "bob").attributes["country"]["values"] == ["TR"]


def test_what_the_profile_wrote_itself_stays(account, api, shop, shop_of, say):
    say(2)
    post_visitor(api, shop, {"country": "TR"})
    say(3, who="ann")
    api("/profiles/attributes", shop.profile(profileId="ann", attributes={"country": "DE"}))
    import_all(shop_of, account, [Said(1, 1, "bob")])
    assert profile(account, "ann").attributes["country"]["values"] == ["DE"]


def post_visitor(api, shop, values):
    status, answer = api("/visitors/attributes", shop.visitor(visitorId=str(people.device_id(1)), attributes=values))
    assert (status, answer["errors"]) == (200, [])


# --- 4 and 5: handed over, and silent ---


def test_another_person_takes_the_device(account, say, links_of):
    say(1, who="ann")
    say(2, who="bob")
    assert links_of() == [(None, "ann"), (2, "bob")]
    assert owner(account, 1) == "bob"
    assert profile(account, "ann").merged_into is None
    assert profile(account, "ann").key != profile(account, "bob").key


def test_the_first_person_takes_it_back(say, links_of):
    for hour, who in enumerate(["ann", "bob", "ann"]):
        say(hour, who=who)
    assert links_of() == [(None, "ann"), (1, "bob"), (2, "ann")]


def test_the_devices_of_both_stay_known(account, say):
    say(1, who="ann")
    say(2, who="bob")
    assert everything(account)["devices"] == [("ann", 1, False), ("bob", 1, True)]


def test_both_have_the_bucket_of_their_first_device(account, say):
    say(1, who="ann")
    say(2, who="bob")
    say(3, device=2, who="bob")
    assert profile(account, "ann").bucket == profile(account, "bob").bucket == people.device_id(1)


def test_a_silent_event_keeps_the_link(account, say, links_of):
    say(1, who="ann")
    say(2)
    assert owner(account, 1) == "ann"
    assert links_of() == [(None, "ann")]


def test_a_silent_event_is_a_logout_where_the_account_says_so(account):
    shop = people.configuration_of(account, keep_links=False)
    for hour, who in enumerate(["ann", "", "", "ann"]):
        request(shop, account, Said(hour, 1, who))
    assert people.links(account, 1) == [(None, "ann"), (1, None), (3, "ann")]


# --- 10: limits ---


@pytest.fixture
def few_devices(monkeypatch):
    monkeypatch.setattr(links, "MAX_DEVICES", 3)


def test_the_limit_of_devices_is_a_hundred():
    assert (links.MAX_DEVICES, identity.MAX_NEW_DEVICES, identity.NEW_DEVICES_WINDOW) == (100, 25, HOUR)


def test_one_more_device_closes_the_idle_one(account, say, few_devices):
    for device in (1, 2, 3):
        say(device * 2, device, "ann")
    say(10, 1)
    say(12, 4, "ann")
    assert [owner(account, device) for device in (1, 2, 3, 4)] == ["ann", None, "ann", "ann"]
    assert people.links(account, 2) == [(None, "ann"), (12, None)]
    assert Device.objects.filter(open=True).count() == 3


def test_a_closed_device_comes_back_when_it_says_so(account, say, few_devices):
    for device in (1, 2, 3, 4):
        say(device * 2, device, "ann")
    say(20, 1, "ann")
    assert [owner(account, device) for device in (1, 2, 3, 4)] == ["ann", None, "ann", "ann"]


def test_an_import_of_more_devices_keeps_those_seen_last(account, shop_of, few_devices):
    import_all(shop_of, account, [Said(device, device, "ann") for device in (5, 1, 4, 2, 3)], now=DAY + 9 * HOUR)
    assert sorted(people.everything(account)["open"]) == [3, 4, 5]


def test_the_hundred_and_first_device_closes_one(account, shop_of):
    import_all(shop_of, account, [Said(device / 100, device, "ann") for device in range(100)])
    request(shop_of, account, Said(5, 100, "ann"))
    assert sorted(everything(account)["open"]) == list(range(1, 101))


def add(account, shop_of, type, value):
    row = profile(account, "ann")
    return identity.add_identifiers(shop_of, row.key, {type: [value]}, DAY)


def test_a_profile_has_one_user_id_and_five_emails(account, say):
    Attribute.objects.create(account=account, name="login", identifier="userId")
    shop_of = people.configuration_of(account)
    say(1, who="ann")
    assert [problem.code for problem in add(account, shop_of, "login", "ann-2")] == ["too_many"]
    for number in range(5):
        assert add(account, shop_of, "email", f"ann{number}@x.example") == []
    [problem] = add(account, shop_of, "email", "ann5@x.example")
    assert isinstance(problem, Problem)
    assert problem.code == "too_many"
    assert Identifier.objects.filter(profile=profile(account, "ann").key).count() == 6


def test_an_identifier_of_another_profile_is_not_taken(account, shop_of, say):
    say(1, who="ann")
    say(1, 2, "bob@x.example")
    assert [problem.code for problem in add(account, shop_of, "email", "BOB@x.example")] == ["conflict"]


def test_an_added_identifier_names_the_profile(account, shop_of, say):
    say(1, who="ann")
    add(account, shop_of, "email", "Ann@X.example")
    say(2, 2, "ann@x.example")
    assert owner(account, 2) == "ann"


# --- 11: crowds ---


def crowd(shop_of, account, number, start=0.0):
    for device in range(number):
        request(shop_of, account, Said(start + device / 1000, device, "shared"))


def test_the_26th_device_within_an_hour_stops_linking_and_its_event_stays(account, shop_of):
    crowd(shop_of, account, 27)
    assert Event.objects.count() == 27
    assert sorted(everything(account)["open"]) == list(range(25))
    assert Identifier.objects.get().blocked_at is not None


def test_those_linked_before_stay_linked(account, shop_of):
    crowd(shop_of, account, 26)
    request(shop_of, account, Said(2, 3, "shared"))
    request(shop_of, account, Said(3, 99, "shared"))
    assert owner(account, 3) == "shared"
    assert owner(account, 99) is None


def test_more_devices_over_more_hours_are_fine(account, shop_of):
    crowd(shop_of, account, 25)
    request(shop_of, account, Said(1.1, 50, "shared"))
    assert owner(account, 50) == "shared"


def test_the_same_devices_again_are_no_crowd(account, shop_of):
    crowd(shop_of, account, 25)
    crowd(shop_of, account, 25, start=0.5)
    assert Identifier.objects.get().blocked_at is None


def test_an_import_is_no_crowd(account, shop_of):
    import_all(shop_of, account, [Said(0, device, "shared") for device in range(60)])
    request(shop_of, account, Said(0.5, 61, "shared"))
    assert owner(account, 61) == "shared"


def test_an_import_does_not_link_by_what_stopped_linking(account, shop_of):
    crowd(shop_of, account, 26)
    import_all(shop_of, account, [Said(2, 99, "shared")])
    assert owner(account, 99) is None
    assert Event.objects.get(visitor=visitor(account, 99).key).identifier is None


# --- accounts apart ---


def test_two_accounts_never_share_a_person(account, shop_of, say):
    other = make_account("other")
    say(1, who="ann")
    request(people.configuration_of(other), other, Said(1, 1, "ann"))
    assert Profile.objects.filter(name="ann").count() == 2
    assert Visitor.objects.filter(visitor_id=people.device_id(1)).count() == 2
