"""How many people a campaign would reach and how often it would be shown: what happened in the last two weeks, decided
again with the campaign among those that run now.

A sample of the account's visitors is asked (keys are hashes, so the lowest ones are a fair sample), as long as a
request may take, each with the segments that it was in at each event; before a rule was built, with those after that.
What is shown, clicked and closed of what is answered is drawn as it was lately, so that caps, dismissals and stops
after a click count, from the beginning of the two weeks, for each visitor by itself; stops after an order do not.
Ranges hold the truth in 95 of 100 samples, were the next weeks like the last ones.
"""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

from django.db.models import Sum

from accounts.snapshot import Configuration
from adserver import decision
from adserver.board import Board, bits, held_out
from adserver.goals import standing as progress
from adserver.live import compiled, offers
from adserver.models import Campaign, CampaignStat
from cdp.people import Profiles
from dmp.memberships import NOBODY, Standing, standing, together
from dmp.models import Event, MembershipChange, Visitor
from dmp.segments.active import fact_of

DAYS = 14
SECONDS = 2.0
"""The time that is taken; as many people are asked as are done in it."""
SAMPLE = 5000
BATCH = 100
FEWEST = 30
"""People, under which nothing is said."""
SIGMAS = 1.96
MEASURED = 1000
"""From so many answers on it is known what becomes of them."""


Move = tuple[datetime, int, bool]
"""When, which segment, and whether it was entered."""
Moves = dict[UUID, list[Move]]


class Range(NamedTuple):
    likely: float
    low: float
    high: float

    def times(self, factor: float) -> "Range":
        return Range(*(factor * value for value in self))


class Forecast(NamedTuple):
    """Of `days` days like the last ones. `people` could be shown it, `impressions` a day; `by_day` the answers it would
    have been in, of all people. `asked` of `visitors` were looked at. `shown`: the share of answers that become
    impressions, None where nothing is known yet and each counts as one."""

    visitors: int
    asked: int
    people: Range
    served: Range
    impressions: Range
    by_day: list[tuple[date, float]]
    shown: float | None

    def days_to(self, amount: int) -> Range | None:
        """How many days until so many impressions; None when there are none."""
        if self.impressions.likely <= 0:
            return None
        low, high = self.impressions.low, self.impressions.high
        return Range(amount / self.impressions.likely, amount / high, amount / low if low > 0 else math.inf)


class Seen(NamedTuple):
    """Of one person: whether it could be shown, the days of its answers, and how many of these were shown."""

    eligible: bool
    served: list[date]
    shown: int


class Rates(NamedTuple):
    """Of answers the share that is shown; of these the share that is clicked, and that is closed."""

    shown: float = 1.0
    clicked: float = 0.0
    dismissed: float = 0.0


def forecast(configuration: Configuration, campaign: Campaign, now: datetime) -> Forecast | None:
    """None where too few people came in these weeks to say anything."""
    since = now - timedelta(days=DAYS)
    visitors = Visitor.objects.filter(account=configuration.id, last_seen__gte=since)
    total = visitors.count()
    if total < FEWEST:
        return None
    rates = measured(configuration.id, now)
    replay = Replay(configuration, campaign, rates or Rates(), now)
    found: list[Seen] = []
    people = list(visitors.order_by("key")[:SAMPLE])
    ends = time.monotonic() + SECONDS
    for start in range(0, len(people), BATCH):
        found += replay.people(people[start : start + BATCH], since)
        if time.monotonic() > ends:
            break
    most = campaign.daily_cap or math.inf
    impressions = estimate([one.shown for one in found], total).times(1 / DAYS)
    return Forecast(
        visitors=total,
        asked=len(found),
        people=estimate([int(one.eligible) for one in found], total),
        served=estimate([len(one.served) for one in found], total).times(1 / DAYS),
        impressions=Range(*(min(number, most) for number in impressions)),
        by_day=by_day(found, total, since, now, configuration),
        shown=rates.shown if rates else None,
    )


def estimate(numbers: Sequence[int], total: int) -> Range:
    """The sum over all people, from those asked. How many come and what they do varies beside whom was asked."""
    count = len(numbers)
    mean = sum(numbers) / count
    spread = math.sqrt(sum((number - mean) ** 2 for number in numbers) / max(count - 1, 1))
    sampled = total * spread / math.sqrt(count) * math.sqrt(max(0.0, 1 - count / total))
    chance = math.sqrt(total) * math.hypot(spread, mean)
    error = SIGMAS * math.hypot(sampled, chance)
    return Range(total * mean, max(0.0, total * mean - error), total * mean + error)


def by_day(
    found: Sequence[Seen], total: int, since: datetime, now: datetime, configuration: Configuration
) -> list[tuple[date, float]]:
    counts = Counter(day for one in found for day in one.served)
    first = since.astimezone(configuration.zone).date()
    days = [first + timedelta(days=n) for n in range((now.astimezone(configuration.zone).date() - first).days + 1)]
    return [(day, counts[day] * total / len(found)) for day in days]


def measured(account: UUID, now: datetime) -> Rates | None:
    """What became of the answers of the last weeks; None for too few."""
    rows = CampaignStat.objects.filter(account=account, hour__gte=now - timedelta(days=DAYS))
    names = ("served", "impressions", "clicks", "dismissed")
    told = rows.aggregate(**{name: Sum(name, default=0) for name in names})
    served, impressions, clicks, dismissed = (told[name] for name in names)
    if served < MEASURED:
        return None
    return Rates(
        *(
            min(1.0, part / (of or 1))
            for part, of in ((impressions, served), (clicks, impressions), (dismissed, impressions))
        )
    )


