"""The vocabulary that the tests' rules name."""

from zoneinfo import ZoneInfo

from dmp.event_types import DOCUMENTED, STANDARD
from dmp.segments.vocabulary import AD_PROPERTIES, AttributeType, PropertyType, Vocabulary


def shop(zone: str = "Europe/Istanbul") -> Vocabulary:
    events = {code: {name: documented(name) for name in names} for code, names in STANDARD.items()}
    events["addToCart"] = {
        "sku": documented("sku"),
        "price": documented("price"),
        "size": PropertyType("number", False, None),
        "tags": PropertyType("text", True, None),
        "gift": PropertyType("boolean", False, None),
        "due": PropertyType("date", False, None),
    }
    events["signUp"] = {"size": PropertyType("text", False, None)}
    types = {"country": "text", "favoriteBrands": "text", "age": "number", "birthDate": "date", "plan": "text"}
    attributes = {name: AttributeType(type) for name, type in types.items()}
    attributes["totalOrders"] = AttributeType("number", False, {"standard": "totalOrders"})
    attributes["orphan"] = AttributeType("number", False, {"as": "count", "event": "noSuch"})
    return Vocabulary(events | {"$click": dict(AD_PROPERTIES)}, attributes, {"vip", "staff"}, ZoneInfo(zone))


def documented(name: str) -> PropertyType:
    found = DOCUMENTED[name]
    return PropertyType(found.type, found.many, found.column)
