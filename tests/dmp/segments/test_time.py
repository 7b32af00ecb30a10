"""The next check is never late: until then no passing of time changes the answer, of either executor."""

import os
from datetime import timedelta
from random import Random

import pytest

from dmp.models import Segment
from dmp.segments import reading
from dmp.segments.active import Reference
from dmp.segments.compile import ask
from dmp.segments.evaluate import computed as evaluate_computed
from dmp.segments.evaluate import prepare
from dmp.segments.parse import parse
from dmp.segments.refresh import memberships
from tests.dmp.segments.population import STEPS, Rules, instants, make_people, vocabulary
from tests.dmp.segments.test_differential import EVERYTHING, sources

FIRST = int(os.environ.get("DIFFERENTIAL_SEED", 0))
RULES = int(os.environ.get("DIFFERENTIAL_RULES", 40))
LENGTHS = [*STEPS, timedelta(minutes=1), timedelta(days=10), timedelta(days=60)]


def late_checks(seed, account, rules=RULES):
    """Of random rules and people those whose answer changes before the next check, of either executor."""
    random = Random(seed)
    known = vocabulary(random)
    now = instants(random, known.zone)
    segments = {name: Segment.objects.create(account=account, name=name, revision=number)
                for name, number in (("vip", 1001), ("staff", None))}  # fmt: skip
    keys = make_people(random, account, 12, now, segments)
    references = {name: Reference(row.pk, row.revision or 0) for name, row in segments.items()}
    people = reading.read({"visitor": keys}, EVERYTHING, known.zone)
    maker = Rules(random, now)
    known = maker.with_computed(known)
    for _ in range(rules):
        raw = maker.make()
        rule = parse(raw, known)
        one = prepare(rule)
        by_set, calm = (
            {person: at for person, _, at in ask(rule, source, references, known.zone, now, everyone=True)}
            for source in sources(keys, people, now)
        )
        for person in people:
            person.facts.segments = memberships(references, person)
            member, by_one = one(person.facts, now)
            changed = next(
                (at for at in checked(random, person, now) if one(person.facts, at).member is not member), None
            )
            answers = {"one": by_one, "set": by_set[person.key]} | (
                {"settled": calm[person.key]} if person.key in calm else {}
            )
            for name, next_check_at in answers.items():
                assert next_check_at is None or next_check_at > now
                if changed is not None and (next_check_at is None or next_check_at > changed):
                    yield f"{name}: {raw}\n{now} {changed} {next_check_at}\n{person.facts}"


@pytest.mark.parametrize("seed", range(FIRST, FIRST + 4))
def test_no_answer_changes_before_its_next_check(seed, account):
    for late in late_checks(seed, account):
        pytest.fail(late)


def test_a_bound_that_the_time_since_an_event_passes_unseen_is_found(account, monkeypatch):
    with monkeypatch.context() as fault:
        fault.setattr(evaluate_computed, "lengths", lambda wanted: ())
        assert next(late_checks(1, account, 1000), None)


def checked(random, person, now):
    """Instants after now at which anything may happen."""
    times = [now, *(event.time for event in person.facts.events), *person.facts.segments.values()]
    times += [held.changed for held in person.facts.attributes.values() if held.changed]
    found = {at + length for at in times for length in LENGTHS}
    zone = person.facts.zone
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    found |= {(midnight + timedelta(days=n)).astimezone(now.tzinfo) for n in (1, 2, 3, 7, 8, 30, 31, 62)}
    later = sorted(at for at in found if at > now)
    return sorted(random.sample(later, min(len(later), 25)))
