"""Operands of a rule's operators, checked against the type of what they are compared with."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import re2

from dmp.segments import rules
from dmp.segments.rules import BOUNDS, NUMERIC, Test, Values

MAX_VALUES = 1000
MAX_PATTERN = 200
MAX_NEEDLE = 255
MAX_TEXT = 8192
DURATION = re.compile(r"([1-9][0-9]{0,4})([smhdw])", re.ASCII)
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
QUIET = re2.Options()
QUIET.log_errors = False

BY_TYPE = {
    "text": ("contains", "startsWith", "endsWith", "matches"),
    "number": BOUNDS,
    "boolean": (),
    "date": (*BOUNDS, "last", "next", "anniversary"),
    "datetime": (*BOUNDS, "last", "next", "anniversary"),
}
"""The operators that a type takes besides those of every type."""
EVERY_TYPE = ("eq", "ne", "in", "nin", "hasAll", "exists", "size")
OPERATORS = frozenset(EVERY_TYPE).union(*BY_TYPE.values())
EXAMPLES = {
    "text": "text, in quotes",
    "number": "a number, without quotes",
    "boolean": "true or false",
    "date": "a date such as “2026-01-31”",
    "datetime": "a time such as “2026-01-31T10:00:00Z”",
}


class RuleError(Exception):
    """What is wrong, and where: `all[1].within`; "" is the rule itself."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place or 'rule'}: {message}")
        self.place = place
        self.message = message


def listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def at(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def tests(node: Mapping[str, Any], place: str, type: str, told: str, besides: Sequence[str], zone: ZoneInfo) -> Values:
    """All operators of a node; `told` names in messages what they ask of; `besides` are the node's other keys."""
    only(node, place, (*besides, *OPERATORS))
    operators = [name for name in node if name not in besides]
    if not operators:
        raise RuleError(place, f"Say what {told} must be: give an operator such as “eq”.")
    return Values(type, tuple(test(op, node[op], at(place, op), type, told, zone) for op in operators))


def test(op: str, raw: Any, place: str, type: str, told: str, zone: ZoneInfo) -> Test:
    if op not in EVERY_TYPE and op not in BY_TYPE[type]:
        fitting = listed((*EVERY_TYPE, *BY_TYPE[type]))
        raise RuleError(place, f"“{op}” does not fit {told}, which is {type}. Use one of {fitting}.")
    if op in OWN_OPERANDS:
        return Test(op, OWN_OPERANDS[op](raw, place))
    if op in ("in", "nin", "hasAll"):
        if not is_a(raw, list) or not 1 <= len(raw) <= MAX_VALUES:
            raise RuleError(place, f"“{op}” takes a list of 1 to {MAX_VALUES} values.")
        items = (scalar(item, type, f"{place}[{index}]", zone) for index, item in enumerate(raw))
        return Test(op, tuple(dict.fromkeys(items)))
    return Test(op, scalar(raw, type, place, zone))


def scalar(raw: Any, type: str, place: str, zone: ZoneInfo) -> rules.Scalar:
    """An operand as the definition types it."""
    if type == "text" and is_a(raw, str):
        return clean(raw, place)
    if type == "number" and is_number(raw):
        return decimal(raw)
    if type == "boolean" and is_a(raw, bool):
        return bool(raw)
    if type == "date" and is_a(raw, str):
        return day(raw, place)
    if type == "datetime" and is_a(raw, str):
        return instant(raw, place, zone)
    raise RuleError(place, f"This takes {EXAMPLES[type]}.")


def is_a(raw: Any, kind: type) -> bool:
    return type(raw) is kind


def instant(raw: Any, place: str, zone: ZoneInfo) -> datetime:
    """ISO 8601; without a zone in the account's zone; a day alone is its first instant there."""
    try:
        if type(raw) is str:
            found = datetime.fromisoformat(raw.strip())
            return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise RuleError(place, f"This takes {EXAMPLES['datetime']}.")


def only(node: Mapping[str, Any], place: str, allowed: Sequence[str]) -> None:
    unknown = next((key for key in node if key not in allowed), None)
    if unknown is not None:
        raise RuleError(at(place, unknown), f"“{unknown}” is not known here. Use {listed(sorted(allowed))}.")


def clean(text: str, place: str) -> str:
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise RuleError(place, "This text holds a character that cannot be stored.")
    if len(text) > MAX_TEXT:
        raise RuleError(place, f"This takes at most {MAX_TEXT} characters.")
    return text


def is_number(raw: Any) -> bool:
    return type(raw) in (int, float, Decimal) and Decimal(str(raw)).is_finite()


def decimal(raw: Any) -> Decimal:
    return Decimal(str(raw))


def duration(raw: Any, place: str) -> timedelta:
    """A fixed length: 30s, 15m, 12h, 7d, 4w."""
    found = DURATION.fullmatch(raw) if type(raw) is str else None
    if found is None:
        raise RuleError(place, "A duration is a number and s, m, h, d or w, such as “30d”.")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def day(raw: str, place: str) -> date:
    try:
        if DAY.fullmatch(raw.strip()):
            return date.fromisoformat(raw.strip())
    except ValueError:
        pass
    raise RuleError(place, f"This takes {EXAMPLES['date']}.")


def pattern(raw: Any, place: str) -> str:
    if type(raw) is not str or len(raw) > MAX_PATTERN:
        raise RuleError(place, f"“matches” takes a regular expression of at most {MAX_PATTERN} characters.")
    try:
        re2.compile(clean(raw, place), QUIET)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if error.args and error.args[0] else "it is not valid"
        raise RuleError(place, f"This regular expression cannot be read: {reason}.") from None
    return raw


def numbers(raw: Mapping[str, Any], place: str) -> rules.Numbers:
    """One or two tests of a number."""
    only(raw, place, NUMERIC)
    if not 1 <= len(raw) <= 2:
        raise RuleError(place, f"Give one or two of {listed(NUMERIC)}.")
    for op, value in raw.items():
        if not is_number(value):
            raise RuleError(at(place, op), f"This takes {EXAMPLES['number']}.")
    return tuple(Test(op, decimal(value)) for op, value in raw.items())


def exists(raw: Any, place: str) -> bool:
    if type(raw) is not bool:
        raise RuleError(place, "“exists” is true or false.")
    return raw


def size(raw: Any, place: str) -> rules.Numbers:
    if type(raw) is not dict:
        raise RuleError(place, "“size” is an object such as {“gte”: 2}.")
    return numbers(raw, place)


def needle(raw: Any, place: str) -> str:
    if type(raw) is not str or len(raw) > MAX_NEEDLE:
        raise RuleError(place, f"This takes text of at most {MAX_NEEDLE} characters.")
    return clean(raw, place)


OWN_OPERANDS: dict[str, Callable[[Any, str], Any]] = {
    "size": size,
    "exists": exists,
    "matches": pattern,
    **dict.fromkeys(("last", "next", "anniversary"), duration),
    **dict.fromkeys(("contains", "startsWith", "endsWith"), needle),
}
"""Operators whose operand is not of the type of what they ask of."""
