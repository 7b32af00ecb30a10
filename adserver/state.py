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
LOOKED_BACK = timedelta(days=365)
MOST = 2_000
"""Newest events of a unit that are looked at."""
KINDS = {"$impression": "i", "$click": "c", "$dismiss": "x", "purchase": "p"}
"""What counts, by event; a purchase that the campaign led to."""

READ = valkey.Script("""
local all = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
if all[1] == '=' then return table.concat(all, ' ') end
redis.call('DEL', KEYS[1])
redis.call('ZADD', KEYS[1], -1, '?' .. ARGV[1])
redis.call('EXPIRE', KEYS[1], 5)
return ''
""")
FILL = valkey.Script("""
if not redis.call('ZSCORE', KEYS[1], '?' .. ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZADD', KEYS[1], -1, '=')
for i = 3, #ARGV, 2 do redis.call('ZADD', KEYS[1], ARGV[i + 1], ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
""")
ADD = valkey.Script("""
if redis.call('ZSCORE', KEYS[1], '=') then return redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1]) end
return redis.call('DEL', KEYS[1])
""")

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
    claim = secrets.token_hex(6)
    try:
        tell()
        known = READ([name(unit)], [claim]).decode()
    except valkey.Away:
        return None
    if known:
        parts = known.split(" ")
        return told(zip(parts[2::2], map(float, parts[3::2]), strict=True))
    found = load(visitor, profile, slugs(), now)
    try:
        FILL([name(unit)], [claim, KEPT, *(part for member, at in found for part in (member, repr(at)))])
    except valkey.Away:
        return None  # else a second decision could not know what this one shows
    return told(found)


def unit_of(account: UUID, visitor: UUID) -> UUID:
    """The unit that a visitor's events count for now; all keys of visitors."""
    rows = sql.run(BUCKET, {"visitor": visitor})
    return visitor_key(account, rows[0][0]) if rows else visitor


def units_of(account: UUID, profiles: Iterable[UUID]) -> list[UUID]:
    rows = sql.run("SELECT bucket FROM cdp_profile WHERE key = ANY(%(profiles)s)", {"profiles": list(profiles)})
    return [visitor_key(account, bucket) for (bucket,) in rows if bucket is not None]


def name(unit: UUID) -> str:
    return f"ad:{unit}"


def member(campaign: int, kind: str, id: UUID) -> str:
    """Of clicks, dismissals and conversions the newest counts, of impressions each."""
    return f"{campaign}:i:{id}" if kind == "i" else f"{campaign}:{kind}"


def load(visitor: UUID, profile: UUID | None, slugs: Mapping[str, int], now: datetime) -> list[tuple[str, float]]:
    """The unit's members with their instants, ascending, from its events."""
    values = {"since": now - LOOKED_BACK, "most": MOST, "visitor": visitor, "profile": profile}
    found = []
    for campaign, slug, event, at, id in sql.run(READ_DID[profile is not None], values):
        campaign = campaign or slugs.get(slug)  # events of before there were ids
        if campaign:
            found.append((member(campaign, KINDS[event], id), at.timestamp()))
    return found


def told(members: Iterable[tuple[str, float]]) -> dict[int, Past]:
    """From members, by instant ascending."""
    found: dict[int, Past] = {}
    shown: dict[int, list[float]] = {}
    for text, at in members:
        campaign, kind, *_ = text.split(":", 2)
        id = int(campaign)
        seen = found.get(id)
        if seen is None:
            shown[id] = []
            seen = found[id] = Past(shown[id])
        if kind == "i":
            shown[id].append(at)
        elif kind == "x":
            found[id] = seen._replace(dismissed_at=at)
        elif kind == "c":
            found[id] = seen._replace(clicked=True)
        else:
            found[id] = seen._replace(converted=True)
    return found


def happened(unit: UUID, campaign: int, kind: str, id: UUID, at: datetime) -> None:
    """Adds what was committed. `kind`: a value of KINDS; `id` of the event."""
    key = name(unit)
    try:
        tell()
        ADD([key], [member(campaign, kind, id), repr(at.timestamp())])
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
