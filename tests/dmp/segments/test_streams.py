"""Random rules that serve, and a stream of events through the API under a moved clock: at each read all people are
exactly where the rules say."""

import os
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
import time_machine

from accounts import clock, snapshot
from accounts.models import Attribute
from cdp.models import Identifier
from dmp import partitions
from dmp.keys import visitor_key
from dmp.models import EventType, Property, Segment
from dmp.segments import reading
from dmp.segments.active import active
from dmp.segments.build import build_now
from dmp.segments.operands import RuleError
from dmp.segments.parse import parse
from dmp.segments.refresh import memberships
from dmp.segments.vocabulary import vocabulary
from tests.dmp.segments.population import STEPS, Rules, event, instants
from tests.dmp.segments.test_differential import EVERYTHING
from tests.shops import BOT

FIRST = int(os.environ.get("DIFFERENTIAL_SEED", 0))
RULES, EVENTS = int(os.environ.get("DIFFERENTIAL_RULES", 30)), 25
LOOSE = {"addToCart": {"sku": "text", "price": "number", "size": "number", "gift": "boolean", "due": "date"}}
FIELDS = {"order_total": "orderTotal", "purchased_items": "purchasedItems"}
PEOPLE = [str(UUID(int=number, version=4)) for number in range(4)]
NAMES = [None, None, "ann@example.com", "bob@example.com"]


@pytest.fixture
def known(shop):
    """The account can take the events that the rules name."""
    for code, properties in {**LOOSE, "signUp": {"size": "text"}}.items():
        type_ = EventType.objects.create(account=shop.account, code=code)
        Property.objects.bulk_create(Property(event_type=type_, name=n, type=t) for n, t in properties.items())
        if code == "addToCart":
            Property.objects.create(event_type=type_, name="tags", many=True)
    more = {"birthDate": "date", "plan": "text"}
    Attribute.objects.bulk_create(Attribute(account=shop.account, name=n, type=t) for n, t in more.items())
    Segment.objects.create(account=shop.account, name="staff")


def ahead():
    """The month of now is there: a test's transaction cannot be repeated where it is missing."""
    if clock.now() > max(partition.end for partition, _ in partitions.stored()):
        partitions.ensure(clock.now())


def serve(shop, random, now):
    """Segments with random rules, one of them named by others."""
    maker = Rules(random, now)
    save(shop, "vip", {"event": "purchase", "within": "3d"})
    snapshot.clear()
    known, made = vocabulary(snapshot.configuration(shop.account.pk)), 1
    while made < RULES:
        raw = maker.make()
        try:
            parse(raw, known)
        except RuleError:  # names what this account has not
            continue
        save(shop, f"s{made}", raw)
        made += 1
    build_now(shop.account.pk)
    snapshot.clear()


def save(shop, name, rule):
    Segment.objects.create(account=shop.account, name=name, rule=rule)


def sent(shop, random):
    """The body of a random event, as an SDK sends it, and its User-Agent."""
    made = event(random)
    while made["event"].startswith("$"):
        made = event(random)
    properties = made.pop("properties") or {}
    body = {FIELDS.get(name, name): value for name, value in (*made.items(), *properties.items()) if value is not None}
    body |= {name: float(body[name]) for name in ("price", "orderTotal") if name in body}
    if body["event"] == "productView":
        body.setdefault("sku", "a")
    if body["event"] == "purchase":
        body = {"orderTotal": 0, **body, "orderId": str(random.getrandbits(64))}
    visitor = random.randrange(len(PEOPLE))
    named = {"profileId": NAMES[visitor]} if NAMES[visitor] and random.random() < 0.5 else {}
    return shop.event(visitorId=PEOPLE[visitor], **named, **{"code": body.pop("event")}, **body), random.choice(
        ("", "", "", BOT)
    )


def wrong(shop, inside):
    """The segments in which somebody is told to be though the rule does not hold, or the other way round."""
    configuration = snapshot.configuration(shop.account.pk)
    revisions = active.of(configuration).revisions
    named = {segment.pk: segment.name for segment in Segment.objects.filter(account=shop.account)}
    everybody = [("visitor", name, visitor_key(shop.account.pk, UUID(name))) for name in PEOPLE]
    everybody += [("profile", one.value, one.profile) for one in Identifier.objects.filter(account=shop.account)]
    for level, name, key in everybody:
        told, now = set(inside(level, name)), clock.now()
        people = reading.read({level: [key]}, EVERYTHING, configuration.zone)
        for person, revision in ((person, revision) for person in people for revision in revisions):
            person.facts.segments = memberships(revision.references, person)
            person.facts.zone = revision.zone
            if revision.ask(person.facts, now).member is not (named[revision.segment] in told):
                yield named[revision.segment], name, revision.rule, person.facts, now


@pytest.mark.parametrize("seed", range(FIRST, FIRST + 4))
def test_at_each_read_people_are_where_the_rules_say(seed, known, shop, api):
    random = Random(seed)
    start = instants(random, shop.account.zone)

    def inside(level, name):
        body = {"account": shop.id, "token": shop.full, f"{level}Id": name, "segments": ["*"]}
        return api(f"/{level}s/query", body)[1].get("segments", [])

    with time_machine.travel(start, tick=False) as traveller:
        serve(shop, random, start)
        taken = 0
        for _ in range(EVENTS):
            traveller.shift(random.choice(STEPS) + timedelta(seconds=1))
            ahead()
            body, agent = sent(shop, random)
            status, answer = api("/campaigns/query", body, HTTP_USER_AGENT=agent)
            taken += status == 200
            assert status in (200, 400), answer  # a value of a wrong type is refused
            assert next(wrong(shop, inside), None) is None
            traveller.shift(random.choice(STEPS))
            assert next(wrong(shop, inside), None) is None
    assert taken > EVENTS / 3
