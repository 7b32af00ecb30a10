"""Segments to be built again because an attribute that their rules name is computed in another way now, or because the
account's days begin at another time.

Found by comparing what a revision was bound to with what is defined, so that it does not matter who changed it.
"""

from uuid import UUID

from dmp import sql

OUTDATED = """SELECT s.id, s.account_id FROM (
        SELECT DISTINCT ON (segment_id) segment_id, definitions, zone FROM dmp_segment_revision
        WHERE state <> 'retired' ORDER BY segment_id, id DESC
    ) r
    JOIN dmp_segment s ON s.id = r.segment_id AND s.status IN ('live', 'building') AND s.rule IS NOT NULL
    JOIN accounts_account o ON o.id = s.account_id
    WHERE (r.zone <> o.timezone OR EXISTS (
            SELECT FROM jsonb_each(r.definitions) d(name, computed)
            LEFT JOIN accounts_attribute a ON a.account_id = s.account_id AND a.name = d.name
            WHERE nullif(d.computed, 'null') IS DISTINCT FROM nullif(a.computed, 'null')))
        AND (%(account)s::uuid IS NULL OR s.account_id = %(account)s)"""


def outdated(account: UUID | None = None) -> dict[int, UUID]:
    """Segments that were built by another definition or in another time zone; with their accounts."""
    return dict(sql.run(OUTDATED, {"account": account}))
