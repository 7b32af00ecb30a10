"""How large segments are, counted to a thousand: no page counts millions."""

from django.db.models import BigIntegerField
from django.db.models.expressions import RawSQL

MOST = 1000
MEMBERS = f"""SELECT count(*) FROM (
    SELECT 1 FROM dmp_membership m WHERE m.segment_id = dmp_segment.id
    AND ((m.revision = 0 AND m.pinned = 'in') OR (m.revision = dmp_segment.revision AND m.by_rule AND NOT EXISTS (
        SELECT FROM dmp_membership p WHERE p.person = m.person AND p.segment_id = m.segment_id AND p.revision = 0)))
    LIMIT {MOST + 1}
) counted"""


def members() -> RawSQL:
    """For `Segment.objects.annotate(size=members())`."""
    return RawSQL(MEMBERS, (), BigIntegerField())  # noqa: S611 - fixed text


def in_words(size: int) -> str:
    return f"{MOST:,}+" if size > MOST else f"{size:,}"
