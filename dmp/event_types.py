"""Event types as the door uses them: which properties each declares, how each is read and where it is stored."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from accounts.models import Account
from accounts.snapshot import Part
from dmp import values
from dmp.models import EventType, Property


class Documented(NamedTuple):
    """A property of the public reference: its column, type and reader."""

    column: str
    type: str
    many: bool
    read: values.Reader


DOCUMENTED = {
    "sku": Documented("sku", "text", False, values.sku),
    "price": Documented("price", "number", False, values.amount(negative=False)),
    "brand": Documented("brand", "text", False, values.text(255)),
    "breadcrumb": Documented("breadcrumb", "text", False, values.text(1024)),
    "category": Documented("category", "text", False, values.text(255)),
    "orderId": Documented("order_id", "text", False, values.sku),
    "orderTotal": Documented("order_total", "number", False, values.amount(negative=True)),
    "purchasedItems": Documented("purchased_items", "text", True, values.skus),
}
STANDARD: dict[str, tuple[str, ...]] = {
    "pageView": (),
    "productView": ("sku", "price", "brand", "breadcrumb", "category"),
    "purchase": ("orderId", "orderTotal", "purchasedItems"),
}
REQUIRED = {("productView", "sku"), ("purchase", "orderId")}
DESCRIPTIONS = {
    "pageView": "A page or a screen of the app was seen.",
    "productView": "A product was looked at.",
    "purchase": "An order was placed, or refunded with a negative total.",
}
AD_EVENTS = ("$impression", "$viewable", "$click", "$dismiss")
"""The ad server's own: in each account, never posted to /campaigns/query, left out of `"event": "*"`."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared property; `column` is None where it is kept in the JSON of properties."""

    name: str
    type: str
    many: bool
    required: bool
    column: str | None
    read: values.Reader


@dataclass(frozen=True, slots=True)
class Kind:
    """An event type, ready for the door."""

    code: str
    declared: tuple[Declared, ...]


def declare(name: str, type: str, many: bool, required: bool) -> Declared:
    documented = DOCUMENTED.get(name)
    if documented and (documented.type, documented.many) == (type, many):
        return Declared(name, type, many, required, documented.column, documented.read)
    read = values.TYPES[type]
    return Declared(name, type, many, required, None, values.many(read) if many else read)


def load_kinds(account: UUID) -> dict[str, Kind]:
    rows = EventType.objects.filter(account=account).prefetch_related("properties")
    return {
        row.code: Kind(row.code, tuple(declare(p.name, p.type, p.many, p.required) for p in row.properties.all()))
        for row in rows
    }


kinds: Part[dict[str, Kind]] = Part(load_kinds)


def create_standard(account: Account) -> None:
    """The three documented event types, for a new account."""
    for code, names in STANDARD.items():
        event_type = EventType.objects.create(account=account, code=code, description=DESCRIPTIONS[code], standard=True)
        Property.objects.bulk_create(
            Property(
                event_type=event_type,
                name=name,
                type=DOCUMENTED[name].type,
                many=DOCUMENTED[name].many,
                required=(code, name) in REQUIRED,
            )
            for name in names
        )
