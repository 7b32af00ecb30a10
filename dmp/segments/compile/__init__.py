"""Many people: a rule as one PostgreSQL statement that gives (person, member, next_check_at).

Each leaf is a relation of those people whom it may hold for (`events`), joined to the people asked; groups are combined
in laterals, by the same law as in `dmp.segments.evaluate`. The time is a parameter. Regular expressions are matched in
Python: the distinct values are read before, and those that fit are given to the statement.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from dmp import sql
from dmp.segments import rules
from dmp.segments.compile.computed import values_of
from dmp.segments.compile.events import Leaf, Measured, can_share, did, holds_for_nothing, measured, named, relation
from dmp.segments.compile.sequences import sequence
from dmp.segments.compile.sources import Source
from dmp.segments.compile.values import (
    NEVER,
    Names,
    from_json,
    holds,
    is_scalar,
    matching,
    next_change,
    of_property,
    scalar_of,
)
from dmp.segments.compile.windows import SESSION

Row = tuple[UUID, bool, datetime | None]
"""(person, member, next check)."""
References = Mapping[str, tuple[int, int]]
"""Of a segment's name its id and revision; 0 for a static one."""

RESERVED = {
    "$device": "p.device::text",
    "$platform": "p.platform::text",
    "$country": "p.country::text",
    "$language": "p.language::text",
    "$utm.source": "p.utm ->> 'source'",
    "$utm.medium": "p.utm ->> 'medium'",
    "$utm.campaign": "p.utm ->> 'campaign'",
    "$firstSeen": "p.first_seen",
    "$lastSeen": "p.last_seen",
    "$known": "p.known",
}


class Node(NamedTuple):
    """What a part of a rule says of a person, in SQL. `narrow`: a leaf outside of which it does not hold, and will
    not."""

    ok: str
    next: str
    narrow: str | None = None


class Shared(NamedTuple):
    """The number of a leaf, and the measures that are its columns."""

    leaf: int
    columns: list[Measured]


class Statement(NamedTuple):
    text: str
    values: dict[str, Any]


def ask(
    rule: rules.Condition,
    source: Source,
    references: References,
    zone: ZoneInfo,
    now: datetime,
    *,
    everyone: bool = False,
) -> list[Row]:
    """The people who are in, or whose answer time can change; `everyone`: all that were asked."""
    text = statement_of(rule, source, references, zone, now, everyone=everyone)
    return [(person, member, at) for person, member, at in sql.run(text, {}, prepare=False)]


def statement_of(
    rule: rules.Condition,
    source: Source,
    references: References,
    zone: ZoneInfo,
    now: datetime,
    *,
    everyone: bool = False,
) -> str:
    """With its values written out; of several pieces where workers can share them."""
    sources = source.pieces() if stands_in_index(rule) and not everyone else [source]
    statements = [compile_rule(rule, one, references, zone, now, everyone=everyone) for one in sources]
    return " UNION ALL ".join(f"({sql.inlined(*statement)})" for statement in statements)


def stands_in_index(rule: rules.Condition) -> bool:
    """Whether the index of purchases has all that a rule asks (`dmp.migrations.0011_purchases`): it is in the order of
    people, so that several workers can each read some of them."""
    return all(isinstance(leaf, rules.Did) and is_in_index(leaf) for leaf in rules.leaves(rule))


def is_in_index(leaf: rules.Did) -> bool:
    if leaf.events != ("purchase",) or leaf.where is not None or not can_share(leaf):
        return False
    match leaf.measure:
        case rules.Aggregate(_, found) | rules.Edge(property=found):
            return found.column == "order_total"
    return isinstance(leaf.measure, rules.Count)


def compile_rule(
    rule: rules.Condition,
    source: Source,
    references: References,
    zone: ZoneInfo,
    now: datetime,
    *,
    everyone: bool = False,
) -> Statement:
    return Compiler(source, references, Names(now, zone, dict(source.values), source.settled)).statement(
        rule, everyone=everyone
    )


