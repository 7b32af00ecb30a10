"""What a person did with campaigns: for caps, stop rules and dismissals; one round trip to Valkey per decision.

The truth is in the events. Valkey keeps a copy for each unit (a person as draws know it: the profile's bucket, else the
visitor), loaded when first asked for, added to by what happens, gone after KEPT. So whatever Valkey loses comes back by
itself, and identities that are joined only have their copies forgotten.

A reader that misses leaves a claim before it looks into the database; whatever happens meanwhile takes the claim away,
and the reader's copy is then not stored. A change that Valkey could not be told is kept, and told as soon as it
answers. What is lost even so (a process and Valkey that end together) stands for KEPT at most.
"""

import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from accounts import background, valkey
from adserver.board import Past
from cdp.levels import SPANS
from dmp import sql
from dmp.keys import visitor_key

KEPT = 60
"""Seconds."""
CLAIMED = 5
"""Seconds within which a reader stores what it found."""
LOOKED_BACK = timedelta(days=365)
MOST = 2_000
"""Newest events of a unit that are looked at."""
KINDS = {"$impression": "i", "$click": "c", "$dismiss": "x", "purchase": "p"}
"""What counts, by event; a purchase that the campaign led to."""

FILL = valkey.Script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
""")
ADD = valkey.Script("""
if redis.call('GETRANGE', KEYS[1], 0, 0) == '=' then return redis.call('APPEND', KEYS[1], ARGV[1]) end
return redis.call('DEL', KEYS[1])
""")
"""A copy is text: "=" and for each thing done " campaign:kind:id instant";
a claim is "?" and what its reader made up."""

DID = """
(SELECT (e.properties -> '$ids' ->> 0)::bigint, e.properties ->> 'campaign', e.event, e.time AS at, e.id
FROM {people} JOIN dmp_event e ON e.visitor = s.visitor AND e.time >= s.since AND e.time < s.until
WHERE NOT e.bot AND e.time > %(since)s AND e.event IN ('$impression', '$click', '$dismiss')
ORDER BY e.time DESC LIMIT %(most)s)
UNION ALL
SELECT c.campaign, NULL, 'purchase', c.at, c.key
FROM {people} JOIN adserver_conversion c ON c.visitor = s.visitor AND c.at >= s.since AND c.at < s.until
WHERE NOT c.refund AND c.at > %(since)s
ORDER BY at
"""
LINKED = SPANS.format(person="%(profile)s")
OF_PERSON = {
    False: "(SELECT %(visitor)s::uuid, '-infinity'::timestamptz, 'infinity'::timestamptz) s (visitor, since, until)",
    True: f"(SELECT visitor, since, coalesce(until, 'infinity') FROM ({LINKED}) l) s (visitor, since, until)",
}
"""The visitors of a person, with the time for which they are: the visitor alone, or those of its profile."""
READ_DID = {linked: DID.format(people=people) for linked, people in OF_PERSON.items()}
BUCKET = """SELECT p.bucket FROM dmp_visitor v JOIN cdp_profile p ON p.key = v.profile
    WHERE v.key = %(visitor)s AND p.bucket IS NOT NULL"""

_untold: set[str] = set()
_lock = threading.Lock()


def past(
    unit: UUID, visitor: UUID, profile: UUID | None, slugs: Callable[[], Mapping[str, int]], now: datetime
) -> dict[int, Past] | None:
    """What the unit did with campaigns, by id; None while nobody can tell. `unit` and `visitor` are keys of visitors,
    `slugs` gives the ids of the account's campaigns."""
    try:
        tell()
        known = valkey.ask("GET", name(unit))
        if known is not None and known[:1] == b"=":
            return told(known.decode()) if len(known) > 1 else {}
        claim = "?" + secrets.token_hex(6)
        valkey.ask("SET", name(unit), claim, "EX", CLAIMED)
        found = load(visitor, profile, slugs(), now)
        FILL([name(unit)], [claim, found, KEPT])
    except valkey.Away:
        return None  # else a second decision could not know what this one shows
    return told(found)


