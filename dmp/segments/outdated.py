"""What a rule means besides its words: the zone of its account, the types of what it names and how that is computed. A
revision is bound to it, and serves as it was bound until one that is bound anew is switched to.

Segments to be built again are found by comparing what a revision is bound to with what is defined, so that it does not
matter who changed it.
"""

from uuid import UUID

from dmp import sql

BIND = """UPDATE dmp_segment_revision r SET zone = a.timezone, types = jsonb_build_object(
        'attributes', coalesce((SELECT jsonb_object_agg(b.name, b.type) FROM accounts_attribute b
            WHERE b.account_id = a.id AND nullif(b.computed, 'null') IS NULL
                AND to_jsonb(b.name::text) IN (SELECT jsonb_path_query(r.rule, '$.**.attribute'))), '{}'),
        'properties', coalesce((SELECT jsonb_object_agg(x.code, x.named) FROM (
            SELECT t.code, jsonb_object_agg(p.name, jsonb_build_array(p.type, p.many)) AS named
            FROM dmp_property p JOIN dmp_eventtype t ON t.id = p.event_type_id
            WHERE t.account_id = a.id AND to_jsonb(p.name::text) IN (
                SELECT jsonb_path_query(r.rule, '$.**.property')
                UNION SELECT jsonb_path_query(r.definitions, '$.**.property'))
            GROUP BY t.code) x), '{}'))
    FROM dmp_segment s, accounts_account a
    WHERE s.id = r.segment_id AND a.id = s.account_id AND r.build = %(build)s"""

OUTDATED = """SELECT s.id, s.account_id FROM (
        SELECT DISTINCT ON (segment_id) segment_id, coalesce(declined -> 'definitions', definitions) AS definitions,
            coalesce(declined ->> 'zone', zone) AS zone, coalesce(declined -> 'types', types) AS types
        FROM dmp_segment_revision
        WHERE state <> 'retired' ORDER BY segment_id, id DESC
    ) r
    JOIN dmp_segment s ON s.id = r.segment_id AND s.status IN ('live', 'building') AND s.rule IS NOT NULL
    JOIN accounts_account o ON o.id = s.account_id
    WHERE (%(account)s::uuid IS NULL OR s.account_id = %(account)s) AND (
        r.zone <> o.timezone
        OR EXISTS (SELECT FROM jsonb_each(r.definitions) d(name, computed)
            LEFT JOIN accounts_attribute a ON a.account_id = s.account_id AND a.name = d.name
            WHERE nullif(d.computed, 'null') IS DISTINCT FROM nullif(a.computed, 'null'))
        OR EXISTS (SELECT FROM jsonb_each_text(r.types -> 'attributes') d(name, type)
            LEFT JOIN accounts_attribute a ON a.account_id = s.account_id AND a.name = d.name
            WHERE a.type IS DISTINCT FROM d.type)
        OR EXISTS (SELECT FROM jsonb_each(r.types -> 'properties') e(code, named)
            CROSS JOIN jsonb_each(e.named) d(name, type)
            LEFT JOIN dmp_eventtype t ON t.account_id = s.account_id AND t.code = e.code
            LEFT JOIN dmp_property p ON p.event_type_id = t.id AND p.name = d.name
            WHERE jsonb_build_array(p.type, p.many) IS DISTINCT FROM d.type))"""


def bind_meaning(build: UUID) -> None:
    """Records the zone and the types in the revisions of a build that begins."""
    sql.run(BIND, {"build": build})


def outdated(account: UUID | None = None) -> dict[int, UUID]:
    """Segments whose rules mean something else since they were built; with their accounts."""
    return dict(sql.run(OUTDATED, {"account": account}))
