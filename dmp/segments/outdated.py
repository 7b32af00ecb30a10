"""Segments to be built again because an attribute that their rules name is computed in another way now.

Found by comparing what a revision was bound to with what is defined, so that it does not matter who changed it.
"""

from uuid import UUID

from dmp import sql

OUTDATED = """SELECT DISTINCT s.id, s.account_id FROM (
        SELECT DISTINCT ON (segment_id) segment_id, definitions FROM dmp_segment_revision
        WHERE state <> 'retired' ORDER BY segment_id, id DESC
    ) r
    JOIN dmp_segment s ON s.id = r.segment_id AND s.status IN ('live', 'building') AND s.rule IS NOT NULL
    CROSS JOIN jsonb_each(r.definitions) d(name, computed)
    LEFT JOIN accounts_attribute a ON a.account_id = s.account_id AND a.name = d.name
    WHERE nullif(d.computed, 'null') IS DISTINCT FROM nullif(a.computed, 'null')
        AND (%(account)s::uuid IS NULL OR s.account_id = %(account)s)"""


def outdated(account: UUID | None = None) -> dict[int, UUID]:
    """Segments that name an attribute which is computed in another way since they were built; with their accounts."""
    return dict(sql.run(OUTDATED, {"account": account}))
