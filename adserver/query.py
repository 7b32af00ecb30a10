"""The product in one function: an event comes in, is recorded, its person becomes known, campaigns go out."""

import logging
import random
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import DatabaseError, transaction

from accounts import clock, metrics
from accounts.errors import Malformed
from accounts.snapshot import Configuration
from adserver import conversions, counting, decision, goals, signing, state
from adserver.board import Past, held_out, variant
from adserver.live import offers
from adserver.macros import render
from adserver.personal import values_of
from adserver.tracking import impression_key
from cdp import identity
from cdp.identifiers import Name
from cdp.people import Profiles
from dmp import partitions, sql
from dmp.attributes import write_attributes
from dmp.events import Event, partition_missing, recorded_refund
from dmp.keys import visitor_key
from dmp.memberships import NOBODY, standing, together
from dmp.models import Level, Visitor
from dmp.segments.active import Revision, active, fact_of, open_to, touched
from dmp.segments.refresh import is_due, refresh

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Query:
    """An event with what it asserts: the profile it names, and the visitor's consent as attribute changes."""

    event: Event
    name: Name | None
    consent: dict[str, list[Any]]
    relinked: set[UUID] = field(default_factory=set)
    """Profiles whose links the event changed."""
    signed: bool = False
    """Whether the shop's server vouched for the profile."""
    stored: bool = True
    """Whether the event was not there before."""


class Explained(Exception):
    """Carries an answer out of a transaction that is to leave nothing behind."""

    def __init__(self, row: tuple[Any, ...] | None) -> None:
        self.row = row


def query_campaigns(configuration: Configuration, query: Query, now: datetime) -> list[dict[str, Any]]:
    """Records the event and gives the elements for its person, the effect of this event included."""
    assert_name(query)
    if not query.event.bot and offers.of(configuration).live.personal:
        state.past_ahead(query.event.visitor)
    row = recorded(configuration, query, now)
    metrics.recorded.inc()
    if query.event.bot:
        return []
    if query.relinked:
        state.forget(state.units_of(configuration.id, query.relinked))
    if query.event.event == "purchase" and query.stored and row is not None:
        attribute(configuration, query.event, row)
    tokens: dict[int, str] = {}
    found = decide(configuration, query.event, row, now, tokens)
    if found is not decision.NOTHING:
        count(configuration, query.event, row, found, now)
    return elements(configuration, query, found.chosen, now, tokens)


