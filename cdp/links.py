"""Links and what follows them: a profile's list of devices, values taken over from a device, the limit of devices."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts import metrics
from accounts.snapshot import Configuration
from cdp.timeline import BEGINNING, Assertion, timeline
from dmp import sql
from dmp.attributes import decode, encode
from dmp.events import Event

MAX_DEVICES = 100
Links = list[Assertion]


def link(
    configuration: Configuration,
    said: Sequence[Event],
    profiles: Mapping[UUID, UUID],
    before: Mapping[UUID, datetime | None],
    now: datetime,
    *,
    imported: bool,
) -> set[UUID]:
    """Brings the links of visitors up to date, and gives the profiles whose links changed. `said` are the events that
    assert something, `profiles` resolves asserted identifiers, `before` tells when each visitor that was there was last
    seen before these events. The visitors' rows are locked: those that were there before their recording, the others
    by it."""
    heard: dict[UUID, list[Event]] = defaultdict(list)
    for event in said:
        heard[event.visitor].append(event)
    current = read_links(list(heard))
    if configuration.keep_links:  # else a logout before the first link, which links do not show, may now count
        heard = {v: events for v, events in heard.items() if not said_before(current.get(v, []), events, profiles)}
    if not heard:
        return set()
    overtaken = made_by_another(list(heard.keys() - before.keys()), now)
    late = []
    changed: dict[UUID, tuple[Links, Links]] = {}
    for visitor, events in heard.items():
        old = current.get(visitor, [])
        new = [Assertion(event.time, profiles[event.identifier] if event.identifier else None) for event in events]
        last_seen = before.get(visitor)
        if visitor not in overtaken and (last_seen is None or all(event.time > last_seen for event in events)):
            links = timeline([*old, *new], reach_back=configuration.link_history)
            if links != old:
                changed[visitor] = (old, links)
        else:
            late.append(visitor)
    for visitor, links in recomputed(configuration, late).items():
        if links != current.get(visitor, []):
            changed[visitor] = (current.get(visitor, []), links)
    if changed:
        apply(configuration, changed, heard, profiles, now, imported=imported)
    return {a.profile for pair in changed.values() for links in pair for a in links if a.profile}


def said_before(links: Links, events: Sequence[Event], profiles: Mapping[UUID, UUID]) -> bool:
    """Whether the visitor has been one profile's ever since, which its events only name again."""
    if len(links) != 1:
        return False
    since, profile = links[0]
    return all(event.identifier and profiles[event.identifier] == profile and event.time >= since for event in events)


def made_by_another(visitors: Sequence[UUID], now: datetime) -> set[UUID]:
    """Of visitors that were not there when ours should have been locked: those whose row another transaction made
    meanwhile, so that we know nothing of what their events asserted."""
    if not visitors:
        return set()
    statement = "SELECT key FROM dmp_visitor WHERE key = ANY(%(keys)s) AND created_at <> %(now)s"
    return {key for (key,) in sql.run(statement, {"keys": visitors, "now": now}, binary=True)}


def read_links(visitors: Sequence[UUID]) -> dict[UUID, Links]:
    rows = sql.run(
        "SELECT visitor, since, profile FROM cdp_link WHERE visitor = ANY(%(visitors)s) ORDER BY visitor, since",
        {"visitors": list(visitors)},
        binary=True,
    )
    found: dict[UUID, Links] = defaultdict(list)
    for visitor, since, profile in rows:
        found[visitor].append(Assertion(since, profile))
    return found


ASSERTED = """SELECT visitor, time, identifier FROM (
        SELECT visitor, time, identifier, row_number() OVER w AS n, lag(identifier) OVER w AS previous,
            lead(time) OVER w AS next, lag(time) OVER w AS one_before, lag(time, 2) OVER w AS two_before
        FROM dmp_event
        WHERE visitor = ANY(%(visitors)s) AND NOT bot AND (identifier IS NOT NULL OR NOT %(keep_links)s)
            AND left(event, 1) <> '$'
            AND time >= (SELECT min(first_seen) FROM dmp_visitor WHERE key = ANY(%(visitors)s))
        WINDOW w AS (PARTITION BY visitor ORDER BY time, identifier)
    ) e WHERE n = 1 OR identifier IS DISTINCT FROM previous OR time IN (next, one_before) OR one_before = two_before"""
"""What visitors' events asserted, without those that only say again what the one before said. Of several of one
instant, and after them, nothing is left out: their profiles decide which of them counts."""
LIMITED = "SELECT visitor, since FROM cdp_link WHERE visitor = ANY(%(visitors)s) AND cause = 'limit'"


