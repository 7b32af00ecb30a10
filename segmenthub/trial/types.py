"""What a line says of types: nothing is defined, so the operands and the values at hand decide."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from dmp.event_types import DOCUMENTED, STANDARD
from dmp.segments import facts, rules
from dmp.segments.vocabulary import BUILT_IN, RESERVED_TYPES, AttributeType, PropertyType, Vocabulary
from dmp.values import EXACT, LIMIT, SIX_PLACES

DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
TEXT_OPERATORS = frozenset(("contains", "startsWith", "endsWith", "matches"))
DATE_OPERATORS = frozenset(("last", "next", "anniversary"))
BOUNDS = frozenset(rules.BOUNDS)
LISTS = frozenset(("in", "nin", "hasAll"))
SCALARS = frozenset(("eq", "ne")) | BOUNDS


def vocabulary(
    rule: Any,
    attributes: Mapping[str, facts.Attribute],
    events: Sequence[facts.Event],
    zone: ZoneInfo,
    more_events: Iterable[str] = (),
) -> Vocabulary:
    """What the rule names, typed by the operands and the values at hand; `more_events` are codes that exist, too."""
    asked = Asked()
    asked.look(rule)
    by_property: dict[str, list[Any]] = defaultdict(list)
    codes = asked.events | {event.code for event in events} | set(STANDARD) | set(more_events)
    declared: dict[str, set[str]] = {code: set() for code in codes}
    for event in events:
        for name, values in event.values.items():
            by_property[name] += values
            declared[event.code].add(name)
    several = {name for event in events for name, values in event.values.items() if len(values) > 1}
    properties = {
        name: property_type(name, asked.properties.get(name, []), by_property[name], many=name in several)
        for name in {*by_property, *asked.properties, *DOCUMENTED}
    }
    kinds = {
        code: {
            name: properties[name]
            for name in {*declared[code], *asked.properties, *STANDARD.get(code, ())}
            if name not in BUILT_IN
        }
        for code in codes
    }
    types = {
        name: AttributeType(
            type_of(asked.attributes.get(name, []), held.values if (held := attributes.get(name)) else ())
        )
        for name in {*attributes, *asked.attributes}
        if name not in RESERVED_TYPES
    }
    return Vocabulary(kinds, types, asked.segments, zone)


class Asked:
    """What a rule names, with the operands that it is compared with, as JSON."""

    def __init__(self) -> None:
        self.events: set[str] = set()
        self.segments: set[str] = set()
        self.attributes: dict[str, list[tuple[str, Any]]] = defaultdict(list)
        self.properties: dict[str, list[tuple[str, Any]]] = defaultdict(list)

    def look(self, node: Any) -> None:
        if type(node) is list:
            for item in node:
                self.look(item)
        if type(node) is not dict:
            return
        self.note(node)
        for key, value in node.items():
            if key in MEASURES and type(value) is dict:
                self.measure(key, value)
            elif key not in LISTS:
                self.look(value)

    def note(self, node: dict[str, Any]) -> None:
        """What a node names."""
        for key, kind in (("attribute", self.attributes), ("property", self.properties)):
            if type(node.get(key)) is str:
                kind[node[key]] += [(op, value) for op, value in node.items() if op != key]
        if type(node.get("segment")) is str:
            self.segments.add(node["segment"])
        codes = node["event"] if type(node.get("event")) is list else [node.get("event")]
        self.events.update(code for code in codes if type(code) is str and code != "*")
        for name in node["same"] if type(node.get("same")) is list else ():
            self.properties[str(name)] += []

    def measure(self, key: str, node: dict[str, Any]) -> None:
        """Numbers that a measure is compared with tell nothing of the property, but that it is one itself."""
        if type(node.get("property")) is str:
            self.properties[node["property"]] += [] if key == "unique" else [("gte", 0)]


MEASURES = ("sum", "avg", "min", "max", "unique")


def property_type(name: str, asked: Sequence[tuple[str, Any]], values: Sequence[Any], *, many: bool) -> PropertyType:
    """A documented property has its column where the values fit it."""
    documented = DOCUMENTED.get(name)
    if documented is None:
        return PropertyType(type_of(asked, values), True, None)
    fits = all(fits_type(documented.type, value) for value in values)
    column = documented.column if fits and (documented.many or not many) else None
    return PropertyType(documented.type, documented.many, column)


FITTING = {"text": ("text", "date", "datetime"), "number": ("number",)}


def fits_type(documented: str, value: Any) -> bool:
    """Whether a column of the type keeps the value as it is."""
    if type_of_values([value]) not in FITTING[documented]:
        return False
    if documented == "text":
        return True
    exact = Decimal(str(value))
    return abs(exact) < LIMIT and exact == exact.quantize(SIX_PLACES, context=EXACT)


def type_of(asked: Sequence[tuple[str, Any]], values: Iterable[Any]) -> str:
    """By the operators and their operands; where these do not tell, by the values."""
    operands: list[Any] = []
    for op, value in asked:
        if op in TEXT_OPERATORS:
            return "text"
        if op in SCALARS:
            operands.append(value)
        elif op in LISTS and type(value) is list:
            operands += value
    wants_time = any(op in DATE_OPERATORS or (op in BOUNDS and type(value) is str) for op, value in asked)
    found = type_of_values(operands or list(values))
    if wants_time and found not in ("date", "datetime"):
        return "date" if type_of_values(list(values)) == "date" else "datetime"
    if found in ("date", "datetime") and operands and not wants_time and values:
        return found if type_of_values(list(values)) in ("date", "datetime") else "text"
    return found


def type_of_values(values: Sequence[Any]) -> str:
    if values and all(type(value) is bool for value in values):
        return "boolean"
    if values and all(type(value) in (int, float, Decimal) for value in values):
        return "number"
    if values and all(type(value) is str and DAY.fullmatch(value) and is_date(value) for value in values):
        return "date"
    if values and all(type(value) is str and len(value) > 10 and is_time(value) for value in values):
        return "datetime"
    return "text"


def is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
