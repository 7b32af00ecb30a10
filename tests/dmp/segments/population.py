"""Random rules and random people with hostile shapes: ties in time, missing and several values, refunds, values of a
wrong type, sessions across midnight, zones with daylight saving, events that are still to come."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from accounts.models import Account
from dmp.computed import AGGREGATES, KINDS, NEED_NO_PROPERTY, STANDARD
from dmp.keys import visitor_key
from dmp.models import Event, Membership, Segment, Visitor
from dmp.segments.parse import parse_computed
from dmp.segments.vocabulary import AttributeType, Vocabulary
from tests.dmp.segments.vocabularies import shop

ZONES = ("Europe/Istanbul", "Europe/Berlin", "America/Havana", "Asia/Beirut", "Pacific/Apia", "UTC")
SKUS = ("a", "b", "c")
TEXTS = ("Nike", "nike air", "İstanbul", "ıslak", "100%", "a_b", "a\\b", "ẞtraße", "")
DAY = timedelta(days=1)
STEPS = [timedelta(0), timedelta(microseconds=1), timedelta(minutes=1), timedelta(minutes=29, seconds=59),
         timedelta(minutes=30), timedelta(hours=1), timedelta(hours=5), DAY, 3 * DAY, 7 * DAY, 30 * DAY]  # fmt: skip
DURATIONS = ("1m", "30m", "1h", "5h", "1d", "3d", "7d", "10d", "30d", "60d")


def vocabulary(random: Random) -> Vocabulary:
    return shop(random.choice(ZONES))


# People


def events_of(random: Random, now: datetime) -> list[dict[str, Any]]:
    found = []
    ahead = (timedelta(0), timedelta(minutes=10), timedelta(hours=2), 9 * DAY)
    past = (-timedelta(minutes=5), -timedelta(minutes=30), -DAY)
    at = now + random.choice((*ahead, *past))
    for _ in range(random.choice((0, 1, 2, 4, 8, 15))):
        found.append({"time": at, **event(random)})
        at -= random.choice(STEPS)
    return found


def event(random: Random) -> dict[str, Any]:
    code = random.choice(
        ("pageView", "productView", "productView", "purchase", "addToCart", "addToCart", "signUp", "$click")
    )
    found: dict[str, Any] = {"event": code, "device": random.choice(("mobile", "desktop")), "properties": None}
    if random.random() < 0.5:
        found["path"] = random.choice(("/", "/checkout", "/checkout/pay", "/Shoes"))
    if code in ("productView", "addToCart"):
        found["sku"] = random.choice((*SKUS, None))
        found["price"] = random.choice((None, Decimal("0.1"), Decimal("0.2"), Decimal("50"), Decimal("99.999999")))
    if code == "productView":
        found["brand"] = random.choice((*TEXTS[:5], None))
        found["category"] = random.choice(("shoes", "hats", None))
    if code == "purchase":
        found["order_total"] = random.choice(
            (None, Decimal("-20"), Decimal("20"), Decimal("33.333333"), Decimal("100"))
        )
        found["purchased_items"] = random.choice((None, [], ["a"], ["a", "b", "b"]))
    if code in ("addToCart", "signUp"):
        loose = {
            "size": random.choice((None, 1, 2, 2.5, "L", True)),
            "tags": random.choice((None, [], ["x"], ["x", "y"], "x", [1, "y"])),
            "gift": random.choice((None, True, False, "true")),
            "due": random.choice((None, "2026-03-01", "2026-02-28", "2026-02-30", "1999-12-31")),
        }
        found["properties"] = {name: value for name, value in loose.items() if value is not None} or None
    return found


def attributes(random: Random, now: datetime) -> dict[str, Any]:
    changed = (now - random.choice((timedelta(0), *STEPS))).isoformat()
    chosen = {
        "country": random.choice((None, ["tr"], ["de"], ["tr", "de"], [])),
        "favoriteBrands": random.choice((None, ["Nike"], ["Nike", "adidas"], list(TEXTS))),
        "age": random.choice((None, [17], [18], [64.5], [10, 70])),
        "birthDate": random.choice((None, ["2000-02-29"], [str((now + random.choice(STEPS)).date())], ["1980-12-31"])),
        "plan": random.choice((None, ["trial"], ["pro"], [])),
        "consent.ads": random.choice((None, [True], [False])),
    }
    return {
        name: {"values": values, "at": changed, "changed": changed, "source": "test"}
        for name, values in chosen.items()
        if values is not None
    }


def make_people(
    random: Random, account: Account, count: int, now: datetime, segments: dict[str, Segment]
) -> list[UUID]:
    """Writes people with their events, attributes and memberships; gives their keys."""
    visitors, events, memberships = [], [], []
    for number in range(count):
        visitor_id = UUID(int=random.getrandbits(128), version=4)
        key = visitor_key(account.pk, visitor_id)
        mine = events_of(random, now)
        times = [event["time"] for event in mine if not event["event"].startswith("$")]
        newest = max(mine, key=lambda event: event["time"], default={})
        visitors.append(Visitor(
            key=key, account=account, visitor_id=visitor_id, created_at=now - DAY,
            attributes=attributes(random, now), first_seen=min((e["time"] for e in mine), default=None),
            last_seen=max(times, default=None), device=newest.get("device"),
            profile=random.choice((None, key)),
        ))  # fmt: skip
        for n, event in enumerate(mine):
            events.append(Event(visitor=key, id=UUID(int=number * 1000 + n), account=account, **event))
        for segment in segments.values():
            who = {"person": key, "segment": segment, "account": account, "level": "visitor"}
            entered = now - random.choice(STEPS)
            if random.random() < 0.25:
                memberships.append(Membership(**who, pinned=random.choice(("in", "out")), entered_at=entered))
            if segment.revision and random.random() < 0.4:
                by_rule = random.random() < 0.7
                memberships.append(Membership(**who, by_rule=by_rule, entered_at=entered, revision=segment.revision))
    Visitor.objects.bulk_create(visitors)
    Event.objects.bulk_create(events)
    Membership.objects.bulk_create(memberships)
    return sorted(visitor.key for visitor in visitors)


# Rules


class Rules:
    """`make()` gives a random rule of the language as JSON."""

    def __init__(self, random: Random, now: datetime) -> None:
        self.random = random
        self.now = now

    def choice(self, *items: Any) -> Any:
        return self.random.choice(items)

    computed: ClassVar[dict[str, tuple[dict[str, Any], str]]] = {}
    """Computed attributes with their types."""

    def with_computed(self, known: Vocabulary) -> Vocabulary:
        """Makes some computed attributes of each kind, for rules to name; gives the words with them."""
        found = {f"{kind}{n}": self.definition(kind) for kind in KINDS for n in range(3)}
        found |= {name: {"standard": name} for name in STANDARD}
        self.computed = {name: (raw, parse_computed(raw, known).type) for name, raw in found.items()}
        types = {name: AttributeType(type, False, raw) for name, (raw, type) in self.computed.items()}
        return replace(known, attributes={**known.attributes, **types})

    def definition(self, kind: str) -> dict[str, Any]:
        numeric = [code for code in PROPERTIES if numbers_of(code)]
        code = self.random.choice(numeric if kind in AGGREGATES else tuple(PROPERTIES))
        node: dict[str, Any] = {"as": kind, "event": list(code) if isinstance(code, tuple) else code}
        if kind not in NEED_NO_PROPERTY:
            node["property"] = self.random.choice(numbers_of(code) if kind in AGGREGATES else PROPERTIES[code])
        if self.random.random() < 0.4:
            node["where"] = self.where(code)
        if self.random.random() < 0.6:
            node["within"] = self.window()
        return {**node, "limit": self.choice(1, 2, 10)} if kind == "lastList" else node

    def of_events(self) -> dict[str, Any]:
        """A condition on a computed attribute."""
        name = self.random.choice(tuple(self.computed))
        raw, type = self.computed[name]
        if raw.get("as") == "timeSinceLast":
            return {"attribute": name, **self.numeric(*(self.random.choice(STEPS).total_seconds() for _ in range(2)))}
        if type == "number":
            return {"attribute": name, **self.numeric(0, 1, 2, 20, 50, 33.333333)}
        if type == "boolean":
            return {"attribute": name, **self.choice({"eq": True}, {"ne": False}, {"exists": True})}
        if type == "date":
            return {"attribute": name, **self.dates()}
        if type == "datetime":
            return {
                "attribute": name,
                **self.choice({"last": self.duration()}, {"lt": self.now.isoformat()}, {"exists": False}),
            }
        return {"attribute": name, **self.texts(*SKUS, "x", "shoes", "Nike", "/checkout")}

    def make(self, depth: int = 3) -> dict[str, Any]:
        if depth > 1 and self.random.random() < 0.4:
            kind = self.choice("all", "any", "not")
            if kind == "not":
                return {"not": self.make(depth - 1)}
            return {kind: [self.make(depth - 1) for _ in range(self.choice(1, 2, 3))]}
        kinds = ["attribute", "event", "event", "event", "sequence", "segment", "sample"]
        return getattr(self, self.choice(*kinds, *(["of_events"] * 3 if self.computed else [])))()

    def duration(self) -> str:
        return str(self.random.choice(DURATIONS))

    def numbers(self, *values: Any) -> dict[str, Any]:
        ops = self.random.sample(("eq", "ne", "gt", "gte", "lt", "lte"), self.choice(1, 1, 2))
        return {op: self.random.choice(values) for op in ops}

    def attribute(self) -> dict[str, Any]:
        name, tests = self.choice(
            ("country", self.texts("tr", "de", "T")),
            ("favoriteBrands", self.texts(*TEXTS)),
            ("age", self.numeric(17, 18, 64.5, 70)),
            ("birthDate", self.dates()),
            ("plan", self.texts("trial", "pro")),
            ("consent.ads", self.choice({"eq": True}, {"ne": True}, {"exists": False}, {"in": [False]})),
            ("$device", self.texts("mobile", "desktop")),
            ("$known", {"eq": self.choice(True, False)}),
            ("$lastSeen", self.choice({"last": self.duration()}, {"exists": True}, {"lt": self.now.isoformat()})),
        )
        waits = not name.startswith("$") and self.random.random() < 0.3
        return {"attribute": name, **tests, **({"for": self.duration()} if waits else {})}

    def texts(self, *values: str) -> dict[str, Any]:
        some = self.random.sample(values, self.choice(1, min(2, len(values))))
        return self.choice(
            {"eq": some[0]}, {"ne": some[0]}, {"in": some}, {"nin": some}, {"hasAll": some},
            {"contains": some[0].upper()[:3]}, {"startsWith": some[0][:2]}, {"endsWith": some[0][-2:]},
            {"matches": self.choice("^[a-n]", "i", "(?i)NIKE", "^$", "%|_")}, {"exists": self.choice(True, False)},
            {"size": self.numbers(0, 1, 2)}, {"contains": "i", "ne": some[0]},
        )  # fmt: skip

    def numeric(self, *values: Any) -> dict[str, Any]:
        return self.choice(
            self.numbers(*values), {"in": list(values)}, {"nin": [values[0]]}, {"exists": False},
            {"size": {"gte": 2}}, {"gte": values[0], "ne": values[-1]}, {"hasAll": [values[0]]},
        )  # fmt: skip

    def dates(self) -> dict[str, Any]:
        day = str((self.now - self.random.choice(STEPS)).date())
        return self.choice(
            {"last": self.duration()}, {"next": self.duration()}, {"anniversary": self.duration()},
            {"eq": day}, {"gte": day}, {"lt": day, "gt": "1990-01-01"}, {"exists": True}, {"nin": [day]},
        )  # fmt: skip

    def where(self, code: Any, depth: int = 2) -> dict[str, Any]:
        if depth and self.random.random() < 0.3:
            kind = self.choice("all", "any", "not")
            if kind == "not":
                return {"not": self.where(code, depth - 1)}
            return {kind: [self.where(code, depth - 1) for _ in range(self.choice(1, 2))]}
        name = self.random.choice(PROPERTIES[code])
        return {"property": name, **self.tests(name)}

    def tests(self, name: str) -> dict[str, Any]:
        if name in ("price", "orderTotal", "size"):
            return self.numeric(*{"price": (0.1, 0.2, 50), "orderTotal": (-20, 20, 100), "size": (1, 2.5, 2)}[name])
        if name == "gift":
            return self.choice({"eq": True}, {"ne": False}, {"exists": True})
        if name == "due":
            return self.dates()
        return self.texts(*{"path": ("/checkout", "/"), "device": ("mobile",)}.get(name, (*SKUS, "x", "shoes", "Nike")))

    def window(self) -> Any:
        day = [self.now - self.random.choice(STEPS) for _ in range(2)]
        after, before = min(day), max(day) + timedelta(seconds=1)
        return self.choice(
            self.duration(), self.duration(), self.duration(), {"from": "30d", "to": "1d"}, {"to": "5h"},
            {"from": "3d"},
            {"after": after.isoformat()}, {"before": before.isoformat()},
            {"after": after.isoformat(), "before": before.isoformat()}, "session",
            {"calendar": self.choice("day", "week", "month", "year"), "offset": self.choice(0, 0, -1, -2)},
        )  # fmt: skip

    def event(self) -> dict[str, Any]:
        code = self.random.choice(tuple(PROPERTIES))
        node: dict[str, Any] = {"event": list(code) if isinstance(code, tuple) else code}
        if self.random.random() < 0.4:
            node["where"] = self.where(code)
        if self.random.random() < 0.8:
            node["within"] = self.window()
        return {**node, **self.measure(code)}

    def measure(self, code: Any) -> dict[str, Any]:
        name = self.random.choice(PROPERTIES[code])
        numeric = numbers_of(code)
        kind = self.choice("none", "count", "count", "unique", "period", "edge", "number")
        if kind == "count":
            return {"count": self.numbers(0, 1, 2, 3)}
        if kind == "unique":
            return {"unique": {"property": name, **self.numbers(0, 1, 2)}}
        if kind == "period":
            return {"unique": {"period": self.choice("day", "week", "month"), **self.numbers(0, 1, 2)}}
        if kind == "edge":
            return {self.choice("first", "last"): {"property": name, **self.tests(name)}}
        if kind == "number" and numeric:
            function = self.choice("sum", "avg", "min", "max")
            return {function: {"property": numeric[0], **self.numbers(0, 0.15, 20, 33.333333, 50)}}
        return {}

    def sequence(self) -> dict[str, Any]:
        steps: list[dict[str, Any]] = []
        count = self.choice(2, 2, 3, 4)
        same = self.random.random() < 0.3
        for index in range(count):
            code = self.choice("productView", "addToCart") if same else self.random.choice(tuple(PROPERTIES))
            step: dict[str, Any] = {"event": list(code) if isinstance(code, tuple) else code}
            if self.random.random() < 0.3:
                step["where"] = self.where(code)
            if index and self.random.random() < 0.6:
                step["within"] = self.duration()
            if index == count - 1 and self.random.random() < 0.4:
                step["absent"] = True
            steps.append(step)
        node: dict[str, Any] = {"sequence": steps}
        if same:
            node["same"] = self.choice(["sku"], ["price"], ["sku", "price"])
        if self.random.random() < 0.6:
            node["within"] = self.window()
        return node

    def segment(self) -> dict[str, Any]:
        return {"segment": self.choice("vip", "staff"), **self.choice({}, {"for": self.duration()})}

    def sample(self) -> dict[str, Any]:
        start, end = sorted(self.random.choice((0, 10, 33.33, 50, 100)) for _ in range(2))
        return {"sample": {"from": start, "to": end, "salt": self.choice("", "q3")}}


PROPERTIES: dict[Any, tuple[str, ...]] = {
    "pageView": ("path", "device"),
    "productView": ("sku", "price", "brand", "category", "path"),
    "purchase": ("orderTotal", "purchasedItems"),
    "addToCart": ("sku", "price", "size", "tags", "gift", "due"),
    ("productView", "addToCart"): ("sku", "price"),
    "*": ("sku", "price", "path", "gift", "tags"),
    "$click": ("path",),
}


def numbers_of(code: Any) -> list[str]:
    return [name for name in PROPERTIES[code] if name in ("price", "orderTotal", "size")]


START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def instants(random: Random, zone: ZoneInfo) -> datetime:
    """A now: near changes of the clock, at midnights, ends of months, leap days."""
    day = random.choice(
        ("2026-03-01", "2026-03-29", "2026-10-25", "2026-11-01", "2024-02-29", "2026-12-31", "2026-03-08")
    )
    hour = random.choice((0, 0, 1, 12, 23))
    local = datetime.fromisoformat(f"{day}T{hour:02}:00:00").replace(tzinfo=zone)
    return local.astimezone(UTC) + random.choice((timedelta(0), timedelta(microseconds=1), timedelta(minutes=20)))
