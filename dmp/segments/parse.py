"""From JSON to a rule. Whatever is wrong is refused with the place of the node and what to do."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from dmp.segments import rules
from dmp.segments.definitions import definition
from dmp.segments.operands import (
    RuleError,
    at,
    clean,
    decimal,
    duration,
    instant,
    is_number,
    listed,
    numbers,
    only,
    tests,
)
from dmp.segments.rules import Values
from dmp.segments.vocabulary import BUILT_IN, PropertyType, Vocabulary

MAX_DEPTH = 5
MAX_LEAVES = 50
MAX_OFFSET = 10_000
MEASURES = ("count", "sum", "avg", "min", "max", "unique", "first", "last")


def parse(rule: Any, vocabulary: Vocabulary) -> rules.Condition:
    """The rule that JSON says. Raises RuleError."""
    parser = Parser(vocabulary)
    found = parser.condition(rule, "", 1)
    if sum(1 for _ in rules.leaves(found)) > MAX_LEAVES:
        raise RuleError("", f"A rule has at most {MAX_LEAVES} conditions. Make a segment of a part of it.")
    return found


def parse_computed(raw: Any, vocabulary: Vocabulary) -> rules.Computed:
    """A computed attribute as JSON defines it. Raises RuleError with the place in the definition."""
    return definition(Parser(vocabulary), raw)


class Parser:
    def __init__(self, vocabulary: Vocabulary) -> None:
        self.known = vocabulary

    # Conditions

    def condition(self, node: Any, place: str, depth: int) -> rules.Condition:
        kinds: dict[str, Callable[[dict[str, Any], str], rules.Condition]] = {
            "attribute": self.attribute,
            "event": self.event,
            "sequence": self.sequence,
            "segment": self.segment,
            "sample": self.sample,
        }
        kind = kind_of(node, place, ("all", "any", "not", *kinds))
        if kind in kinds:
            return kinds[kind](node, place)
        return cast(rules.Condition, self.group(node, place, depth, kind, self.condition))

    def group(self, node: dict[str, Any], place: str, depth: int, kind: str, read: Callable[..., Any]) -> Any:
        """all, any or not, of conditions or of a where's parts."""
        if depth > MAX_DEPTH:
            raise RuleError(place, f"Conditions nest at most {MAX_DEPTH} deep. Make a segment of the inner part.")
        only(node, place, (kind,))
        inner = at(place, kind)
        if kind == "not":
            return rules.Not(read(node["not"], inner, depth + 1))
        parts = node[kind]
        if type(parts) is not list or not parts:
            raise RuleError(inner, f"“{kind}” takes a list of at least one condition.")
        found = tuple(read(part, f"{inner}[{index}]", depth + 1) for index, part in enumerate(parts))
        return rules.All(found) if kind == "all" else rules.AnyOf(found)

    def attribute(self, node: dict[str, Any], place: str) -> rules.Condition:
        name = text_of(node, "attribute", place)
        known = self.known.attribute(name)
        if known is None:
            message = f"There is no attribute “{name}”. Define it under Account > Attributes, or correct the name."
            raise RuleError(at(place, "attribute"), message)
        unchanged = duration(node["for"], at(place, "for")) if "for" in node else None
        if unchanged and not known.changes_known:
            raise RuleError(at(place, "for"), f"When “{name}” changed is not kept: “for” cannot be used with it.")
        computed = None
        if known.computed is not None:
            try:
                computed = definition(self, known.computed)
            except RuleError as error:
                message = f"“{name}” cannot be computed from events: {error}. Correct it under Account > Attributes."
                raise RuleError(at(place, "attribute"), message) from None
        type = computed.type if computed else known.type
        values = self.values(node, place, type, f"the attribute “{name}”", ("attribute", "for"))
        return rules.AttributeIs(name, values, unchanged, computed)

    def event(self, node: dict[str, Any], place: str) -> rules.Condition:
        only(node, place, ("event", "where", "within", *MEASURES))
        events = self.events(node, place)
        where = self.where(node, place, events)
        window = self.window(node["within"], at(place, "within")) if "within" in node else rules.EVER
        measures = [name for name in MEASURES if name in node]
        if len(measures) > 1:
            raise RuleError(place, f"Use one of {listed(measures)}: a condition measures one thing.")
        measure = self.measure(measures[0], node, place, events) if measures else rules.Count()
        return rules.Did(events, where, window, measure)

    def sequence(self, node: dict[str, Any], place: str) -> rules.Condition:
        only(node, place, ("sequence", "within", "same"))
        inner = at(place, "sequence")
        raw = node["sequence"]
        if type(raw) is not list or not 2 <= len(raw) <= 5:
            raise RuleError(inner, "“sequence” takes a list of 2 to 5 steps.")
        steps = tuple(self.step(step, f"{inner}[{n}]", n, len(raw)) for n, step in enumerate(raw))
        window = self.window(node["within"], at(place, "within")) if "within" in node else rules.EVER
        return rules.Sequence(steps, window, self.same(node, place, steps))

    def step(self, node: Any, place: str, index: int, steps: int) -> rules.Step:
        if type(node) is not dict or "event" not in node:
            raise RuleError(place, "A step is an object such as {“event”: “purchase”, “within”: “1h”}.")
        only(node, place, ("event", "where", "within", "absent"))
        events = self.events(node, place)
        if "within" in node and index == 0:
            raise RuleError(at(place, "within"), "The first step has no “within”: it counts from the step before.")
        within = duration(node["within"], at(place, "within")) if "within" in node else None
        if "absent" in node and node["absent"] is not True:
            raise RuleError(at(place, "absent"), "“absent” is true, or left out.")
        if "absent" in node and index != steps - 1:
            raise RuleError(at(place, "absent"), "Only the last step can be absent.")
        return rules.Step(events, self.where(node, place, events), within, "absent" in node)

    def same(
        self, node: dict[str, Any], place: str, steps: Sequence[rules.Step]
    ) -> tuple[tuple[rules.Property, ...], ...]:
        if "same" not in node:
            return ()
        names = node["same"]
        if type(names) is not list or not names or any(type(name) is not str for name in names):
            raise RuleError(at(place, "same"), "“same” takes a list of at least one property.")
        found = []
        for index, name in enumerate(dict.fromkeys(names)):
            inner = f"{at(place, 'same')}[{index}]"
            views = tuple(self.property(name, step.events, inner) for step in steps)
            if len({view.type for view in views}) > 1:
                raise RuleError(inner, f"“{name}” has another type in another step: it cannot be compared.")
            found.append(views)
        return tuple(found)

    def segment(self, node: dict[str, Any], place: str) -> rules.Condition:
        only(node, place, ("segment", "for"))
        name = text_of(node, "segment", place)
        if name not in self.known.segments:
            message = f"There is no segment “{name}”. Make it under Audiences, or correct the name."
            raise RuleError(at(place, "segment"), message)
        return rules.InSegment(name, duration(node["for"], at(place, "for")) if "for" in node else None)

    def sample(self, node: dict[str, Any], place: str) -> rules.Condition:
        only(node, place, ("sample",))
        inner = at(place, "sample")
        raw = node["sample"]
        if type(raw) is not dict:
            raise RuleError(inner, "“sample” is an object such as {“from”: 0, “to”: 10}.")
        only(raw, inner, ("from", "to", "salt"))
        start, end = (percentage(raw, key, inner) for key in ("from", "to"))
        if start > end:
            raise RuleError(inner, "“from” is not above “to”.")
        salt = raw.get("salt", "")
        if type(salt) is not str:
            raise RuleError(at(inner, "salt"), "“salt” is text.")
        return rules.Sample(start, end, clean(salt, at(inner, "salt")))

    # Events and their properties

    def events(self, node: dict[str, Any], place: str) -> tuple[str, ...] | None:
        raw = node["event"]
        inner = at(place, "event")
        if raw == "*":
            return None
        codes = raw if type(raw) is list else [raw]
        if not codes or any(type(code) is not str for code in codes):
            raise RuleError(inner, "“event” is the code of an event type, a list of codes, or “*” for any.")
        for code in codes:
            if code not in self.known.events:
                hint = "Use “*” alone." if code == "*" else "Make it under Events, or correct the code."
                raise RuleError(inner, f"There is no event type “{code}”. {hint}")
        return tuple(dict.fromkeys(codes))

    def property(self, name: Any, events: tuple[str, ...] | None, place: str) -> rules.Property:
        if type(name) is not str:
            raise RuleError(place, "“property” is the name of a property.")
        codes = events if events is not None else [code for code in self.known.events if not code.startswith("$")]
        views = {code: self.known.events[code][name] for code in codes if name in self.known.events[code]}
        if not views and name in BUILT_IN:
            return rules.Property(name, "text", False, BUILT_IN[name], None)
        if not views:
            told = f"the event {listed(events)}" if events else "any event"
            raise RuleError(place, f"There is no property “{name}” of {told}. Declare it under Events.")
        if name in BUILT_IN and len(views) < len(codes):
            raise RuleError(place, f"“{name}” is declared by some of these events only: ask for each by itself.")
        return rules.Property(name, *one_view(name, list(views.values()), place), frozenset(views))

    def where(self, node: dict[str, Any], place: str, events: tuple[str, ...] | None) -> Any:
        if "where" not in node:
            return None

        def read(part: Any, inner: str, depth: int) -> Any:
            kind = kind_of(part, inner, ("all", "any", "not", "property"))
            if kind != "property":
                return self.group(part, inner, depth, kind, read)
            found = self.property(part["property"], events, at(inner, "property"))
            told = f"the property “{found.name}”"
            return rules.Where(found, self.values(part, inner, found.type, told, ("property",)))

        inner = at(place, "where")
        found = read(node["where"], inner, 1)
        if sum(1 for _ in rules.leaves(found)) > MAX_LEAVES:
            raise RuleError(inner, f"“where” has at most {MAX_LEAVES} conditions.")
        return found

    def measure(self, name: str, node: dict[str, Any], place: str, events: tuple[str, ...] | None) -> rules.Measure:
        inner = at(place, name)
        raw = node[name]
        if type(raw) is not dict:
            raise RuleError(inner, f"“{name}” is an object such as {{“gte”: 1}}.")
        if name == "count":
            return rules.Count(numbers(raw, inner))
        if name == "unique" and ("period" in raw) == ("property" in raw):
            raise RuleError(inner, "“unique” counts either a “property” or a “period”.")
        if name == "unique" and "period" in raw:
            period = raw["period"]
            if period not in ("day", "week", "month"):
                raise RuleError(at(inner, "period"), "“period” is day, week or month.")
            return rules.UniquePeriods(period, numbers(without(raw, "period"), inner))
        if "property" not in raw:
            raise RuleError(inner, f"“{name}” needs a “property”.")
        found = self.property(raw["property"], events, at(inner, "property"))
        if name in ("first", "last"):
            told = f"the property “{found.name}”"
            return rules.Edge(name == "last", found, self.values(raw, inner, found.type, told, ("property",)))
        tests = numbers(without(raw, "property"), inner)
        if name == "unique":
            return rules.UniqueValues(found, tests)
        if found.type != "number":
            raise RuleError(at(inner, "property"), f"“{name}” needs numbers; “{found.name}” is {found.type}.")
        return rules.Aggregate(name, found, tests)

    # Values

    def values(self, node: dict[str, Any], place: str, type: str, told: str, besides: Sequence[str]) -> Values:
        return tests(node, place, type, told, besides, self.known.zone)

    def window(self, raw: Any, place: str) -> rules.Window:
        if raw == "session":
            return rules.Session()
        if type(raw) is str:
            return rules.Rolling(duration(raw, place))
        if type(raw) is not dict or not raw:
            raise RuleError(place, "“within” is a duration such as “30d”, “session”, or an object with from and to,"
                            " after and before, or calendar.")  # fmt: skip
        if "calendar" in raw:
            return calendar(raw, place)
        if "after" in raw or "before" in raw:
            only(raw, place, ("after", "before"))
            after, before = (
                instant(raw[k], at(place, k), self.known.zone) if k in raw else None for k in ("after", "before")
            )
            if after and before and after >= before:
                raise RuleError(place, "“after” lies before “before”.")
            return rules.Absolute(after, before)
        only(raw, place, ("from", "to"))
        since, until = (duration(raw[k], at(place, k)) if k in raw else None for k in ("from", "to"))
        if since and until and since <= until:
            raise RuleError(place, "“from” lies longer ago than “to”: {“from”: “60d”, “to”: “30d”}.")
        return rules.Rolling(since, until or timedelta(0))