def past_ahead(visitor: UUID) -> None:
    """Asks for what `past` will most probably look for: the copy of the visitor itself."""
    if not _untold:
        valkey.ask_ahead("GET", name(visitor))


def is_there(visitor: UUID) -> bool:
    """Whether Valkey answers, asked as `past_ahead` did."""
    try:
        tell()
        valkey.ask("GET", name(visitor))
    except valkey.Away:
        return False
    return True


def unit_of(account: UUID, visitor: UUID) -> UUID:
    """The unit that a visitor's events count for now; all keys of visitors."""
    rows = sql.run(BUCKET, {"visitor": visitor})
    return visitor_key(account, rows[0][0]) if rows else visitor


def units_of(account: UUID, profiles: Iterable[UUID]) -> list[UUID]:
    rows = sql.run("SELECT bucket FROM cdp_profile WHERE key = ANY(%(profiles)s)", {"profiles": list(profiles)})
    return [visitor_key(account, bucket) for (bucket,) in rows if bucket is not None]


def name(unit: UUID) -> str:
    return f"ad:{unit}"


def done(campaign: int, kind: str, id: UUID, at: float) -> str:
    """What is kept of something that a person did with a campaign. `kind`: a value of KINDS."""
    return f" {campaign}:{kind}:{id.hex} {at!r}"


def load(visitor: UUID, profile: UUID | None, slugs: Mapping[str, int], now: datetime) -> str:
    """The unit's copy, made from its events."""
    values = {"since": now - LOOKED_BACK, "most": MOST, "visitor": visitor, "profile": profile}
    found = "="
    for campaign, slug, event, at, id in sql.run(READ_DID[profile is not None], values):
        campaign = campaign or slugs.get(slug)  # events of before there were ids
        if campaign:
            found += done(campaign, KINDS[event], id, at.timestamp())
    return found


def told(copy: str) -> dict[int, Past]:
    """What a copy says, by campaign. Of clicks, dismissals and conversions the newest counts, of impressions each
    once."""
    found: dict[int, Past] = {}
    shown: dict[int, dict[str, float]] = {}
    parts = copy.split(" ")
    for text, instant in zip(parts[1::2], parts[2::2], strict=True):
        campaign, kind, event = text.split(":")
        id, at = int(campaign), float(instant)
        seen = found.get(id) or Past()
        if kind == "i":
            shown.setdefault(id, {})[event] = at
        elif kind == "x":
            seen = seen._replace(dismissed_at=max(at, seen.dismissed_at or at))
        elif kind == "c":
            seen = seen._replace(clicked=True)
        else:
            seen = seen._replace(converted=True)
        found[id] = seen
    for id, instants in shown.items():
        found[id] = found[id]._replace(shown=sorted(instants.values()))
    return found


def happened(unit: UUID, campaign: int, kind: str, id: UUID, at: datetime) -> None:
    """Adds what was committed. `kind`: a value of KINDS; `id`: of the event."""
    key = name(unit)
    try:
        tell()
        ADD([key], [done(campaign, kind, id, at.timestamp())])
    except valkey.Away:
        keep(key)


def forget(units: Iterable[UUID]) -> None:
    """Has the units' copies loaded anew: who they are has changed."""
    for unit in units:
        keep(name(unit))
    try:
        tell()
    except valkey.Away:
        return  # kept


def keep(key: str) -> None:
    with _lock:
        _untold.add(key)


def tell() -> None:
    """Forgets the copies that Valkey could not be told to; raises Away."""
    if not _untold:
        return
    with _lock:
        keys = list(_untold)
    for start in range(0, len(keys), 500):
        valkey.ask("UNLINK", *keys[start : start + 500])
    with _lock:
        _untold.difference_update(keys)


def tell_again() -> None:
    try:
        tell()
    except valkey.Away:
        return  # next time


background.every(1.0, tell_again)
