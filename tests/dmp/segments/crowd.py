"""Visitors put into the tables as a test needs them, and what a rule as a statement says of them."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from dmp.keys import visitor_key
from dmp.models import Event, Visitor
from dmp.segments.compile import ask
from dmp.segments.compile.sources import of_account, settled
from dmp.segments.levels import VISITORS
from dmp.segments.parse import parse
from tests.dmp.segments.vocabularies import shop

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TICK = timedelta(microseconds=1)
COLUMNS = {"orderTotal": "order_total", "purchasedItems": "purchased_items"}
OWN = ("sku", "price", "brand", "category", "breadcrumb", "path", "order_total", "purchased_items", "bot")


class Crowd:
    """Visitors of an account, and what a rule says of them."""

    def __init__(self, account):
        self.account = account
        self.now = NOW
        self.zone = "Europe/Istanbul"
        self.references = {}

    def add(self, *events, attributes=None, changed=NOW, **fields):
        """A visitor who did `events`; gives its key."""
        id = fields.setdefault("visitor_id", uuid4())
        key = visitor_key(self.account.pk, id)
        told = {name: {"values": values, "at": str(NOW), "changed": changed.isoformat(), "source": "test"}
                for name, values in (attributes or {}).items()}  # fmt: skip
        fields.setdefault("first_seen", min((event.time for event in events), default=None))
        Visitor.objects.create(account=self.account, key=key, created_at=NOW - 90 * DAY, attributes=told, **fields)
        for event in events:
            event.visitor, event.account = key, self.account
        Event.objects.bulk_create(events)
        return key

    def ask(self, rule, source=None, **more):
        known = shop(self.zone)
        source = source or settled(of_account(VISITORS, self.account.pk), self.now)
        rows = ask(parse(rule, known), source, self.references, known.zone, self.now, **{"everyone": True, **more})
        return {person: (member, at) for person, member, at in rows}

    def holds(self, rule, *events, **fields):
        key = self.add(*events, **fields)
        return self.ask(rule)[key][0]

    def next(self, rule, *events, **fields):
        key = self.add(*events, **fields)
        return self.ask(rule)[key][1]


def did(code, ago=HOUR, **values):
    """An event so long before NOW, or at a time."""
    at = ago if isinstance(ago, datetime) else NOW - ago
    named = {COLUMNS.get(name, name): value for name, value in values.items()}
    own = {name: value for name, value in named.items() if name in OWN}
    loose = {name: value for name, value in named.items() if name not in OWN}
    return Event(id=uuid4(), event=code, time=at, properties=loose or None, **own)
