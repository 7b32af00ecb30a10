"""What the demo shop's people were shown in the last weeks: the real decision at each of their views, with the segments
that they are in today, and what became of it. So reports, uplift and delivery have something to tell."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import islice
from random import Random
from typing import Any
from uuid import UUID

from accounts.snapshot import Configuration
from adserver import conversions, counting, decision, query
from adserver.board import Board
from adserver.live import offers
from adserver.models import Campaign, CampaignChange
from adserver.rollups import recount
from cdp.identity import read_standings
from dmp.events import Event, record_all_beside
from dmp.keys import key
from dmp.memberships import NOBODY, standing, together
from dmp.models import Event as StoredEvent
from dmp.models import Visitor

DAYS = 30
BATCH = 1000
SHOWN, VIEWABLE, DISMISSED = 0.93, 0.72, 0.01
"""Of what is answered, of what was shown."""
CLICKED = {"Picture": 0.09, "Urgent": 0.05, "B": 0.06}
"""Of what was viewable, by creative."""
CLICKED_ELSE = 0.03
VIEWS = ("pageView", "productView")
Known = tuple[tuple[Any, ...] | None, frozenset[int]]


def show(found: Configuration, now: datetime, random: Random) -> None:
    """Needs the segments built."""
    since = now - timedelta(days=DAYS)
    board, known = offers.of(found).live, cache(partial(who, found))
    Campaign.objects.filter(account=found.id).exclude(status=Campaign.Status.DRAFT).update(created_at=since)
    CampaignChange.objects.filter(account=found.id).update(at=since)  # who is marked later was drawn by these shares
    numbered = enumerate(list(views(found, since, now)))
    while batch := list(islice(numbered, BATCH)):
        told = [
            one
            for number, event in batch
            for one in answered(found, board, event, known(event.visitor), random, number)
            if one.time < now
        ]
        record_all_beside(found.id, told, now)
        counting.flush()
    conversions.repair(found, since, now)
    recount(found.id, since, now)


def views(found: Configuration, since: datetime, now: datetime) -> Iterator[Event]:
    ids = dict(Visitor.objects.filter(account=found.id).values_list("key", "visitor_id"))
    columns = ("id", "visitor", "time", "event", "platform", "device", "path")
    rows = StoredEvent.objects.filter(account=found.id, event__in=VIEWS, time__gte=since, time__lt=now)
    for row in rows.order_by("time", "id").values(*columns).iterator(chunk_size=2000):
        yield Event(visitor_id=ids[row["visitor"]], **row)


def answered(
    found: Configuration, board: Board, event: Event, person: Known, random: Random, number: int
) -> Iterator[Event]:
    """What was made of the campaigns that an event is answered with."""
    row, segments = person
    unit = query.Person.of(event, row).unit
    context = decision.Context(
        now=event.time,
        platform=event.platform,
        device=event.device,
        event=event.event,
        path=decision.plain_path(event.path),
        segments=segments,
        unit=str(unit),
        zone=found.zone,
    )
    chosen = decision.choose(board, context, random.random)
    query.count(found, event, row, chosen, event.time)
    for place, choice in enumerate(chosen.chosen):
        yield from became(found, event, choice, random, f"demo {number} {place}")


def became(found: Configuration, event: Event, choice: decision.Choice, random: Random, name: str) -> Iterator[Event]:
    campaign, creative = choice

    def happened(kind: str, seconds: float) -> Event:
        return Event(
            id=key(found.id, "t", f"{name}{kind}"),
            visitor=event.visitor,
            visitor_id=event.visitor_id,
            time=event.time + timedelta(seconds=seconds),
            event=kind,
            device=event.device,
            properties={
                "$ids": [campaign.id, creative.id, campaign.placement_id or 0],
                "campaign": campaign.slug,
                "creative": creative.name,
                "placement": campaign.placement,
            },
        )

    if random.random() >= SHOWN:
        return
    yield happened("$impression", 0.4)
    if random.random() >= VIEWABLE:
        return
    yield happened("$viewable", 1.5)
    share = CLICKED.get(creative.name, CLICKED_ELSE)
    if creative.link and random.random() < share:
        yield happened("$click", random.uniform(2, 20))
    elif random.random() < DISMISSED:
        yield happened("$dismiss", random.uniform(2, 8))


def who(found: Configuration, visitor: UUID) -> Known:
    """The standings of a visitor, and the segments it is in."""
    row = read_standings(visitor)
    if row is None:
        return None, frozenset()
    profile = standing(found, row[3:6]) if row[3] is not None else NOBODY
    return row, together(standing(found, row[0:3]), profile)