def explain_campaigns(
    configuration: Configuration, query: Query, now: datetime
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The same answer and a reason for each live campaign, with nothing stored or counted."""
    assert_name(query)
    try:
        with transaction.atomic():
            raise Explained(record_in_transaction(configuration, query, now))
    except Explained as explained:
        row = explained.row
    board = offers.of(configuration).live
    if query.event.bot:
        return [], [told(decision.Verdict(campaign, "bot")) for campaign in board.campaigns]
    found = decide(configuration, query.event, row, now)
    return elements(configuration, query, found.chosen, now, {}), [
        told(verdict) for verdict in decision.verdicts(board, found)
    ]


def assert_name(query: Query) -> None:
    """The event of a person, not of a bot, asserts the profile that it names."""
    if query.event.identifier is None and query.name is not None and not query.event.bot:
        query.event.identifier = query.name.key


def told(verdict: decision.Verdict) -> dict[str, Any]:
    campaign, reason = verdict
    return {
        "campaign": campaign.slug,
        "placement": campaign.placement,
        "chosen": not reason,
        "reason": reason or None,
    }


def recorded(configuration: Configuration, query: Query, now: datetime) -> tuple[Any, ...] | None:
    """Records the event; a partition that is missing is made, and the recording repeated once."""
    try:
        return record(configuration, query, now)
    except psycopg.errors.CheckViolation as error:
        if not partition_missing(error):
            raise
        partitions.ensure(query.event.time)
        return record(configuration, query, now)


def record(configuration: Configuration, query: Query, now: datetime) -> tuple[Any, ...] | None:
    """One statement where no link changes and no segment can, else one transaction. Gives the standings of the person,
    the effect of this event included."""
    event = query.event
    touches = [] if event.bot else touched(configuration, event)
    if not query.consent and not touches:
        row = identity.record_steady(configuration, event, now)
        if row is not None:
            return up_to_date(configuration, query, row, (), now, locked=False)
    if not query.consent and touches:
        with sql.Transaction():
            row = identity.record_steady(configuration, event, now, locked=True)
            if row is not None:
                return up_to_date(configuration, query, row, touches, now, locked=True)
    with transaction.atomic():
        return record_in_transaction(configuration, query, now)


def up_to_date(
    configuration: Configuration,
    query: Query,
    row: tuple[Any, ...],
    touches: Collection[Revision],
    now: datetime,
    *,
    locked: bool,
) -> tuple[Any, ...]:
    """The standings after what the event touches, and what is due, was evaluated; at the first event of a new visitor
    also what may have people of whom nothing is known, of a known one everything."""
    *person, due_at, profile_due_at, first_seen = row
    segments, _, _, of_profile, _, _, _, profile, created_at = person
    due = is_due(due_at, now) or is_due(profile_due_at, now)
    if created_at == now:
        touches = active.of(configuration).at_first.union(touches)
    elif first_seen == now:  # it was known before it was seen: until then it counted as seen when it was made
        touches = active.of(configuration).revisions
    elif query.event.bot:
        return row
    else:
        touches = open_to(touches, segments, of_profile)
    if not (touches or due):
        return row
    now = clock.now()  # the locks may have waited for an event that happened after this one
    people: dict[str, list[UUID]] = {Level.VISITOR: [query.event.visitor], Level.PROFILE: [profile] if profile else []}
    found = refresh(configuration, people, now, "event", touches, due=due, locked=locked)
    person[0], person[3] = found.get(query.event.visitor, segments), found.get(profile, of_profile)
    return tuple(person)


def record_in_transaction(configuration: Configuration, query: Query, now: datetime) -> tuple[Any, ...] | None:
    event = query.event
    names = {query.name.key: query.name} if query.name else {}
    stored, query.relinked = identity.record_and_identify(configuration, [event], names, now)
    query.stored = event.id in stored
    if not query.stored and event.once is not None and event.refund:
        refuse_known_order(event)
    if query.consent and query.stored:
        write_consent(configuration, query, now)
    row = identity.read_standings(event.visitor)
    if row is None or (event.bot and not query.consent):
        return row
    profiles = query.relinked | ({row[7]} if row[7] else set())
    people: dict[str, list[UUID]] = {Level.VISITOR: [event.visitor], Level.PROFILE: sorted(profiles)}
    changed = refresh(configuration, people, clock.now(), "link")
    return identity.read_standings(event.visitor) if changed else row


def refuse_known_order(event: Event) -> None:
    """A negative total under the orderId of a sale: a refund needs an orderId of its own."""
    if event.once and recorded_refund([event.once]).get(event.once) is False:
        raise Malformed.field(
            "orderTotal",
            "conflict",
            f"The order “{event.order_id}” is known. Send a refund under its own orderId, such as"
            f" “{event.order_id}-refund”.",
        )


def write_consent(configuration: Configuration, query: Query, now: datetime) -> None:
    """Consent is the visitor's and its profile's."""
    write_attributes(Visitor, query.event.visitor, query.consent, "event", now)
    profile: UUID | None = Visitor.objects.values_list("profile", flat=True).get(key=query.event.visitor)
    if profile is not None:
        write_attributes(Profiles.model, profile, query.consent, "event", now)


def decide(
    configuration: Configuration,
    event: Event,
    row: tuple[Any, ...] | None,
    now: datetime,
    tokens: dict[int, str] | None = None,
) -> decision.Decision:
    """What fits. Near its goal a campaign needs a place, kept for a token that `tokens` then holds; without `tokens`
    it is looked for only."""
    board = offers.of(configuration).live
    if not board.campaigns:
        return decision.NOTHING
    person = Person.of(event, row)
    visitor = standing(configuration, row[0:3]) if row else NOBODY
    profile = standing(configuration, row[3:6]) if row and row[3] is not None else NOBODY
    rules = offers.of(configuration).rules
    goal = goals.standing(configuration, now)

    def keep(campaign: decision.Campaign) -> bool:
        if tokens is None:
            return goals.has_place(configuration, campaign.id, now)
        choice = decision.Choice(campaign, variant(campaign, str(person.unit)))
        token = signing.sign(*shown(choice), event.visitor_id, now)
        tokens[campaign.id] = token
        return goals.reserve(configuration, campaign.id, impression_key(configuration.id, token), now)

    context = decision.Context(
        now=now,
        platform=event.platform,
        device=event.device,
        event=event.event,
        path=decision.plain_path(event.path),
        segments=together(visitor, profile),
        unit=str(person.unit),
        subject=lambda: fact_of(event),
        zone=configuration.zone,
        past=lambda: past(configuration, event, person, now),
        reached=goal.reached,
        near=goal.near,
        keep=keep,
        control=held_out(rules.holdout_percent, rules.salt, str(person.unit)),
    )
    return decision.choose(board, context, random.random)  # noqa: S311


class Person(NamedTuple):
    """Who the event is of: `unit` is the visitor id that draws hash, of the profile's first visitor where there is
    one; `profile` its key. `is_new`: nothing is known of it but this event."""

    unit: UUID
    profile: UUID | None
    is_new: bool

    @classmethod
    def of(cls, event: Event, row: tuple[Any, ...] | None) -> "Person":
        """From the columns STANDINGS."""
        if row is None:
            return cls(event.visitor_id, None, False)
        return cls(row[6] or event.visitor_id, row[7], row[7] is None and row[8] == event.time)


def past(configuration: Configuration, event: Event, person: Person, now: datetime) -> dict[int, Past] | None:
    if person.is_new:  # has seen nothing; yet what it is shown now could not be told while Valkey is away
        return {} if state.is_there(event.visitor) else None
    unit = visitor_key(configuration.id, person.unit)
    return state.past(unit, event.visitor, person.profile, offers.of(configuration).slugs, now)


def attribute(configuration: Configuration, event: Event, row: tuple[Any, ...]) -> None:
    """Finds the campaign that led to the order. The order is committed: what fails here is repaired later."""
    if event.order_id is None:
        return
    total, items = event.order_total, event.purchased_items or ()
    purchase = conversions.Purchase(event.visitor, row[7], event.order_id, event.time, total, items)
    try:
        conversions.attribute(configuration, purchase)
    except DatabaseError:
        logger.exception("the order of a purchase was not attributed")


def count(
    configuration: Configuration, event: Event, row: tuple[Any, ...] | None, found: decision.Decision, now: datetime
) -> None:
    """Adds the decision to the counts, and the person's groups to what is measured."""
    board, rules = offers.of(configuration)[:2]
    counting.decided(configuration.id, board, found, event.device, now)
    if not (found.treated or found.control or rules.holdout_percent):
        return
    unit = Person.of(event, row).unit
    key = visitor_key(configuration.id, unit)
    marks = [(campaign.id, False) for campaign in found.treated] + [(campaign.id, True) for campaign in found.control]
    if rules.holdout_percent:
        marks.append((EVERY_CAMPAIGN, held_out(rules.holdout_percent, rules.salt, str(unit))))
    for campaign, control in marks:
        counting.mark(counting.Unit(configuration.id, key, campaign, control), now)


EVERY_CAMPAIGN = 0
"""The `campaign` of the marks of an account's own holdout."""


def elements(
    configuration: Configuration, query: Query, chosen: list[decision.Choice], now: datetime, tokens: dict[int, str]
) -> list[dict[str, Any]]:
    """What is answered, with the person's attributes where a creative asks for them."""
    if not chosen:
        return []
    visitor = query.event.visitor_id
    fresh = signing.sign_all([shown(choice) for choice in chosen], visitor, now)
    found = [
        element(choice, tokens.get(choice.campaign.id, token)) for choice, token in zip(chosen, fresh, strict=True)
    ]
    filled = [
        (one, choice.creative.macros) for one, choice in zip(found, chosen, strict=True) if choice.creative.macros
    ]
    names = frozenset[str]().union(*(macros.content_names for _, macros in filled if macros))
    values = values_of(configuration, visitor, names, now, signed=query.signed) if names else {}
    for one, macros in filled:
        if macros:
            one["content"] = render(macros, values)[0]
    return found


def element(choice: decision.Choice, token: str) -> dict[str, Any]:
    """One element of `campaigns`, as the ad server's contract draws it."""
    campaign, creative = choice
    url = settings.API_URL
    return {
        "id": token,
        "campaign": campaign.slug,
        "placement": campaign.placement,
        "variant": creative.name,
        "type": creative.type,
        "content": creative.content,
        "link": f"{url}/c/{token}" if creative.link else None,
        "beacon": f"{url}/i/{token}",
    }


def shown(choice: decision.Choice) -> tuple[int, int, int]:
    """What its token says of a choice."""
    return choice.campaign.id, choice.creative.id, choice.campaign.placement_id or 0
