"""The values of one person's computed attributes at an instant: one statement for all of them, of the same parts as the
rules over many people (`dmp.segments.compile`)."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from accounts.snapshot import Configuration, Derived
from dmp import sql
from dmp.attributes import definitions
from dmp.computed import Span
from dmp.segments import rules
from dmp.segments.compile import Compiler
from dmp.segments.compile.sources import Source
from dmp.segments.compile.values import Names
from dmp.segments.levels import VISITORS
from dmp.segments.operands import RuleError
from dmp.segments.parse import parse_computed
from dmp.segments.vocabulary import vocabulary

logger = logging.getLogger(__name__)
SEEN = {"$firstSeen": {"standard": "firstSeen"}, "$lastSeen": {"standard": "lastSeen"}}

OWN = """SELECT %(person)s::uuid AS person, e.* FROM
    unnest(%(visitors)s::uuid[], %(since)s::timestamptz[], %(until)s::timestamptz[]) s(visitor, since, until)
    JOIN dmp_event e ON e.visitor = s.visitor AND e.time >= s.since AND e.time < s.until
    WHERE NOT e.bot AND e.time <= %(now)s AND e.time >= %(earliest)s"""
NAMED = " AND e.event = ANY(%(codes)s::text[])"


def load(configuration: Configuration) -> dict[str, rules.Computed]:
    known = vocabulary(configuration)
    given = {name: row.computed for name, row in definitions.of(configuration).items() if row.computed is not None}
    found = {}
    for name, raw in (given | SEEN).items():
        try:
            found[name] = parse_computed(raw, known)
        except RuleError as error:  # what it names was taken away since
            logger.error("the attribute %s of %s cannot be computed: %s", name, configuration.id, error)
    return found


computed: Derived[dict[str, rules.Computed]] = Derived(load)
"""By name; `$firstSeen` and `$lastSeen` too."""


def compute(
    configuration: Configuration, names: Iterable[str], spans: Sequence[Span], now: datetime
) -> dict[str, list[Any]]:
    """The values of those of these attributes that are computed and have any, newest first, over a person's events:
    those of its visitors while they were its own."""
    known = computed.of(configuration)
    return values_of({name: known[name] for name in names if name in known}, spans, configuration, now)


def values_of(
    wanted: dict[str, rules.Computed],
    spans: Sequence[Span],
    configuration: Configuration,
    now: datetime,
    *,
    prepare: bool = True,
) -> dict[str, list[Any]]:
    """`prepare` False: for definitions that are asked once."""
    if not wanted:
        return {}
    if not spans:
        return {name: [0] for name, leaf in wanted.items() if leaf.kind in rules.ZERO_OF_NOTHING}
    leaves = list(dict.fromkeys(wanted.values()))
    source = source_of(leaves, spans, now)
    statement = Compiler(source, {}, Names(now, configuration.zone, dict(source.values))).values(leaves)
    [row] = sql.run(*statement, prepare=prepare)
    found = dict(zip(leaves, row, strict=True))
    return {name: [told(value) for value in found[leaf]] for name, leaf in wanted.items() if found[leaf]}


def source_of(leaves: Sequence[rules.Computed], spans: Sequence[Span], now: datetime) -> Source:
    """The person's own events, of the codes that are asked for."""
    values: dict[str, Any] = {
        "person": UUID(int=0),
        "visitors": [span.visitor for span in spans],
        "since": [span.since for span in spans],
        "until": [span.until for span in spans],
        "earliest": min(span.since for span in spans),
        "now": now,
    }
    own = OWN
    if all(leaf.events is not None and not isinstance(leaf.window, rules.Session) for leaf in leaves):
        own += NAMED
        values["codes"] = sorted({code for leaf in leaves for code in leaf.events or ()})
    return Source(replace(VISITORS, did=own, places={}), "", values)


def told(value: Any) -> Any:
    """As the API says it: times as ISO text."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value
