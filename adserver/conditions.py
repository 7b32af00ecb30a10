"""What the event itself must be for a campaign: a tree of all, any and not, like a rule's, over the current event.

Leaves are {"property": ...}, as in a rule's `where`, and {"event": code, "where": ...}. What the person did before, has
or is in belongs into a segment.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
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


def can_hold(tree: Any, events: Iterable[str]) -> bool:
    """Whether a tree as parsed may hold after one of the events: False where these, or the bounds of a number, rule
    it out."""
    return any(outcomes(tree, event)[0] for event in events)


def outcomes(node: Any, event: str) -> tuple[bool, bool]:
    """Whether a part can be true after the event, and whether it can be false."""
    if isinstance(node, rules.Not):
        may, may_not = outcomes(node.part, event)
        return may_not, may
    if isinstance(node, rules.All | rules.AnyOf):
        parts = [outcomes(part, event) for part in node.parts]
        if isinstance(node, rules.AnyOf):
            return any(may for may, _ in parts), all(may_not for _, may_not in parts)
        return all(may for may, _ in parts) and not contradict(node.parts), any(may_not for _, may_not in parts)
    if isinstance(node, rules.OfEvent):
        if node.events is not None and event not in node.events:
            return False, True
        return (True, False) if node.where is None else outcomes(node.where, event)
    return not contradict((node,)), True


def contradict(parts: Iterable[Any]) -> bool:
    """Whether no number fits all that is asked of a property that has one value."""
    asked: dict[str, list[rules.Test]] = defaultdict(list)
    for part in parts:
        if isinstance(part, rules.Where) and part.property.type == "number" and not part.property.many:
            asked[part.property.name] += [test for test in part.values.tests if test.op in (*rules.BOUNDS, "eq")]
    return any(is_empty(tests) for tests in asked.values())


def is_empty(tests: Iterable[rules.Test]) -> bool:
    lows = [(test.operand, test.op == "gt") for test in tests if test.op in ("gt", "gte", "eq")]
    highs = [(test.operand, test.op == "lt") for test in tests if test.op in ("lt", "lte", "eq")]
    return any(low > high or (low == high and (above or below)) for low, above in lows for high, below in highs)


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