def recomputed(configuration: Configuration, visitors: Sequence[UUID]) -> dict[UUID, Links]:
    """Links from all that the visitors' events ever asserted: for events that arrive out of order."""
    if not visitors:
        return {}
    rows = sql.run(ASSERTED, {"visitors": list(visitors), "keep_links": configuration.keep_links}, binary=True)
    identifiers = list({identifier for _, _, identifier in rows if identifier})
    profiles = dict(sql.run("SELECT key, profile FROM cdp_identifier WHERE key = ANY(%(keys)s)", {"keys": identifiers}))
    assertions: dict[UUID, list[Assertion]] = {visitor: [] for visitor in visitors}
    for visitor, time, identifier in rows:
        assertions[visitor].append(Assertion(time, profiles.get(identifier)))
    for visitor, since in sql.run(LIMITED, {"visitors": list(visitors)}):
        assertions[visitor].append(Assertion(since, None))
    return {v: timeline(said, reach_back=configuration.link_history) for v, said in assertions.items()}


def apply(
    configuration: Configuration,
    changed: Mapping[UUID, tuple[Links, Links]],
    heard: Mapping[UUID, Sequence[Event]],
    profiles: Mapping[UUID, UUID],
    now: datetime,
    *,
    imported: bool,
) -> None:
    """Writes the links that changed ({visitor: (before, after)}) and all that repeats them."""
    write_links(changed)
    open_now = {visitor: after[-1].profile if after else None for visitor, (_, after) in changed.items()}
    set_open(open_now)
    everyone = sorted({a.profile for pair in changed.values() for links in pair for a in links if a.profile})
    sql.run("SELECT 1 FROM cdp_profile WHERE key = ANY(%(keys)s) ORDER BY key FOR UPDATE", {"keys": everyone})
    rows = []
    gone = []
    for visitor, (old, new) in sorted(changed.items()):
        was = {a.profile for a in old if a.profile}
        by_profile: dict[UUID | None, UUID | None] = {
            profiles[e.identifier]: e.identifier for e in heard[visitor] if e.identifier
        }
        rows += [
            (a.profile, visitor, by_profile.get(a.profile, a.profile), a.profile == open_now[visitor])
            for a in {a.profile: a for a in new if a.profile}.values()
        ]
        gone += [(profile, visitor) for profile in was - {a.profile for a in new}]
    write_devices(rows, gone, now, imported=imported)
    take_over(changed, now)
    set_buckets({(a.profile, heard[v][0].visitor_id) for v, (_, new) in changed.items() for a in new if a.profile})
    gained = {profile for profile in open_now.values() if profile}
    for profile in crowded(gained):
        close_idle(profile, set(changed), now)


def write_links(changed: Mapping[UUID, tuple[Links, Links]]) -> None:
    drop = [(visitor, a.time) for visitor, (old, new) in changed.items() for a in old if a not in new]
    add = [(visitor, *a) for visitor, (old, new) in changed.items() for a in new if a not in old]
    if drop:
        sql.run(
            """DELETE FROM cdp_link WHERE (visitor, since) IN
                (SELECT * FROM unnest(%(visitors)s::uuid[], %(since)s::timestamptz[]))""",
            {"visitors": [row[0] for row in drop], "since": [row[1] for row in drop]},
        )
    if add:
        sql.run(
            """INSERT INTO cdp_link (visitor, since, profile, cause)
                SELECT *, 'event' FROM unnest(%(visitors)s::uuid[], %(since)s::timestamptz[], %(profiles)s::uuid[])""",
            {"visitors": [r[0] for r in add], "since": [r[1] for r in add], "profiles": [r[2] for r in add]},
        )


def set_open(open_now: Mapping[UUID, UUID | None]) -> None:
    """Repeats each visitor's open link on its row."""
    sql.run(
        """UPDATE dmp_visitor v SET profile = o.profile
            FROM unnest(%(visitors)s::uuid[], %(profiles)s::uuid[]) o(visitor, profile)
            WHERE v.key = o.visitor AND v.key = ANY(%(visitors)s)""",
        {"visitors": list(open_now), "profiles": list(open_now.values())},
    )


def set_buckets(linked: Collection[tuple[UUID, UUID]]) -> None:
    """A profile's bucket is its first visitor's id, and stays. `linked`: (profile, visitor id)."""
    sql.run(
        """UPDATE cdp_profile p SET bucket = b.bucket FROM (
                SELECT DISTINCT ON (profile) profile, bucket
                FROM unnest(%(profiles)s::uuid[], %(buckets)s::uuid[]) b(profile, bucket) ORDER BY profile, bucket
            ) b WHERE p.key = b.profile AND p.bucket IS NULL""",
        {"profiles": [profile for profile, _ in linked], "buckets": [visitor for _, visitor in linked]},
    )


