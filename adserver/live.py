"""The live campaigns of an account, compiled for the decision, in the process's snapshot."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.conf import settings

from accounts.snapshot import Part
from adserver import decision
from adserver.models import Campaign, Creative


def load_live(account: UUID) -> tuple[decision.Campaign, ...]:
    rows = (
        Campaign.objects.filter(account=account, status=Campaign.Status.LIVE)
        .select_related("placement")
        .prefetch_related("segments", "exclude_segments")
        .order_by("tier", "pk")
    )
    creatives: dict[int, list[decision.Creative]] = defaultdict(list)
    for row in Creative.objects.filter(campaign__in=rows, active=True).select_related("media").order_by("pk"):
        creatives[row.campaign_id].append(
            decision.Creative(row.pk, row.name, row.type, content(row), row.link, row.weight)
        )
    return tuple(compile_campaign(row, creatives[row.pk]) for row in rows)


live: Part[tuple[decision.Campaign, ...]] = Part(load_live)


def compile_campaign(row: Campaign, creatives: list[decision.Creative]) -> decision.Campaign:
    placement = row.placement
    return decision.Campaign(
        id=row.pk,
        slug=row.slug,
        placement_id=row.placement_id,
        placement=placement.code if placement else None,
        placement_active=placement is None or placement.active,
        tier=row.tier,
        weight=row.weight,
        label=row.label,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        platforms=frozenset(row.platforms),
        devices=frozenset(row.devices),
        events=frozenset(row.events),
        paths=tuple(row.paths),
        exclude_paths=tuple(row.exclude_paths),
        segments=frozenset(segment.pk for segment in row.segments.all()),
        exclude_segments=frozenset(segment.pk for segment in row.exclude_segments.all()),
        creatives=tuple(creatives),
    )


def content(row: Creative) -> Any:
    """What an element's `content` says for its type."""
    if row.type == Creative.Type.IMAGE and row.media:
        return {
            "src": media_url(row.media.file.url),
            "alt": row.media.alt,
            "width": row.media.width,
            "height": row.media.height,
        }
    return row.content


def media_url(url: str) -> str:
    return settings.API_URL + url if url.startswith("/") else url
