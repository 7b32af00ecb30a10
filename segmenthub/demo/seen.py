"""What SegmentHub knows of a visitor of the demo shop: its segments at this instant and how far it is from the others,
and why it is shown the campaigns of an event. Reads, and stores nothing; of no other account."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from accounts.snapshot import Configuration
from adserver.models import Campaign, Placement
from adserver.query import Query, explain_campaigns
from adserver.reasons import words
from cdp.identifiers import name
from cdp.models import Profile
from cdp.people import Profiles
from dmp import memberships
from dmp.models import Level, Segment
from dmp.people import Person, Visitors
from dmp.segments import members, reading, rules
from dmp.segments.active import Revision, active
from dmp.segments.evaluate import prepare
from dmp.segments.evaluate.computed import values
from dmp.segments.refresh import memberships as entered

People = dict[str, Person]
"""By level."""


class Step(NamedTuple):
    """How far somebody is: `done` of `needed`."""

    done: float
    needed: float


def seen(configuration: Configuration, visitor: UUID, now: datetime) -> dict[str, Any]:
    """The visitor and its profile with each segment, as the API's queries read them."""
    found = Visitors().find_now(configuration, visitor, now)
    who = profile_of(found)
    profile = Profiles().find_now(configuration, name(configuration.id, who), now) if who else None
    both: dict[str, Person | None] = {Level.VISITOR: found, Level.PROFILE: profile}
    people = {level: person for level, person in both.items() if person is not None}
    return {
        "known": found is not None,
        "profile": who or None,
        "at": now,
        "segments": segments(configuration, people, now),
    }


def profile_of(visitor: Person | None) -> str:
    """The name of the profile that a visitor is linked to now, "" for none."""
    key = visitor.latest.get("profile") if visitor else None
    return Profile.objects.filter(key=key).values_list("name", flat=True).first() or "" if key else ""


def segments(configuration: Configuration, people: People, now: datetime) -> list[dict[str, Any]]:
    """Each segment with who is in; one without a rule only where somebody is."""
    inside = {level: memberships.names(configuration, person.segments) for level, person in people.items()}
    live = {revision.segment: revision for revision in active.of(configuration).revisions if revision.live}
    known = [reading.read({level: [person.key]}, reading.wanted(live.values(), now), configuration.zone)[0]
             for level, person in people.items()]  # fmt: skip
    found = []
    for row in Segment.objects.filter(account=configuration.id).order_by("pk"):
        levels = [level for level, names in inside.items() if row.name in names]
        told = {"name": row.name, "description": row.description, "inside": levels}
        if revision := live.get(row.pk):
            told |= prospect(revision, known, bool(levels), now)
        if revision or levels:
            found.append(told)
    return found


def prospect(revision: Revision, known: list[reading.Known], is_inside: bool, now: datetime) -> dict[str, Any]:
    """When the answer changes by time alone, and how far it is, the furthest of both levels."""
    steps, changes = [], []
    for person in known:
        person.facts.segments = entered(revision.references, person)
        holds, until = prepare(revision.rule)(person.facts, now)
        # `until` may be early: it counts where the answer is another one then.
        if until is not None and holds == is_inside != prepare(revision.rule)(person.facts, until).member:
            changes.append(until)
        steps.append(progress(revision.rule, person, now))
    step = max(filter(None, steps), default=progress(revision.rule, None, now))
    return {"changes_at": max(changes, default=None), "step": step and step._asdict()}


def progress(rule: rules.Condition, person: reading.Known | None, now: datetime) -> Step | None:
    """Of the first condition that asks for so many events, or for such a sum of them; nobody has done any."""
    leaf = next((leaf for leaf in asked(rule) if isinstance(leaf, rules.Did)), None)
    if leaf is None or not isinstance(leaf.measure, rules.Count | rules.Aggregate):
        return None
    [test, *_] = leaf.measure.tests
    kind, property = "count", None
    if isinstance(leaf.measure, rules.Aggregate):
        kind, property = leaf.measure.function, leaf.measure.property
    if test.op != "gte" or kind not in ("count", "sum"):
        return None
    computed = rules.Computed(kind, "number", leaf.events, leaf.where, leaf.window, property)
    done: list[Decimal] = values(computed)(person.facts, now) if person else []
    return Step(float(done[0]) if done else 0.0, float(test.operand))


def asked(rule: rules.Condition) -> list[rules.Condition]:
    """The rule itself, or what must hold beside each other; what must not hold is left out."""
    parts = rule.parts if isinstance(rule, rules.All) else (rule,)
    return [part for part in parts if not isinstance(part, rules.Not)]


def why(configuration: Configuration, query: Query, shown: list[Any]) -> list[dict[str, Any]]:
    """Each placement with its campaigns: those `shown` after the event of `query`, and the first reason of each other.
    The event is known by its id, so that it does not count a second time."""
    _, reasons = explain_campaigns(configuration, query, query.event.time)
    rows = Campaign.objects.filter(account=configuration.id).prefetch_related("segments")
    campaigns = {row.slug: row for row in rows}
    placements = {row.code: row.name or row.code for row in Placement.objects.filter(account=configuration.id)}
    found: dict[str, dict[str, Any]] = {
        code: {"placement": code, "name": told, "shown": [], "others": []} for code, told in placements.items()
    }
    for one in reasons:
        campaign, place = campaigns[one["campaign"]], found.get(one["placement"])
        if place is None:
            continue
        told = {"name": campaign.name, "segments": [str(segment) for segment in campaign.segments.all()]}
        if campaign.slug in shown:
            place["shown"].append(told)
        else:  # what would be chosen now and was not shown lost the draw
            place["others"].append(told | {"reason": words(one["reason"] or "draw").text})
    return list(found.values())


def somebody(configuration: Configuration, segment: str, now: datetime) -> str | None:
    """The name of a profile in a segment."""
    pk = memberships.segments.of(configuration).get(segment)
    found = members.page(configuration, pk, Level.PROFILE, now, after=None, limit=1) if pk else []
    return Profile.objects.get(key=found[0].person).name if found else None
