"""The two executors, one of a person in Python and one of a set of people in SQL, agree on everybody."""

import os
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from dmp import partitions
from dmp.models import Segment
from dmp.segments import reading, rules
from dmp.segments.active import Reference, Revision
from dmp.segments.compile import ask
from dmp.segments.compile import computed as compile_computed
from dmp.segments.compile import values as compile_values
from dmp.segments.compile.sources import of_keys
from dmp.segments.evaluate import computed as evaluate_computed
from dmp.segments.evaluate import prepare, windows
from dmp.segments.evaluate.needs import needs
from dmp.segments.levels import VISITORS
from dmp.segments.parse import parse
from dmp.segments.reading import Wanted
from dmp.segments.refresh import memberships
from dmp.segments.rules import only_gains
from tests.dmp.segments.population import Rules, instants, make_people, vocabulary

SEEDS = range(int(os.environ.get("DIFFERENTIAL_SEED", 0)), int(os.environ.get("DIFFERENTIAL_SEED", 0)) + 6)
RULES = int(os.environ.get("DIFFERENTIAL_RULES", 60))
PEOPLE = int(os.environ.get("DIFFERENTIAL_PEOPLE", 40))
EVERYTHING = Wanted([], True, reading.NAMES, True, reading.EPOCH)


def population(seed, account):
    """(random, vocabulary, now, keys of people, references to segments)."""
    random = Random(seed)
    known = vocabulary(random)
    now = instants(random, known.zone)
    segments = {name: Segment.objects.create(account=account, name=name, revision=number)
                for name, number in (("vip", 1001), ("staff", None))}  # fmt: skip
    keys = make_people(random, account, PEOPLE, now, segments)
    return random, known, now, keys, {name: Reference(row.pk, row.revision or 0) for name, row in segments.items()}


def sources(keys, people, now):
    """Everybody, and those of whom nothing lies ahead, as a build asks them."""
    ahead = {person.key for person in people if any(event.time > now for event in person.facts.events)}
    calm = of_keys(VISITORS, [key for key in keys if key not in ahead])
    oldest = {**calm.values, "oldest": partitions.EARLIEST}
    return of_keys(VISITORS, keys), replace(calm, settled=True, values=oldest)


def differences(seed, account, number):
    """Rules on which the executors differ, with the people concerned."""
    random, known, now, keys, references = population(seed, account)
    people = reading.read({"visitor": keys}, EVERYTHING, known.zone)
    for person in people:
        person.facts.segments = memberships(references, person)
    everybody, calm = sources(keys, people, now)
    maker = Rules(random, now)
    known = maker.with_computed(known)
    found = []
    for _ in range(number):
        raw = maker.make()
        rule = parse(raw, known)
        one = prepare(rule)
        wrong = []
        for source in (everybody, calm):
            rows = ask(rule, source, references, known.zone, now, everyone=True)
            by_set = {person: member for person, member, _ in rows}
            wrong += [p for p in people if p.key in by_set and one(p.facts, now).member is not by_set[p.key]]
        if wrong:
            found.append((raw, known.zone.key, now, wrong))
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_a_build_leaves_out_nobody_who_is_in_or_can_come_in(seed, account):
    random, known, now, keys, references = population(seed, account)
    both = sources(keys, reading.read({"visitor": keys}, EVERYTHING, known.zone), now)
    maker = Rules(random, now)
    known = maker.with_computed(known)
    for _ in range(RULES):
        rule = parse(raw := maker.make(), known)
        for source in both:
            everybody = ask(rule, source, references, known.zone, now, everyone=True)
            built = ask(rule, source, references, known.zone, now)
            assert sorted(built) == sorted(row for row in everybody if row[1] or row[2]), (raw, known.zone.key, now)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_executors_agree_on_random_rules_and_people(seed, account):
    for raw, zone, now, wrong in differences(seed, account, RULES):
        person = wrong[0]
        pytest.fail(f"{raw}\n{zone} {now}\n{person.key}\n{person.facts}")


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_read_of_a_person_for_a_rule_decides_as_all_of_it_does(seed, account):
    random, known, now, keys, references = population(seed, account)
    whole = {person.key: person.facts for person in reading.read({"visitor": keys}, EVERYTHING, known.zone)}
    maker = Rules(random, now)
    known = maker.with_computed(known)
    for _ in range(RULES):
        rule = parse(raw := maker.make(), known)
        revision = Revision(1, 1, 0, True, rule, known.zone, references, prepare(rule), needs(rule), False)
        asked = reading.planned((revision,)).wanted(now)._replace(segments=None)
        told = asked._replace(columns=reading.NAMES, loose=True)
        read = (reading.read({"visitor": keys}, one, known.zone) for one in (asked, told))
        both = (sorted(some, key=lambda person: person.key) for some in read)  # they come in any order
        for person, same in zip(*both, strict=True):
            assert person.key == same.key
            facts = whole[person.key]
            facts.segments = person.facts.segments = same.facts.segments = memberships(references, person)
            outcome = revision.ask(person.facts, now)
            assert outcome == revision.ask(same.facts, now), (raw, known.zone.key, now)
            assert outcome.member is revision.ask(facts, now).member, (raw, known.zone.key, now)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_more_event_ends_no_membership_of_what_only_gains(seed, account):
    random, known, now, keys, references = population(seed, account)
    people = reading.read({"visitor": keys}, EVERYTHING, known.zone)
    maker = Rules(random, now)
    checked = 0
    for _ in range(10 * RULES):
        if not only_gains(rule := parse(raw := maker.make(), known)):
            continue
        one = prepare(rule)
        for person in people:
            person.facts.segments = memberships(references, person)
            if not (events := person.facts.events):
                continue
            new = random.choice(events)
            before = one(replace(person.facts, events=[event for event in events if event is not new]), now)
            if before.member:
                last = (before.next_check_at or now + timedelta(days=400)) - timedelta(microseconds=1)
                after = one(person.facts, now).member, one(person.facts, last).member
                assert after == (True, True), (raw, known.zone.key, now)
                checked += any(rules.event_leaves(rule))
    assert checked > 10


def test_a_fault_planted_in_either_executor_is_found(account, monkeypatch):
    with monkeypatch.context() as fault:
        fault.setitem(compile_values.SIGNS, "gte", ">")
        assert differences(1, account, 100)


def test_a_fault_planted_in_the_other_is_found(account, monkeypatch):
    with monkeypatch.context() as fault:
        fault.setattr(windows, "SESSION_GAP", timedelta(minutes=31))
        assert differences(1, account, 500)


def test_a_fault_planted_in_computed_attributes_of_either_is_found(account, monkeypatch):
    with monkeypatch.context() as fault:
        fault.setitem(compile_computed.LISTS, "mostFrequent", compile_computed.LISTS["last"])
        assert differences(1, account, 400)


def test_a_fault_planted_in_those_of_the_other_is_found(account, monkeypatch):
    with monkeypatch.context() as fault:
        fault.setitem(evaluate_computed.TAKE, "mostFrequent", evaluate_computed.TAKE["first"])
        assert differences(1, account, 400)