def write_devices(
    rows: Sequence[tuple[Any, ...]], gone: Sequence[tuple[UUID, UUID]], now: datetime, *, imported: bool
) -> None:
    """`rows`: (profile, visitor, identifier, open) of the devices that are or stay; `gone`: (profile, visitor)."""
    if rows:
        profiles, visitors, identifiers, opened = zip(*rows, strict=True)
        sql.run(
            """INSERT INTO cdp_device AS d (profile, visitor, identifier, open, linked_at, imported)
                SELECT *, %(now)s, %(imported)s FROM unnest(
                    %(profiles)s::uuid[], %(visitors)s::uuid[], %(identifiers)s::uuid[], %(open)s::boolean[])
                ON CONFLICT (profile, visitor) DO UPDATE SET open = EXCLUDED.open""",
            {
                "profiles": list(profiles),
                "visitors": list(visitors),
                "identifiers": list(identifiers),
                "open": list(opened),
                "now": now,
                "imported": imported,
            },
        )
    if gone:
        sql.run(
            """DELETE FROM cdp_device WHERE (profile, visitor) IN
                (SELECT * FROM unnest(%(profiles)s::uuid[], %(visitors)s::uuid[]))""",
            {"profiles": [profile for profile, _ in gone], "visitors": [visitor for _, visitor in gone]},
        )


def first_owner(links: Links) -> UUID | None:
    """The profile whose the anonymous history is: that of a first link that reaches back to the beginning."""
    return links[0].profile if links and links[0].time == BEGINNING else None


def take_over(changed: Mapping[UUID, tuple[Links, Links]], now: datetime) -> None:
    """Attribute values that a profile lacks come from the visitor whose history it got, with the visitor as their
    source; one that lost the history gives them back."""
    gained = {v: first_owner(new) for v, (old, new) in changed.items() if first_owner(new) != first_owner(old)}
    lost = {v: first_owner(old) for v, (old, new) in changed.items() if first_owner(new) != first_owner(old)}
    for visitor, profile in lost.items():
        if profile is not None:
            rewrite(profile, lambda own, v=visitor: {n: a for n, a in own.items() if a["source"] != f"visitor:{v}"})
    has_values = sql.run(
        "SELECT key, attributes FROM dmp_visitor WHERE key = ANY(%(keys)s) AND attributes <> '{}'",
        {"keys": list(gained)},
    )
    for visitor, text in sorted(has_values):
        profile = gained[visitor]
        if profile is not None:
            taken = {n: a | {"source": f"visitor:{visitor}"} for n, a in decode(text).items() if a["values"]}
            rewrite(profile, lambda own, taken=taken: own | taken | {n: a for n, a in own.items() if a["values"]})


def rewrite(profile: UUID, change: Any) -> None:
    """Replaces the attributes of a profile, whose row is locked."""
    [(text,)] = sql.run("SELECT attributes FROM cdp_profile WHERE key = %(key)s", {"key": profile})
    after = change(decode(text))
    sql.run(
        "UPDATE cdp_profile SET attributes = %(after)s::jsonb WHERE key = %(key)s",
        {"key": profile, "after": encode(after).decode()},
    )


def crowded(profiles: set[UUID]) -> list[UUID]:
    """Of these profiles those with more open devices than allowed."""
    rows = sql.run(
        """SELECT profile FROM cdp_device WHERE profile = ANY(%(profiles)s) AND open
            GROUP BY profile HAVING count(*) > %(limit)s ORDER BY profile""",
        {"profiles": list(profiles), "limit": MAX_DEVICES},
    )
    return [profile for (profile,) in rows]


def close_idle(profile: UUID, new: set[UUID], now: datetime) -> None:
    """Identity rule 10: beyond 100 open devices those idle longest close; the new links stand, unless they alone are
    more."""
    rows = sql.run(
        "SELECT visitor FROM cdp_device WHERE profile = %(profile)s AND open LIMIT %(limit)s",
        {"profile": profile, "limit": MAX_DEVICES + len(new) + 1},
    )
    excess = len(rows) - MAX_DEVICES
    if excess <= 0:
        return
    idle = sql.run(
        """SELECT key FROM dmp_visitor WHERE key = ANY(%(keys)s)
            ORDER BY key = ANY(%(new)s), last_seen NULLS FIRST, key LIMIT %(excess)s""",
        {"keys": [visitor for (visitor,) in rows], "new": list(new), "excess": excess},
    )
    closed = [key for (key,) in idle]
    metrics.warnings.labels("devices").inc(len(closed))
    sql.run(
        """INSERT INTO cdp_link (visitor, since, profile, cause) SELECT v, %(now)s, NULL, 'limit'
            FROM unnest(%(visitors)s::uuid[]) v
            ON CONFLICT (visitor, since) DO UPDATE SET profile = NULL, cause = 'limit'""",
        {"visitors": closed, "now": now},
    )
    sql.run(
        "UPDATE cdp_device SET open = false WHERE profile = %(profile)s AND visitor = ANY(%(visitors)s)",
        {"profile": profile, "visitors": closed},
    )
    sql.run("UPDATE dmp_visitor SET profile = NULL WHERE key = ANY(%(visitors)s)", {"visitors": closed})
