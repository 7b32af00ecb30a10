"""What the event itself must be for a campaign: a tree of all, any and not, like a rule's, over the current event.

Leaves are {"property": ...}, as in a rule's `where`, and {"event": code, "where": ...}. What the person did before, has
or is in belongs into a segment.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dmp.segments import facts, rules
from dmp.segments.evaluate.matching import matcher
from dmp.segments.operands import RuleError, at, only
from dmp.segments.parse import MAX_LEAVES, Parser, kind_of
from dmp.segments.vocabulary import Vocabulary

Check = Callable[[facts.Event, ZoneInfo, datetime], bool]
ELSEWHERE = ("attribute", "segment", "sequence", "sample")


def compile_conditions(tree: Any, known: Vocabulary, events: tuple[str, ...] = ()) -> Check:
    """The test that JSON says, for campaigns shown after `events` (empty: any). Raises RuleError with the place of the
    node and what to do."""
    return matcher(parse_conditions(tree, known, events))


def parse_conditions(tree: Any, known: Vocabulary, events: tuple[str, ...] = ()) -> Any:
    """As `dmp.segments.rules` has a `where`, with leaves OfEvent. Raises RuleError."""
    return Reader(known, events or None).read(tree, "", 1)


class Reader:
    def __init__(self, known: Vocabulary, events: tuple[str, ...] | None) -> None:
        self.parser, self.events, self.leaves = Parser(known), events, 0

    def read(self, node: Any, place: str, depth: int) -> Any:
        if type(node) is dict and (named := next((kind for kind in ELSEWHERE if kind in node), None)):
            raise RuleError(
                at(place, named), "A campaign's condition looks at the event alone. Make a segment of this."
            )
        kind = kind_of(node, place, ("all", "any", "not", "property", "event"))
        if kind not in ("property", "event"):
            return self.parser.group(node, place, depth, kind, self.read)
        self.leaves += 1
        if self.leaves > MAX_LEAVES:
            raise RuleError("", f"There are at most {MAX_LEAVES} conditions. Leave some out.")
        return self.property(node, place) if kind == "property" else self.event(node, place)

    def property(self, node: dict[str, Any], place: str) -> rules.Where:
        found = self.parser.property(node["property"], self.events, at(place, "property"))
        told = f"the property “{found.name}”"
        return rules.Where(found, self.parser.values(node, place, found.type, told, ("property",)))

    def event(self, node: dict[str, Any], place: str) -> rules.OfEvent:
        only(node, place, ("event", "where"))
        events = self.parser.events(node, place)
        return rules.OfEvent(events, self.parser.where(node, place, events))
