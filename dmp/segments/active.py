"""The revisions of an account that are evaluated, made ready once in each process, and which an event touches."""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from accounts import clock
from accounts.snapshot import Configuration, Derived
from dmp.attributes import RESERVED
from dmp.event_types import DOCUMENTED
from dmp.events import Event
from dmp.models import SegmentRevision
from dmp.segments import facts, rules
from dmp.segments.evaluate import prepare
from dmp.segments.evaluate.matching import prepare_where
from dmp.segments.evaluate.needs import Needs, needs
from dmp.segments.evaluate.outcome import Outcome
from dmp.segments.operands import RuleError
from dmp.segments.parse import parse
from dmp.segments.vocabulary import BUILT_IN, bound, vocabulary

logger = logging.getLogger(__name__)
COLUMNS = {**{name: known.column for name, known in DOCUMENTED.items()}, **BUILT_IN}
"""The columns of event properties, by property."""
Check = Callable[[facts.Event], bool]


class Reference(NamedTuple):
    """What the name of a segment in a rule is bound to; a static segment has revision 0."""

    segment: int
    revision: int


@dataclass(frozen=True, slots=True, eq=False)
class Revision:
    """A revision that serves (`live`) or is being built, ready to be asked; `only_gains`: by one more event nobody
    leaves."""

    id: int
    segment: int
    rank: int
    live: bool
    rule: rules.Condition
    zone: ZoneInfo
    references: Mapping[str, Reference]
    ask: Callable[[facts.Facts, datetime], Outcome]
    needs: Needs
    only_gains: bool


class Active(NamedTuple):
    """`revisions` in the order in which they are evaluated: what a rule names comes before it. `checks`: by event code
    ("*": of any), the revisions it can touch with tests of the event, None for none."""

    revisions: tuple[Revision, ...]
    checks: Mapping[str, tuple[tuple[Revision, Check | None], ...]]
    by_reference: Mapping[Reference, tuple[Revision, ...]]
    ids: frozenset[int]
    at_first: frozenset[Revision]
    """Those to ask at a visitor's first event, whether or not it touches them."""
    plans: dict[frozenset[Revision], Any]
    """What evaluating some of them takes, kept by `dmp.segments.reading`: the same ones are touched again and again."""

    def dependants(self, revision: Revision) -> tuple[Revision, ...]:
        return self.by_reference.get(Reference(revision.segment, revision.id), ())


def load_active(configuration: Configuration) -> Active:
    evaluated = (SegmentRevision.State.BUILDING, SegmentRevision.State.LIVE)
    rows = SegmentRevision.objects.filter(segment__account=configuration.id, state__in=evaluated)
    known = vocabulary(configuration)
    revisions = []
    for row in rows.order_by("rank", "pk"):
        try:
            meant = bound(known, row)
            rule = parse(row.rule, meant)
        except RuleError as error:  # what it names was taken away since
            logger.error("segment %s cannot be evaluated: %s", row.segment_id, error)
            continue
        references = {name: Reference(*bound) for name, bound in row.references.items()}
        live = row.state == SegmentRevision.State.LIVE
        one = prepare(rule), needs(rule), rules.only_gains(rule)
        revisions.append(Revision(row.pk, row.segment_id, row.rank, live, rule, meant.zone, references, *one))
    return Active(
        tuple(revisions),
        event_checks(revisions),
        by_reference(revisions),
        frozenset(revision.id for revision in revisions),
        frozenset(revision for revision in revisions if may_have_nobody(revision)),
        {},
    )


def may_have_nobody(revision: Revision) -> bool:
    """Whether somebody of whom nothing is known but the name and the newest event may be in, now or later."""
    now = clock.now()
    if asks_of_newest(revision.rule) or any(isinstance(leaf, rules.Sample) for leaf in rules.leaves(revision.rule)):
        return True
    return revision.ask(facts.Facts(revision.zone, first_seen=now), now) != Outcome(False, None)


def asks_of_newest(rule: rules.Condition) -> bool:
    """Whether it names an attribute that any event may change."""
    return not rules.attributes_named(rule).isdisjoint(RESERVED)


active: Derived[Active] = Derived(load_active)


def by_reference(revisions: Iterable[Revision]) -> dict[Reference, tuple[Revision, ...]]:
    found: dict[Reference, list[Revision]] = defaultdict(list)
    for revision in revisions:
        for reference in revision.references.values():
            found[reference].append(revision)
    return {reference: tuple(naming) for reference, naming in found.items()}


def event_checks(revisions: Iterable[Revision]) -> dict[str, tuple[tuple[Revision, Check | None], ...]]:
    """By event code, which revisions an event can touch."""
    found: dict[str, list[tuple[Revision, Check | None]]] = defaultdict(list)
    for revision in revisions:
        if asks_of_newest(revision.rule):
            found["*"].append((revision, None))
        for codes, where in asked_of_events(revision.rule):
            check = None if where is None else prepare_where(where)
            for code in ("*",) if codes is None else codes:
                found[code].append((revision, check))
    return {code: tuple(checks) for code, checks in found.items()}


def asked_of_events(rule: rules.Condition) -> Iterable[tuple[tuple[str, ...] | None, Any]]:
    """The codes (None: any) and the `where` of all that a rule asks of events."""
    for leaf in rules.event_leaves(rule):
        if isinstance(leaf.window, rules.Session):
            yield None, None
        if isinstance(leaf, rules.Sequence):
            for step in leaf.steps:
                yield step.events, step.where
        else:
            yield leaf.events, leaf.where


def touched(configuration: Configuration, event: Event) -> list[Revision]:
    """The revisions that an event can touch; none for most page views."""
    checks = active.of(configuration).checks
    if not checks:
        return []
    mine = checks.get(event.event, ())
    if not event.event.startswith("$"):
        mine += checks.get("*", ())
    if not mine:
        return []
    fact = fact_of(event)
    return list(dict.fromkeys(revision for revision, check in mine if check is None or check(fact)))


def open_to(touches: Iterable[Revision], *held: Collection[int] | None) -> list[Revision]:
    """Of the revisions that an event touches those it can change for people who are in the revisions `held` (None: no
    such person): a member stays one of what only gains, and at least until it is due."""
    return [one for one in touches if not (one.only_gains and all(some is None or one.id in some for some in held))]


def fact_of(event: Event) -> facts.Event:
    """An event as rules see it."""
    values: dict[str, Any] = {}
    for name, column in COLUMNS.items():
        value = getattr(event, column)
        if value is not None:
            values[name] = value if type(value) is list else [value]
    for name, value in (event.properties or {}).items():
        values.setdefault(name, value if type(value) is list else [value])
    return facts.Event(event.event, event.time, values)
