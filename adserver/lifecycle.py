"""What happens to a campaign as a whole: its history, copies, and when it may be deleted."""

import json
from datetime import datetime
from itertools import count
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import transaction
from django.db.models import DateTimeField, Model
from django.utils.dateformat import format as date_format
from django.utils.timezone import localtime

from accounts.clock import now
from accounts.models import User
from adserver.models import (
    Campaign,
    CampaignChange,
    CampaignReason,
    CampaignStat,
    Conversion,
    Creative,
    Mark,
    new_salt,
)

Status = Campaign.Status
NEXT: dict[str, set[str]] = {
    Status.DRAFT: {Status.LIVE, Status.PAUSED, Status.ARCHIVED},
    Status.LIVE: {Status.PAUSED, Status.ARCHIVED},
    Status.PAUSED: {Status.LIVE, Status.ARCHIVED},
    Status.ARCHIVED: {Status.DRAFT, Status.PAUSED},
}
"""A campaign that was live does not become a draft at once: what it showed is told under its slug."""
UNTOLD = {"id", "account", "salt", "created_at", "campaign"}


def state_of(campaign: Campaign) -> dict[str, Any]:
    """A stored campaign as history tells of it: plain JSON by field; each creative as “creative A”."""
    stored = Campaign.objects.select_related("placement").get(pk=campaign.pk)
    state = fields_of(stored)
    state["segments"] = sorted(stored.segments.values_list("name", flat=True))
    state["exclude_segments"] = sorted(stored.exclude_segments.values_list("name", flat=True))
    creatives = Creative.objects.filter(campaign=stored).select_related("media")
    return state | {f"creative {row.name}": fields_of(row) for row in creatives}


def fields_of(row: Campaign | Creative) -> dict[str, Any]:
    return {field.name: plain(getattr(row, field.name)) for field in row._meta.fields if field.name not in UNTOLD}


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | float | list | dict) else str(value)


def note(campaign: Campaign, before: dict[str, Any], user: User | None) -> None:
    """Adds to the history what differs from `before`, {} for a new campaign; nothing when nothing does. `user` is None
    for a file."""
    after = state_of(campaign)
    names = [*after, *(name for name in before if name not in after)]
    changes = {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}
    if not before:
        changes = {name: pair for name, pair in changes.items() if pair[1] not in ("", [], {})}
    if changes:
        CampaignChange.objects.create(
            account_id=campaign.account_id, campaign=campaign, user=user, at=now(), changes=changes
        )


def told(change: CampaignChange) -> list[tuple[str, str, str]]:
    """What changed, as the form calls it, before and after, in words; of a creative each field by itself. Times are in
    the zone that is active."""
    lines = []
    for name, (before, after) in change.changes.items():
        if not name.startswith("creative "):
            lines.append((label(Campaign, name), words(Campaign, name, before), words(Campaign, name, after)))
            continue
        one, other = before or {}, after or {}
        lines += [
            (
                f"{name[:1].upper()}{name[1:]}: {label(Creative, field).lower()}",
                words(Creative, field, one.get(field)),
                words(Creative, field, other.get(field)),
            )
            for field in {**one, **other}
            if one.get(field) != other.get(field)
        ]
    return lines


def field_of(model: type[Model], name: str) -> Any:
    """None for one that is no more."""
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def label(model: type[Model], name: str) -> str:
    """A field's name in the panel; one that is no more keeps its own."""
    text = str(getattr(field_of(model, name), "verbose_name", name))
    return text[:1].upper() + text[1:].replace("_", " ")


def words(model: type[Model], name: str, value: Any) -> str:
    if value in (None, "", [], {}):
        return "–"
    if isinstance(value, list):
        return ", ".join(words(model, name, each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    field = field_of(model, name)
    if isinstance(field, DateTimeField):
        return date_format(localtime(datetime.fromisoformat(value)), "j M Y H:i")
    return str(dict(getattr(field, "choices", None) or ()).get(value, value))


def has_statistics(campaign: Campaign) -> bool:
    """Whether anything was counted of it: then it is archived, not deleted."""
    return (
        CampaignStat.objects.filter(campaign=campaign).exists()
        or CampaignReason.objects.filter(campaign=campaign).exists()
        or Conversion.objects.filter(campaign=campaign.pk).exists()
        or Mark.objects.filter(account=campaign.account_id, campaign=campaign.pk).exists()
    )


def may_delete(campaign: Campaign) -> bool:
    return campaign.status == Status.DRAFT and not has_statistics(campaign)


def slug_is_fixed(campaign: Campaign) -> bool:
    """Sites and reports know a campaign that left its draft by its slug."""
    return campaign.status != Status.DRAFT or has_statistics(campaign)


def stage(campaign: Campaign, at: datetime) -> str:
    """The status as people see it: a live one is "scheduled" before its start and "ended" after its end."""
    if campaign.status != Status.LIVE:
        return campaign.status
    if campaign.ends_at is not None and campaign.ends_at <= at:
        return "ended"
    return "scheduled" if campaign.starts_at is not None and campaign.starts_at > at else campaign.status


def status_problem(before: str, after: str) -> str | None:
    if before == after or after in NEXT[before]:
        return None
    allowed = " or ".join(str(status) for status in Status.values if status in NEXT[before])
    return f"A campaign that is {before} becomes {allowed}."


@transaction.atomic
def duplicate(campaign: Campaign, user: User | None) -> Campaign:
    """A draft like it, with its segments and creatives; other people are held out of it."""
    segments, excluded = list(campaign.segments.all()), list(campaign.exclude_segments.all())
    creatives = list(campaign.creatives.all())
    copy = Campaign.objects.get(pk=campaign.pk)
    copy.pk, copy._state.adding = None, True
    copy.slug, copy.name = free_slug(campaign), f"Copy of {campaign.name}"[:255]
    copy.status, copy.salt = Status.DRAFT, new_salt()
    copy.save()
    copy.segments.set(segments)
    copy.exclude_segments.set(excluded)
    for creative in creatives:
        creative.pk, creative._state.adding, creative.campaign = None, True, copy
        creative.save()
    note(copy, {}, user)
    return copy


def free_slug(campaign: Campaign) -> str:
    stem = campaign.slug[:56].rstrip("-_")
    taken = set(Campaign.objects.filter(account=campaign.account_id).values_list("slug", flat=True))
    return next(slug for number in count(2) if (slug := f"{stem}-{number}") not in taken)
