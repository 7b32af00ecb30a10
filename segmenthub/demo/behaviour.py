"""What the visitors of the demo shop did in the last 90 days: sessions with a daily and a weekly rhythm."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

from cdp.identifiers import Name, name
from dmp.events import Event
from dmp.keys import key, visitor_key
from segmenthub.demo.catalogue import Product
from segmenthub.demo.shop import ACCOUNT, APP, WEB

DAYS = 90
PEOPLE = 900
ANONYMOUS = 1900
FIRST = ("Ada", "Ali", "Anna", "Ben", "Can", "Deniz", "Elif", "Emma", "Eva", "John", "Leyla", "Liam", "Mia", "Noah")
LAST = ("Aydin", "Brown", "Demir", "Fischer", "Kaya", "Lopez", "Martin", "Novak", "Rossi", "Smith", "Weber", "Yilmaz")
COUNTRIES = ("tr", "tr", "tr", "de", "de", "gb", "us", "nl")
HOURS = (3, 2, 1, 1, 1, 2, 4, 7, 9, 10, 11, 11, 13, 12, 11, 11, 12, 14, 17, 20, 21, 18, 12, 6)
SOURCES = (None, None, None, "google", "newsletter", "instagram")
account = UUID(ACCOUNT)


class Device(NamedTuple):
    visitor_id: UUID
    platform: str
    device: str


class Person(NamedTuple):
    """Somebody who visits: `email` "" for one who stays anonymous. `interest` is how many sessions in 90 days."""

    email: str
    first: str
    last: str
    born: date
    country: str
    newsletter: bool
    devices: list[Device]
    interest: int
    buyer: float
    until: float  # the part of the 90 days after which this person came no more


def people(random: Random) -> list[Person]:
    found = []
    for number in range(PEOPLE + ANONYMOUS):
        known = number < PEOPLE
        first, last = random.choice(FIRST), random.choice(LAST)
        found.append(
            Person(
                email=f"{first}.{last}.{number}@example.com".lower() if known else "",
                first=first,
                last=last,
                born=date(1960, 1, 1) + timedelta(days=random.randrange(16_000)),
                country=random.choice(COUNTRIES),
                newsletter=random.random() < 0.4,
                devices=[device(random) for _ in range(random.choice((1, 1, 2, 2, 3)) if known else 1)],
                interest=min(60, int(random.paretovariate(1.2) * (4 if known else 1))),
                buyer=random.choice((0.05, 0.12, 0.25)) if known else 0.03,
                until=random.choice((0.4, 0.7, 1.0, 1.0, 1.0)) if known else 1.0,
            )
        )
    return found


def device(random: Random) -> Device:
    platform, kind = random.choice(
        ((WEB, "desktop"), (WEB, "mobile"), (WEB, "mobile"), (WEB, "tablet"), (APP, "mobile"))
    )
    return Device(UUID(int=random.getrandbits(128), version=4), platform, kind)


class Behaviour:
    """Events of all people in the order of people; the same seed and instant give the same events."""

    def __init__(self, random: Random, products: list[Product], now: datetime) -> None:
        self.random, self.products, self.now = random, products, now
        self.start = now - timedelta(days=DAYS)
        self.names: dict[UUID, Name] = {}
        self.count = self.orders = 0

    def events(self, everyone: list[Person]) -> Iterator[Event]:
        for person in everyone:
            for _ in range(person.interest):
                yield from self.session(person)

    def moment(self, person: Person) -> datetime:
        """When a session starts: evenings and weekends are busier."""
        while True:
            day = self.start + timedelta(days=self.random.random() * DAYS * person.until)
            if day.weekday() >= 5 or self.random.random() < 0.75:
                break
        [hour] = self.random.choices(range(24), HOURS)
        return day.replace(hour=hour, minute=self.random.randrange(60), second=self.random.randrange(60), microsecond=0)

    def session(self, person: Person) -> Iterator[Event]:
        random, device = self.random, self.random.choice(person.devices)
        at = self.moment(person)
        source = random.choice(SOURCES)
        known = person.email if person.email and random.random() < 0.6 else ""
        yield from self.event(person, device, at, "pageView", known, path=f"/?utm_source={source}" if source else "/")
        cart: list[Product] = []
        for _ in range(random.choice((0, 1, 1, 2, 3, 5))):
            at += timedelta(seconds=random.randrange(15, 240))
            product = random.choice(self.products)
            yield from self.product_view(person, device, at, known, product)
            if random.random() < 0.25:
                cart.append(product)
                at += timedelta(seconds=random.randrange(5, 60))
                yield from self.event(
                    person, device, at, "addToCart", known, path=product.path, sku=product.sku, price=product.price,
                    properties={"quantity": 1},
                )  # fmt: skip
        if cart and random.random() < person.buyer * 3:
            yield from self.purchase(person, device, at, cart)

    def product_view(self, person: Person, device: Device, at: datetime, known: str, p: Product) -> Iterator[Event]:
        yield from self.event(
            person, device, at, "productView", known, path=p.path, sku=p.sku, price=p.price, brand=p.brand,
            breadcrumb=p.breadcrumb, category=p.category,
        )  # fmt: skip

    def purchase(self, person: Person, device: Device, at: datetime, cart: list[Product]) -> Iterator[Event]:
        self.orders += 1
        order, total = f"ORD-{100_000 + self.orders}", sum((p.price for p in cart), start=cart[0].price * 0)
        skus = [product.sku for product in cart]
        at += timedelta(minutes=self.random.randrange(1, 9))
        yield from self.event(
            person, device, at, "purchase", person.email, path="/checkout/done", order_id=order, order_total=total,
            purchased_items=skus,
        )  # fmt: skip
        if self.random.random() < 0.04:
            yield from self.event(
                person, device, at + timedelta(days=self.random.randrange(2, 10)), "purchase", person.email,
                path="/returns", order_id=f"{order}-refund", order_total=-total, refund=True,
            )  # fmt: skip

    def event(
        self, person: Person, device: Device, at: datetime, code: str, known: str, **fields: object
    ) -> Iterator[Event]:
        """One event, none when it would lie in the future."""
        if at >= self.now:
            return
        self.count += 1
        event = Event(
            id=key(account, "e", f"demo {self.count}"),
            visitor=visitor_key(account, device.visitor_id),
            visitor_id=device.visitor_id,
            time=at,
            event=code,
            platform=device.platform,
            device=device.device,
            country=person.country,
            language="tr" if person.country == "tr" else "en",
        )
        for field, value in fields.items():
            setattr(event, field, value)
        if event.order_id:
            event.id = event.once = key(account, "o", event.order_id)
        if event.path and "utm_source=" in event.path:
            event.utm = {"source": event.path.partition("utm_source=")[2]}
        if known:
            said = name(account, known)
            event.identifier = said.key
            self.names[said.key] = said
        yield event
