"""Values at the door: each reader takes (place, JSON value) and gives the typed value or raises Malformed.

None, "" and blank text never reach a reader: they mean absent (`present`).
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from accounts.errors import Malformed

Reader = Callable[[str, Any], Any]

US_NUMBER = re.compile(r"-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?", re.ASCII)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
EXACT = Context(prec=450, rounding=ROUND_HALF_EVEN)
SIX_PLACES = Decimal("0.000001")
LIMIT = Decimal(10) ** 12
MAX_ITEMS = 500
MAX_MANY = 100


def present(value: Any) -> bool:
    return value is not None and not (type(value) is str and (not value or value.isspace()))


def wrong(place: str, code: str, what: str) -> Malformed:
    return Malformed.field(place, code, f"“{place}” {what}.")


def text(limit: int) -> Reader:
    """Any text of at most `limit` characters, kept as it is."""

    def read(place: str, value: Any) -> str:
        if type(value) is not str:
            raise wrong(place, "wrong_type", "takes text")
        if len(value) > limit:
            raise wrong(place, "too_long", f"takes at most {limit} characters")
        return value

    return read


def identifier(limit: int = 255, *, integers: bool = False) -> Reader:
    """A trimmed text without control characters; a whole number stands for its text where `integers`."""

    def read(place: str, value: Any) -> str:
        if integers and type(value) is int:
            value = str(value)
        if type(value) is not str:
            raise wrong(place, "wrong_type", "takes text")
        trimmed: str = value.strip()
        if len(trimmed) > limit:
            raise wrong(place, "too_long", f"takes at most {limit} characters")
        if CONTROL.search(trimmed):
            raise wrong(place, "invalid", "takes no control characters")
        return trimmed

    return read


def amount(*, negative: bool) -> Reader:
    """Money: a JSON number or text in US format, as numeric(18,6), rounded half-even."""

    def read(place: str, value: Any) -> Decimal:
        if type(value) is str:
            if not US_NUMBER.fullmatch(value):
                raise wrong(place, "invalid", "takes a number such as 99.9 or “1,299.90”")
            value = Decimal(value.replace(",", ""))
        elif type(value) is int:
            value = Decimal(value)
        elif type(value) is not Decimal:
            raise wrong(place, "wrong_type", "takes a number")
        if value and value.adjusted() >= 12:
            raise wrong(place, "invalid", "takes amounts below 10^12")
        rounded: Decimal = value.quantize(SIX_PLACES, context=EXACT)
        if abs(rounded) >= LIMIT or (value and not rounded):
            raise wrong(place, "invalid", "takes amounts below 10^12 and of at least 0.000001")
        if rounded < 0 and not negative:
            raise wrong(place, "invalid", "is never negative")
        return rounded or abs(rounded)

    return read


sku = identifier(integers=True)


def skus(place: str, value: Any) -> list[str]:
    if type(value) is not list:
        raise wrong(place, "wrong_type", "takes a list of SKUs")
    if len(value) > MAX_ITEMS:
        raise wrong(place, "too_many", f"takes at most {MAX_ITEMS} SKUs")
    items = [sku(f"{place}.{index}", item) for index, item in enumerate(value)]
    if not all(items):
        raise wrong(place, "invalid", "takes no empty SKU")
    return items


def number(place: str, value: Any) -> int | Decimal:
    if type(value) is int or type(value) is Decimal:
        return value
    raise wrong(place, "wrong_type", "takes a number")


def boolean(place: str, value: Any) -> bool:
    if type(value) is bool:
        return value
    raise wrong(place, "wrong_type", "takes true or false")


def day(place: str, value: Any) -> str:
    """A date as ISO text."""
    if type(value) is not str:
        raise wrong(place, "wrong_type", "takes a date such as 2026-11-23")
    try:
        return date.fromisoformat(value.strip()).isoformat()
    except ValueError:
        raise wrong(place, "wrong_type", "takes a date such as 2026-11-23") from None


def instant(place: str, value: Any) -> str:
    """A date with time and zone as ISO text in UTC."""
    return read_instant(place, value).isoformat().replace("+00:00", "Z")


def read_instant(place: str, value: Any) -> datetime:
    message = "takes a time with its zone, such as 2026-11-23T10:00:00Z"
    if type(value) is not str:
        raise wrong(place, "wrong_type", message)
    try:
        parsed = datetime.fromisoformat(value.strip())
        if parsed.tzinfo is None:
            raise wrong(place, "wrong_type", message)
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong(place, "wrong_type", message) from None


def many(read: Reader) -> Reader:
    """A list (or one value) of what `read` reads."""

    def read_all(place: str, value: Any) -> list[Any]:
        values = value if type(value) is list else [value]
        if len(values) > MAX_MANY:
            raise wrong(place, "too_many", f"takes at most {MAX_MANY} values")
        return [read(place, item) for item in values]

    return read_all


TYPES: dict[str, Reader] = {
    "text": text(8192),
    "number": number,
    "boolean": boolean,
    "date": day,
    "datetime": instant,
}
