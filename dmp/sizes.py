"""How large segments are, counted to a thousand: no page counts millions."""

from django.db.models import BigIntegerField
from django.db.models.expressions import RawSQL

from dmp.memberships import COUNTS

MOST = 1000
MEMBERS = f"""SELECT count(*) FROM (
    SELECT 1 FROM dmp_membership m WHERE m.segment_id = dmp_segment.id
    AND m.revision IN (0, dmp_segment.revision) AND {COUNTS}
    LIMIT {MOST + 1}
) counted"""


def members() -> RawSQL:
    """For `Segment.objects.annotate(size=members())`."""
    return RawSQL(MEMBERS, (), BigIntegerField())  # noqa: S611 - fixed text


def in_words(size: int) -> str:
    return f"{MOST:,}+" if size > MOST else f"{size:,}"