def kind_of(node: Any, place: str, kinds: Sequence[str]) -> str:
    if type(node) is not dict:
        raise RuleError(place, "A condition is an object such as {“event”: “purchase”}.")
    found = [kind for kind in kinds if kind in node]
    if not found:
        raise RuleError(place, f"Say what kind of condition this is: one of {listed(kinds)}.")
    if len(found) > 1:
        raise RuleError(place, f"A condition is of one kind, this is of {listed(found)}. Join two with “all” or “any”.")
    return found[0]


def without(node: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name != key}


def text_of(node: Mapping[str, Any], key: str, place: str) -> str:
    if type(node[key]) is not str:
        raise RuleError(at(place, key), f"“{key}” is a name.")
    return cast(str, node[key])


def percentage(raw: Mapping[str, Any], key: str, place: str) -> Decimal:
    if key not in raw or not is_number(raw[key]) or not 0 <= decimal(raw[key]) <= 100:
        raise RuleError(at(place, key), f"“{key}” is a number from 0 to 100.")
    return decimal(raw[key])


def calendar(raw: Mapping[str, Any], place: str) -> rules.Calendar:
    only(raw, place, ("calendar", "offset"))
    if raw["calendar"] not in ("day", "week", "month", "year"):
        raise RuleError(at(place, "calendar"), "“calendar” is day, week, month or year.")
    offset = raw.get("offset", 0)
    if type(offset) is not int or not -MAX_OFFSET <= offset <= 0:
        raise RuleError(at(place, "offset"), "“offset” is 0 for the present period, -1 for the one before, and so on.")
    return rules.Calendar(raw["calendar"], offset)


def one_view(name: str, views: Sequence[PropertyType], place: str) -> PropertyType:
    """How the named events store the property, when they agree in its type."""
    if len({view.type for view in views}) > 1:
        raise RuleError(place, f"“{name}” has different types in these events: ask for each event by itself.")
    if len({view.column for view in views}) > 1:
        raise RuleError(place, f"“{name}” is one value in some of these events and many in others: ask for each.")
    return PropertyType(views[0].type, any(view.many for view in views), views[0].column)
