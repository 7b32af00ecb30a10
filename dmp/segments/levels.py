"""The levels at which people are evaluated: visitors here, profiles as `cdp.apps` adds them.

A level supplies SQL, so that this layer need not know the tables of those above it.
"""

from dataclasses import dataclass

from django.db import models

from dmp.models import Level, Visitor

LATEST = ("platform", "device", "country", "language")


@dataclass(frozen=True, slots=True)
class Facts:
    """`people`: a SELECT of (person uuid, account_id, attributes jsonb, segments, pins_in, pins_out, due_at,
    first_seen, last_seen, bucket text, platform, device, country, language, utm jsonb, known boolean) of the keys
    `%(KEYS)s`. `events`: FROM ... WHERE of the events `e` of the person `p`, bots left out.

    For many people at once: `plain`: a SELECT of (person, attributes, bucket) where `WHO` holds; `did`: a SELECT of
    person and all columns of events, with the conditions of `places` ({name: (key, account)}); `key` and `account` are
    what `people` and `plain` call them. `told`: a person's name in the API, as text, of the row that `key` is in."""

    name: str
    model: type[models.Model]
    people: str
    events: str
    plain: str
    did: str
    places: dict[str, tuple[str, str]]
    key: str
    account: str
    told: str

    @property
    def table(self) -> str:
        return self.model._meta.db_table


VISITORS = Facts(
    Level.VISITOR,
    Visitor,
    """SELECT v.key AS person, v.account_id, v.attributes, v.segments, v.pins_in, v.pins_out, v.due_at,
        coalesce(v.first_seen, v.created_at) AS first_seen, v.last_seen, v.visitor_id::text AS bucket, v.platform,
        v.device, v.country, v.language, v.utm, v.profile IS NOT NULL AS known
    FROM dmp_visitor v WHERE v.key = ANY(%(KEYS)s)""",
    "FROM dmp_event e WHERE e.visitor = p.person AND e.time >= p.first_seen AND NOT e.bot",
    "SELECT v.key AS person, v.attributes, v.visitor_id::text AS bucket FROM dmp_visitor v WHERE WHO",
    "SELECT d.visitor AS person, d.* FROM dmp_event d WHERE NOT d.bot AND WHO",
    {"WHO": ("d.visitor", "d.account_id")},
    "v.key",
    "v.account_id",
    told="v.visitor_id::text",
)

levels: dict[str, Facts] = {Level.VISITOR: VISITORS}
"""By name, in the order in which their rows are locked."""
