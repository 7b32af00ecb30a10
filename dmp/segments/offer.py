"""What the rule builder of the panel offers: the account's words, each type's operators, templates."""

from typing import Any

from dmp.segments.operands import BY_TYPE, EVERY_TYPE, RuleError
from dmp.segments.parse import parse
from dmp.segments.rules import BOUNDS
from dmp.segments.sentence import NUMBERS, TESTS, TIMES
from dmp.segments.templates import TEMPLATES
from dmp.segments.vocabulary import BUILT_IN, RESERVED_TYPES, AttributeType, Vocabulary

ORDER = ("gte", "lte", "eq", "gt", "lt", "ne")
LABELS = {"exists": "is known", "size": "number of values", "gte": "is this or later", "lte": "is this or earlier"}


def offer(known: Vocabulary, *, without: str = "") -> dict[str, Any]:
    """As JSON for the page; `without` is the segment being edited, which cannot name itself."""
    return {
        "events": {code: {name: kind.type for name, kind in named.items()} for code, named in known.events.items()},
        "every": dict.fromkeys(BUILT_IN, "text"),
        "attributes": attributes(known),
        "segments": sorted(name for name in known.segments if name != without),
        "operators": {type: [[op, label(op, type)] for op in operators(type)] for type in BY_TYPE},
        "numbers": [[op, NUMBERS[op].removesuffix(" {}")] for op in ORDER],
        "templates": [template._asdict() for template in TEMPLATES if accepted(template.rule, known)],
    }


def attributes(known: Vocabulary) -> list[dict[str, Any]]:
    """By group: what is written, what is computed from events, what the device tells."""
    reserved = {name: AttributeType(type, changes_known=False) for name, type in RESERVED_TYPES.items()}
    return [
        {"name": name, "type": found.type, "changes": found.changes_known, "group": group(name, found)}
        for name, found in sorted(known.attributes.items()) + list(reserved.items())
    ]


def group(name: str, found: AttributeType) -> str:
    if name in RESERVED_TYPES:
        return "Of the device"
    return "Computed from events" if found.computed else "Your attributes"


def operators(type: str) -> tuple[str, ...]:
    if type == "number":
        return (*ORDER[:2], *(op for op in (*EVERY_TYPE, *BOUNDS) if op not in ORDER[:2]))
    return (*EVERY_TYPE[:4], *BY_TYPE[type], *EVERY_TYPE[4:])


def label(op: str, type: str) -> str:
    times = type in ("date", "datetime")
    if op in LABELS and (times or op not in BOUNDS):
        return LABELS[op]
    table = TIMES if times and op in BOUNDS else TESTS
    return table[op].holds.removesuffix(" {}")


def accepted(rule: Any, known: Vocabulary) -> bool:
    try:
        parse(rule, known)
    except RuleError:
        return False
    return True
