"""Many people whose time comes at the same instant: a statement for each rule says what evaluating each one would."""

from datetime import timedelta
from uuid import UUID

import pytest
import time_machine

from accounts import clock
from dmp.models import Event, Membership, MembershipChange, Segment, Visitor
from dmp.segments import clock as timers
from dmp.segments.build import build_now

START = clock.now().replace(microsecond=0)
RULES = {
    "viewed": {"event": "productView", "within": "30d"},
    "often": {"event": "productView", "within": "30d", "count": {"gte": 2}},
    "gone": {"all": [{"event": "productView"}, {"not": {"event": "productView", "within": "30d"}}]},
    "fans": {"segment": "viewed"},
    "loyal": {"segment": "viewed", "for": "30d"},
    "lost": {"not": {"any": [{"segment": "fans"}, {"segment": "often"}]}},
    "bought": {"event": "purchase", "within": "90d"},
}


def visitor(number):
    return str(UUID(int=number + (1 << 100), version=4))


@pytest.fixture
def told(api, shop, monkeypatch):
    """What is stored of everybody and told in history after a month, evaluated from so many people on by statements."""

    def run(crowd):
        monkeypatch.setattr(timers, "CROWD", crowd)
        with time_machine.travel(START, tick=False) as at:
            for name, rule in RULES.items():
                Segment.objects.update_or_create(account=shop.account, name=name, defaults={"rule": rule})
            build_now(shop.account.pk)
            for number in range(12):
                for _ in range(1 + number % 3):
                    api("/campaigns/query", shop.event("productView", sku="S", visitorId=visitor(number)))
            at.move_to(START + timedelta(days=3))
            for number in range(0, 12, 4):
                api("/campaigns/query", shop.event("productView", sku="S", visitorId=visitor(number)))
            for day in (30, 33, 64):
                at.move_to(START + timedelta(days=day))
                while timers.tick():
                    pass
        names = dict(Segment.objects.values_list("pk", "name"))
        rows = Membership.objects.values_list("person", "segment", "by_rule", "entered_at", "left_at", "next_check_at")
        changes = MembershipChange.objects.values_list("person", "segment", "entered", "at__date", "cause")
        people = Visitor.objects.values_list("key", "due_at")
        stored = [
            sorted((row[0], names[row[1]], *map(str, row[2:])) for row in rows),
            sorted((row[0], names[row[1]], *map(str, row[2:])) for row in changes),
            sorted((key, str(due_at)) for key, due_at in people),
        ]
        for model in (Membership, MembershipChange, Event, Visitor, Segment):
            model.objects.all().delete()
        return stored

    return run


def test_a_crowd_is_told_the_same_as_one_by_one(told):
    together = told(1)
    assert any("clock" in row for row in together[1])
    assert told(10_000) == together