def moves_of(keys: Sequence[UUID], since: datetime) -> Moves:
    """What each person entered and left, oldest first; a build is no move of a person."""
    found: Moves = defaultdict(list)
    rows = MembershipChange.objects.filter(person__in=keys, at__gte=since).exclude(cause=MembershipChange.Cause.EDIT)
    for person, at, segment, entered in rows.order_by("at").values_list("person", "at", "segment", "entered"):
        found[person].append((at, segment, entered))
    return found


class Level:
    """The segments of a visitor or profile at instants that are asked for from the latest to the earliest."""

    def __init__(self, now: Standing, moves: Sequence[Move]) -> None:
        self.now, self.moves, self.segments = now, list(moves), set(now.segments)

    def at(self, time: datetime) -> Standing:
        while self.moves and self.moves[-1][0] > time:
            _, segment, entered = self.moves.pop()
            (self.segments.discard if entered else self.segments.add)(segment)
        if not self.segments and self.now is NOBODY:
            return NOBODY
        return self.now._replace(segments=frozenset(self.segments))


class Replay:
    def __init__(self, configuration: Configuration, campaign: Campaign, rates: Rates, now: datetime) -> None:
        self.configuration, self.rates = configuration, rates
        live = offers.of(configuration).live
        running = bits(live.schedule.at(now))
        # who runs now runs all the time, and so does the campaign
        rivals = [live.campaigns[index] for index in running if live.campaigns[index].id != campaign.pk]
        [own] = compiled(configuration, Campaign.objects.filter(pk=campaign.pk))
        self.board = Board(replace(one, starts_at=None, ends_at=None) for one in (*rivals, replace(own, pace=1.0)))
        self.own = campaign.pk
        self.bit = 1 << self.board.index[campaign.pk]
        self.reached = progress(configuration, now).reached - {campaign.pk}
        self.draw = Random(campaign.pk).random  # noqa: S311  # the same forecast for the same events
        self.rules = offers.of(configuration).rules

    def people(self, visitors: Sequence[Visitor], since: datetime) -> list[Seen]:
        keys = [visitor.key for visitor in visitors]
        events: dict[UUID, list[Event]] = defaultdict(list)
        rows = Event.objects.filter(visitor__in=keys, time__gte=since, bot=False).exclude(event__startswith="$")
        for event in rows.order_by("time"):
            events[event.visitor].append(event)
        profiles = Profiles.model.objects.in_bulk([visitor.profile for visitor in visitors if visitor.profile])
        moves = moves_of([*keys, *profiles], since)
        return [self.person(visitor, profiles.get(visitor.profile), events[visitor.key], moves) for visitor in visitors]

    def person(self, visitor: Visitor, profile: object | None, events: Sequence[Event], moves: Moves) -> Seen:
        """Backwards through what it entered and left to the segments of each event, then forwards."""
        own, joint = Level(self.standing(visitor), moves[visitor.key]), Level(NOBODY, ())
        if profile is not None:
            joint = Level(self.standing(profile), moves[profile.key])  # type: ignore[attr-defined]
        within = [together(own.at(event.time), joint.at(event.time)) for event in reversed(events)]
        unit = str(getattr(profile, "bucket", None) or visitor.visitor_id)
        control = held_out(self.rules.holdout_percent, self.rules.salt, unit)
        past: dict[int, decision.Past] = {}
        eligible, served, shown = False, [], 0
        for event, segments in zip(events, reversed(within), strict=True):
            found = decision.choose(self.board, self.context(event, segments, unit, past, control), self.draw)
            eligible = eligible or bool(found.eligible & self.bit)
            for choice in found.chosen:
                mine = choice.campaign.id == self.own
                if mine:
                    served.append(event.time.astimezone(self.configuration.zone).date())
                if self.draw() < self.rates.shown:
                    shown += mine
                    before = past.get(choice.campaign.id) or decision.Past()
                    past[choice.campaign.id] = self.shown(before, event.time.timestamp())
        return Seen(eligible, served, shown)

    def shown(self, past: decision.Past, at: float) -> decision.Past:
        clicked = past.clicked or self.draw() < self.rates.clicked
        dismissed_at = at if self.draw() < self.rates.dismissed else past.dismissed_at
        return past._replace(shown=[*past.shown, at], clicked=clicked, dismissed_at=dismissed_at)

    def standing(self, person: object) -> Standing:
        return standing(self.configuration, (person.segments, person.pins_in, person.pins_out))  # type: ignore[attr-defined]

    def context(
        self, event: Event, segments: frozenset[int], unit: str, past: dict[int, decision.Past], control: bool
    ) -> decision.Context:
        return decision.Context(
            now=event.time,
            platform=event.platform,
            device=event.device,
            event=event.event,
            path=decision.plain_path(event.path),
            segments=segments,
            unit=unit,
            subject=lambda: fact_of(event),  # type: ignore[arg-type]  # the row has the same columns
            zone=self.configuration.zone,
            past=lambda: past,
            reached=self.reached,
            control=control,
        )