def is_short(rule: rules.Condition) -> bool:
    if isinstance(rule, rules.Not):
        return is_short(rule.part)
    return isinstance(rule, rules.Did | rules.Sequence | rules.InSegment)


def of_leaf(name: str, empty: bool, number: str = "") -> Node:
    """`empty`: whether it holds for those who are not in the leaf, `number`: of its columns."""
    ok = f"coalesce({name}.ok{number}, {str(empty).lower()})"
    return Node(ok, f"{name}.next{number}", None if empty else name)


class Compiler:
    def __init__(self, source: Source, references: References, names: Names) -> None:
        self.source = source
        self.references = references
        self.names = names
        self.leaves: list[str] = []
        self.sharing: Counter[Any] = Counter()
        self.shared: dict[Any, Shared] = {}
        self.nodes: list[str] = []
        self.latest = False
        self.asks_person = False

    def statement(self, rule: rules.Condition, *, everyone: bool) -> Statement:
        self.sharing.update(
            leaf.events for leaf in rules.leaves(rule) if isinstance(leaf, rules.Did) and can_share(leaf)
        )
        node = self.node(rule)
        for shared in self.shared.values():
            self.leaves[shared.leaf] = relation(shared.columns)
        relations = self.relations(rules.event_leaves(rule), "NOT MATERIALIZED")
        found = f"""SELECT p.person, {node.ok} AS ok, {node.next} AS next
            FROM {self.asked(None if everyone else node.narrow)}{"".join(self.nodes)}"""  # noqa: S608
        if not everyone:
            found = f"SELECT * FROM ({found}) found WHERE ok OR next IS NOT NULL"  # noqa: S608
        return Statement(f"WITH {', '.join(relations)} {found}", self.names.values)

    def asked(self, narrow: str | None) -> str:
        """The people `p` with what each leaf says of them; those of the leaf `narrow` alone."""
        leaves = [f"leaf{n}" for n in range(len(self.leaves))]
        joins = "".join(f" LEFT JOIN {leaf} ON {leaf}.person = p.person" for leaf in leaves if leaf != narrow)
        people = f"({self.source.people(latest=self.latest)}) p"
        if narrow is None:
            return people + joins
        if self.asks_person:
            return f"{people} JOIN {narrow} ON {narrow}.person = p.person{joins}"
        return f"{narrow} JOIN LATERAL (SELECT {narrow}.person) p ON true{joins}"  # noqa: S608

    def relations(self, asked: Iterable[Any], how: str) -> list[str]:
        """What the leaves stand on, and the leaves."""
        asks_session = any(isinstance(leaf.window, rules.Session) for leaf in asked)
        relations = [f"did AS {how} ({self.source.events()})"]
        relations += [SESSION] if asks_session else []
        return relations + [f"leaf{index} AS ({relation})" for index, relation in enumerate(self.leaves)]

    def values(self, wanted: Sequence[rules.Computed]) -> Statement:
        """The values of computed attributes of the one person that the source is about, as one row of arrays."""
        columns = [f"coalesce((SELECT found FROM {name}), {nothing})" for name, nothing in map(self.found, wanted)]
        relations = ", ".join(self.relations(wanted, "MATERIALIZED"))
        return Statement(f"WITH {relations} SELECT {', '.join(columns)}", self.names.values)  # noqa: S608

    def found(self, leaf: rules.Computed, wanted: rules.Values | None = None) -> tuple[str, str]:
        """The leaf of a computed attribute, and the values of those who are not in it."""
        relation = values_of(leaf, self.names, self.matching_property(leaf.events), wanted)
        self.leaves.append(relation.text)
        return f"leaf{len(self.leaves) - 1}", relation.nothing

    def kept(self, node: Node) -> Node:
        """The same as a lateral (ok, next), where it is written out more than once. OFFSET 0 keeps the planner from
        doing so all the same, which would grow with the depth."""
        name = f"n{len(self.nodes)}"
        self.nodes.append(f" CROSS JOIN LATERAL (SELECT {node.ok} AS ok, {node.next} AS next OFFSET 0) {name}")
        return Node(f"{name}.ok", f"{name}.next", node.narrow)

    def node(self, rule: rules.Condition) -> Node:
        match rule:
            case rules.All(parts):
                return self.group([self.part(part) for part in parts], wanted=True)
            case rules.AnyOf(parts):
                return self.group([self.part(part) for part in parts], wanted=False)
            case rules.Not(part):
                inner = self.part(part)
                return Node(f"NOT {inner.ok}", inner.next)
            case rules.AttributeIs():
                return self.attribute(rule)
            case rules.Did() if can_share(rule) and self.sharing[rule.events] > 1:
                return self.beside(rule)
            case rules.Did():
                return self.leaf(did(rule, self.names, self.matching_property(rule.events)))
            case rules.Sequence():
                return self.leaf(sequence(rule, self.names, self.matching_property(None)))
            case rules.InSegment():
                return self.segment(rule)
            case rules.Sample():
                return self.sample(rule)
        raise TypeError(rule)

    def part(self, rule: rules.Condition) -> Node:
        """A node of a group: short enough to be written out as it is."""
        node = self.node(rule)
        return node if is_short(rule) else self.kept(node)

    def group(self, parts: list[Node], *, wanted: bool) -> Node:
        """all (`wanted`) or any: while a part that is against it stays so, the whole does."""
        sign = "" if wanted else "NOT "
        against = "NOT " if wanted else ""
        agree = " AND ".join(f"{sign}{part.ok}" for part in parts)
        never = " OR ".join(f"({against}{part.ok} AND {part.next} IS NULL)" for part in parts)
        last = ", ".join(f"CASE WHEN {against}{part.ok} THEN {part.next} END" for part in parts)
        first = ", ".join(part.next for part in parts)
        ok = f"({agree})" if wanted else f"(NOT ({agree}))"
        next = f"CASE WHEN {agree} THEN least({first}) WHEN {never} THEN NULL ELSE greatest({last}) END"
        narrow = [part.narrow for part in parts if part.narrow]
        return Node(ok, next, narrow[0] if narrow and wanted else None)

    def beside(self, rule: rules.Did) -> Node:
        """A measure that shares the scan of others, as most rules of several parts ask of the same events."""
        shared = self.shared.get(rule.events)
        if shared is None:
            shared = self.shared[rule.events] = Shared(len(self.leaves), [])
            self.leaves.append("")
        name, number = f"leaf{shared.leaf}", len(shared.columns)
        shared.columns.append(measured(rule, self.names, self.matching_property(rule.events), shared=True))
        return of_leaf(name, holds_for_nothing(rule.measure), str(number))

    def leaf(self, leaf: Leaf) -> Node:
        name = f"leaf{len(self.leaves)}"
        self.leaves.append(leaf.relation)
        return of_leaf(name, leaf.empty)

    def attribute(self, rule: rules.AttributeIs) -> Node:
        self.asks_person = True
        wanted, changes, matching = rule.values, NEVER, self.matching_attribute(rule.name)
        if rule.computed is not None:
            leaf, nothing = self.found(rule.computed, wanted)
            array, changes = f"coalesce({leaf}.found, {nothing})", f"{leaf}.next"
            if rule.computed.property is not None:
                matching = self.matching_property(rule.computed.events)(rule.computed.property)
        elif rule.name in RESERVED:
            self.latest = True
            array = f"array_remove(ARRAY[{RESERVED[rule.name]}], NULL)"
        else:
            name = self.names.add(rule.name, "text")
            array = from_json(f"(p.attributes -> {name} -> 'values')", wanted.type)
        values = f"v{len(self.nodes)}"
        self.nodes.append(f" CROSS JOIN LATERAL (SELECT {array} AS found OFFSET 0) {values}")
        ok = holds(f"{values}.found", wanted, self.names, matching)
        next = next_change(f"{values}.found", wanted, self.names) if wanted.is_relative else NEVER
        next = f"least({next}, {changes})" if changes != NEVER else next
        if rule.unchanged is None:
            return Node(ok, next)
        self.latest = True
        name = self.names.add(rule.name, "text")
        since = f"coalesce(dmp_time(p.attributes -> {name} ->> 'changed'), p.first_seen)"
        ripe = f"({since} + {self.names.add(rule.unchanged, 'interval')})"
        return Node(
            f"({ok} AND coalesce({ripe} <= %(now)s, false))",
            f"least({next}, CASE WHEN {ripe} > %(now)s AND {'true' if wanted.is_relative else ok} THEN {ripe} END)",
        )

    def segment(self, rule: rules.InSegment) -> Node:
        segment, revision = self.references[rule.name]
        ids = self.names.add(segment, "bigint"), self.names.add(revision, "bigint")
        member = "(m.pinned = 'in' OR (m.pinned IS NULL AND m.by_rule))"
        ripe = f"m.entered_at + {self.names.add(rule.unchanged, 'interval')}" if rule.unchanged else ""
        ok = f"{member} AND {ripe} <= %(now)s" if ripe else member
        next = f"CASE WHEN {member} AND {ripe} > %(now)s THEN {ripe} END" if ripe else NEVER
        return self.leaf(
            Leaf(
                f"""SELECT m.person, coalesce({ok}, false) AS ok, {next} AS next FROM (
                    SELECT DISTINCT ON (person) * FROM dmp_membership
                    WHERE segment_id = {ids[0]} AND revision IN (0, {ids[1]}){self.source.only("person")}
                    ORDER BY person, revision
                ) m""",  # noqa: S608
                empty=False,
            )
        )

    def sample(self, rule: rules.Sample) -> Node:
        self.asks_person = True
        salt = self.names.add(f"{rule.salt}:", "text")
        powers = [pow(256, 7 - index, 10_000) for index in range(8)]
        digits = " + ".join(f"get_byte(h.digest, {index}) * {power}" for index, power in enumerate(powers))
        hashed = f"h{len(self.nodes)}"
        self.nodes.append(
            f" CROSS JOIN LATERAL (SELECT mod({digits}, 10000) / 100.0 AS value"
            f" FROM (SELECT sha256(convert_to({salt} || p.bucket, 'UTF8')) AS digest) h OFFSET 0) {hashed}"
        )
        start, end = self.names.add(rule.start, "numeric"), self.names.add(rule.end, "numeric")
        return Node(f"({hashed}.value >= {start} AND {hashed}.value < {end})", NEVER)

    # Regular expressions

    def matching_attribute(self, name: str) -> Callable[[str], list[str]]:
        def fitting(pattern: str) -> list[str]:
            if name in RESERVED:
                text = f"SELECT DISTINCT {RESERVED[name]} FROM ({self.source.people(latest=True)}) p"  # noqa: S608
            else:
                text = f"""SELECT DISTINCT x.v FROM ({self.source.people(latest=False)}) p,
                    unnest({from_json("(p.attributes -> %(matched)s::text -> 'values')", "text")}) x(v)"""  # noqa: S608
            return self.fitting(text, {"matched": name}, pattern)

        return fitting

    def matching_property(
        self, events: tuple[str, ...] | None
    ) -> Callable[[rules.Property], Callable[[str], list[str]]]:
        def of(found: rules.Property) -> Callable[[str], list[str]]:
            def fitting(pattern: str) -> list[str]:
                names = Names(self.names.now, self.names.zone, dict(self.source.values))
                codes = tuple(sorted(found.declared_by)) if found.declared_by else events
                asked = f"({self.source.events()}) e WHERE {named(codes, names) if codes else 'true'}"
                values = scalar_of(found, names, codes) if is_scalar(found) else f"unnest({of_property(found, names)})"
                text = f"SELECT DISTINCT {values} FROM {asked}"  # noqa: S608
                return self.fitting(text, names.values, pattern)

            return fitting

        return of

    def fitting(self, text: str, values: dict[str, Any], pattern: str) -> list[str]:
        rows = sql.run(text, {**self.source.values, **values}, prepare=False)
        return matching(pattern, [value for (value,) in rows if value is not None])
