"""From JSON to a computed attribute: {"as", "event", "where"?, "within"?, "property"?, "limit"?}, or one that every
account has as {"standard": name}. Events, `where` and `within` are those of rules, read by the same parser."""

from collections.abc import Mapping
from typing import Any, Protocol

from dmp.computed import AGGREGATES, KINDS, LIMIT, MAX_LIMIT, NEED_NO_PROPERTY, STANDARD
from dmp.segments import rules
from dmp.segments.operands import RuleError, listed, only

KEYS = ("as", "event", "where", "within", "property", "limit")
TYPES = {"firstTime": "datetime", "lastTime": "datetime"}


class Reader(Protocol):
    """What of `dmp.segments.parse.Parser` is needed here."""

    def events(self, node: dict[str, Any], place: str) -> tuple[str, ...] | None: ...
    def where(self, node: dict[str, Any], place: str, events: tuple[str, ...] | None) -> Any: ...
    def window(self, raw: Any, place: str) -> rules.Window: ...
    def property(self, name: Any, events: tuple[str, ...] | None, place: str) -> rules.Property: ...


def definition(parser: Reader, raw: Any) -> rules.Computed:
    """Raises RuleError with the place of what is wrong."""
    if not isinstance(raw, Mapping):
        raise RuleError("", "A computed attribute is an object such as {“as”: “count”, “event”: “purchase”}.")
    if set(raw) == {"standard"}:
        if raw["standard"] not in STANDARD:
            raise RuleError("standard", f"There is no standard attribute of this name. Use {listed(list(STANDARD))}.")
        return read(parser, STANDARD[raw["standard"]].definition)
    only(raw, "", KEYS)
    kind = raw.get("as")
    if kind not in KINDS:
        raise RuleError("as", f"“as” is one of {listed(KINDS)}.")
    if "event" not in raw:
        raise RuleError("event", "Say which events: “event” is the code of an event type, a list, or “*” for any.")
    if kind in NEED_NO_PROPERTY and "property" in raw:
        raise RuleError("property", f"“{kind}” looks at the events themselves: take “property” out.")
    if kind not in NEED_NO_PROPERTY and "property" not in raw:
        raise RuleError("property", f"“{kind}” needs a “property”.")
    limit = raw.get("limit", LIMIT)
    if type(limit) is not int or not 1 <= limit <= MAX_LIMIT:
        raise RuleError("limit", f"“limit” is a whole number from 1 to {MAX_LIMIT}.")
    if "limit" in raw and kind != "lastList":
        raise RuleError("limit", "“limit” goes with “lastList” alone.")
    return read(parser, raw)


def read(parser: Reader, raw: Mapping[str, Any]) -> rules.Computed:
    node, kind = dict(raw), raw["as"]
    events = parser.events(node, "")
    where = parser.where(node, "", events)
    window = parser.window(node["within"], "within") if "within" in node else rules.EVER
    found = parser.property(node["property"], events, "property") if "property" in node else None
    if kind in AGGREGATES and found is not None and found.type != "number":
        raise RuleError("property", f"“{kind}” needs numbers; “{found.name}” is {found.type}.")
    per = parser.where({"where": node["per"]}, "", events) if "per" in node else None
    limit = node.get("limit", LIMIT) if kind == "lastList" else 1
    keeps_type = kind in ("first", "last", "lastList", "mostFrequent") and found is not None
    type = found.type if keeps_type and found is not None else TYPES.get(kind, "number")
    return rules.Computed(kind, type, events, where, window, found, limit, per)
