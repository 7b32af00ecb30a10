"""What became of a shown campaign: impressions, viewable views, clicks and dismissals, each once per token.

Each is an ordinary event of the visitor, so that "saw it three times, never clicked" is a segment like any other. Of
what is not recorded only the reason is counted; the caller sees the same answer.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import DatabaseError, transaction

from accounts import limits
from accounts.addresses import client_address
from accounts.snapshot import Configuration
from adserver import counting, goals, state
from adserver.counting import Cell, Reason
from adserver.live import Network, Offers, configuration_of, offers
from adserver.macros import MacroError, render
from adserver.personal import values_of
from adserver.signing import Shown, verify
from cdp.identity import read_standings
from dmp import partitions
from dmp.agents import agent
from dmp.events import Event, partition_missing, record_beside
from dmp.keys import key, visitor_key
from dmp.memberships import NOBODY, standing, together
from dmp.models import Level, Visitor
from dmp.segments.active import touched
from dmp.segments.refresh import refresh

CLOCKS_DIFFER = timedelta(minutes=10)
"""How long a token is remembered beyond its age: no other process's clock lets it pass again."""


class Kind(NamedTuple):
    """`event` is recorded for a token of at most `age`."""

    event: str
    age: timedelta


KINDS = {
    "i": Kind("$impression", timedelta(hours=24)),
    "v": Kind("$viewable", timedelta(hours=24)),
    "c": Kind("$click", timedelta(days=7)),
    "x": Kind("$dismiss", timedelta(hours=24)),
}


class Seen(NamedTuple):
    """A token of ours with the account that showed it, and what the account knows."""

    shown: Shown
    configuration: Configuration
    offers: Offers

    @property
    def link(self) -> str:
        """Where a click leads, also when the campaign ended; "" for nowhere."""
        creative = self.offers.creatives.get(self.shown.creative)
        return creative.link if creative and creative.campaign == self.shown.campaign else ""


def destination(seen: Seen, now: datetime) -> str:
    """Where a click leads, with what its link says of the person; a click carries no signature. "" for nowhere."""
    try:
        creative = seen.offers.creatives.get(seen.shown.creative)
        macros = creative.macros if creative and seen.link else None
    except MacroError:
        return ""
    if macros is None:
        return seen.link
    try:
        values = values_of(seen.configuration, seen.shown.visitor, macros.link_names, now, signed=False)
    except DatabaseError:
        values = {}  # people come first: the link says its defaults
    return str(render(macros, values)[1])


def look_up(token: str) -> Seen | None:
    """What a token stands for; None for one that we did not sign, or whose campaign or account is gone."""
    shown = verify(token)
    configuration = configuration_of(shown.campaign) if shown else None
    if shown is None or configuration is None or not configuration.active:
        return None
    known = offers.of(configuration)
    return Seen(shown, configuration, known) if shown.campaign in known.campaigns else None


def track(seen: Seen | None, token: str, kind: str, meta: Mapping[str, Any], now: datetime) -> str:
    """Records what happened, unless there is a reason not to; gives the reason, "" for none. `meta` is the
    request's."""
    if seen is None:
        return "token"
    reason = invalid(seen, kind, meta, now) or record(seen, kind, token, meta, now)
    if reason:
        count_invalid(seen, reason, meta, now)
    return reason


def invalid(seen: Seen, kind: str, meta: Mapping[str, Any], now: datetime) -> str:
    """Why a call is no person's that counts, "" for none. Cheapest first."""
    agent_text, address = meta.get("HTTP_USER_AGENT", ""), client_address(meta)
    if now >= seen.shown.at + KINDS[kind].age:
        return "old"
    if agent(agent_text).bot:
        return "bot"
    if agent_text and not PRODUCT.search(agent_text):
        return "unknown"
    if is_prefetch(meta):
        return "prefetch"
    rules = seen.offers.rules
    if within(address, rules.blocked_networks):
        return "datacentre"
    if within(address, rules.staff_networks) or (rules.staff is not None and is_staff(seen, rules.staff)):
        return "staff"
    return "rate" if too_often(seen, address) else ""


PRODUCT = re.compile(r"[A-Za-z][\w.+-]*/v?\d")
"""What browsers, apps and libraries call themselves: a product with its version."""


def within(address: str, networks: tuple[Network, ...]) -> bool:
    if not networks:
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def is_staff(seen: Seen, segment: int) -> bool:
    row = read_standings(visitor_key(seen.configuration.id, seen.shown.visitor))
    if row is None:
        return False
    visitor = standing(seen.configuration, row[0:3])
    profile = standing(seen.configuration, row[3:6]) if row[3] is not None else NOBODY
    return segment in together(visitor, profile)


