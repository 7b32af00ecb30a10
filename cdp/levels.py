"""Profiles as people who are in segments: what `dmp.segments` needs to read of them.

A profile's events are those of its visitors while they were linked to it. What is known of the newest event is of the
visitors that are linked still.
"""

from cdp.models import Profile
from dmp.models import Level
from dmp.segments.levels import LATEST, Facts

SPANS = """SELECT s.visitor, s.since, s.until FROM cdp_device d
    CROSS JOIN LATERAL (
        SELECT l.visitor, l.since, l.profile, lead(l.since) OVER (ORDER BY l.since) AS until
        FROM cdp_link l WHERE l.visitor = d.visitor
    ) s
    WHERE d.profile = {person} AND s.profile = {person}"""


def newest(column: str) -> str:
    known = f"v.{column} IS NOT NULL AND s.until IS NULL"
    return f"(array_agg(v.{column} ORDER BY v.last_seen DESC) FILTER (WHERE {known}))[1]"


PROFILES = Facts(
    Level.PROFILE,
    Profile,
    f"""SELECT p.key AS person, p.account_id, p.attributes, p.segments, p.pins_in, p.pins_out, p.due_at,
        coalesce(latest.first_seen, p.created_at) AS first_seen, latest.last_seen,
        coalesce(p.bucket::text, '') AS bucket, latest.platform,
        latest.device, latest.country, latest.language, latest.utm, true AS known
    FROM cdp_profile p LEFT JOIN LATERAL (
        SELECT min(greatest(s.since, v.first_seen)) AS first_seen, max(v.last_seen) FILTER (WHERE s.until IS NULL)
            AS last_seen, {", ".join(f"{newest(column)} AS {column}" for column in (*LATEST, "utm"))}
        FROM ({SPANS.format(person="p.key")}) s JOIN dmp_visitor v ON v.key = s.visitor
    ) latest ON true
    WHERE p.key = ANY(%(KEYS)s)""",  # noqa: S608
    f"""FROM ({SPANS.format(person="p.person")}) s JOIN dmp_event e ON e.visitor = s.visitor
        AND e.time >= greatest(s.since, p.first_seen) AND e.time < coalesce(s.until, 'infinity')
    WHERE NOT e.bot""",  # noqa: S608
    "SELECT p.key AS person, p.attributes, coalesce(p.bucket::text, '') AS bucket FROM cdp_profile p WHERE WHO",
    """SELECT s.profile AS person, d.* FROM (
        SELECT l.visitor, l.since, l.profile, lead(l.since) OVER (PARTITION BY l.visitor ORDER BY l.since) AS until
        FROM cdp_link l WHERE l.visitor IN (
            SELECT o.visitor FROM cdp_device o JOIN cdp_profile q ON q.key = o.profile WHERE OWNER)
    ) s JOIN cdp_profile p ON p.key = s.profile
    JOIN dmp_event d ON d.visitor = s.visitor AND d.time >= s.since AND d.time < coalesce(s.until, 'infinity')
    WHERE NOT d.bot AND WHO""",
    {"OWNER": ("q.key", "q.account_id"), "WHO": ("p.key", "p.account_id")},
    "p.key",
    "p.account_id",
    told="p.name",
)