def too_often(seen: Seen, address: str) -> bool:
    """More than a person, or all people behind an address, can do."""
    asked = (
        (f"limit:ads:{seen.configuration.id}:{seen.shown.visitor}", settings.TRACKING_RATE_PER_VISITOR),
        (f"limit:ads:{seen.configuration.id}:{address}", settings.TRACKING_RATE_PER_ADDRESS),
    )
    return any(limit and limits.seconds_to_wait(key, limit) > 0 for key, limit in asked)


def count_invalid(seen: Seen, reason: str, meta: Mapping[str, Any], now: datetime) -> None:
    account, shown, hour = seen.configuration.id, seen.shown, counting.hour_of(now)
    device = agent(meta.get("HTTP_USER_AGENT", "")).device
    counting.count("invalid", Cell(account, hour, shown.campaign, shown.creative, shown.placement, device))
    counting.count_reason(Reason(account, hour, shown.campaign, f"invalid:{reason}"))


def record(seen: Seen, kind: str, token: str, meta: Mapping[str, Any], now: datetime) -> str:
    """Records the event, once; "replay" where the token was seen before, "late" beyond the campaign's goal."""
    account, (event, age) = seen.configuration.id, KINDS[kind]
    id, visitor = key(account, "t", f"{token}{kind}"), visitor_key(account, seen.shown.visitor)
    reason = store(
        seen,
        Event(
            id=id,
            visitor=visitor,
            visitor_id=seen.shown.visitor,
            time=now,
            event=event,
            once=id,
            expires_at=seen.shown.at + age + CLOCKS_DIFFER,
            device=agent(meta.get("HTTP_USER_AGENT", "")).device,
            properties=properties(seen),
        ),
        impression_key(account, token),
        now,
    )
    if not reason and event in state.KINDS:
        state.happened(state.unit_of(account, visitor), seen.shown.campaign, state.KINDS[event], id, now)
    return reason


def impression_key(account: UUID, token: str) -> UUID:
    """The key of a token's impression, by which a place for it is kept."""
    return key(account, "t", f"{token}i")


PURPOSE = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_MOZ")


def is_prefetch(meta: Mapping[str, Any]) -> bool:
    """Whether a browser only fetches ahead what nobody may ever look at."""
    purpose = [meta[name].lower() for name in PURPOSE if name in meta]
    return any("prefetch" in text or "preview" in text for text in purpose)


def properties(seen: Seen) -> dict[str, Any]:
    """Names for people and rules, ids for counts: names can be edited."""
    creative = seen.offers.creatives.get(seen.shown.creative)
    found = {
        "$ids": [seen.shown.campaign, seen.shown.creative, seen.shown.placement],
        "campaign": seen.offers.campaigns[seen.shown.campaign],
        "creative": creative.name if creative else None,
        "placement": seen.offers.placements.get(seen.shown.placement),
    }
    return {name: value for name, value in found.items() if value is not None}


def store(seen: Seen, event: Event, impression: UUID, now: datetime) -> str:
    """A partition that is missing is made first."""
    try:
        recorded = record_and_refresh(seen, event, impression, now)
    except goals.Late:
        return "late"
    except psycopg.errors.CheckViolation as error:
        if not partition_missing(error):
            raise
        partitions.ensure(now)
        return store(seen, event, impression, now)
    return "" if recorded else "replay"


def record_and_refresh(seen: Seen, event: Event, impression: UUID, now: datetime) -> bool:
    """Whether the event is new; goals count it and segments that ask for it know of it at once."""
    configuration = seen.configuration
    touches = touched(configuration, event)
    limit = seen.offers.limits.get(seen.shown.campaign) if event.event in ("$impression", "$click") else None
    if not touches and limit is None:
        return record_beside(configuration.id, event, now)
    with transaction.atomic():
        recorded = record_beside(configuration.id, event, now)
        if recorded and touches:
            profile = Visitor.objects.filter(key=event.visitor).values_list("profile", flat=True).first()
            people: dict[str, list[UUID]] = {
                Level.VISITOR: [event.visitor],
                Level.PROFILE: [profile] if profile else [],
            }
            refresh(configuration, people, now, "event", touches)
        if recorded and limit is not None:  # last: others wait for its row until the end
            goals.count(configuration, limit, seen.shown.campaign, event.event, impression, now)
    return recorded
