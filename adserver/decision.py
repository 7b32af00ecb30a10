"""The decision: which campaigns fit this person at this event. Pure: plain values in, no clock, no query.

Per placement, tier after tier: the campaigns without a failing reason, one drawn by weight. Campaigns without a
placement are data: all that match are returned. The reasons, in the order in which they are asked:

schedule placement creative platform device event path segment excluded conditions   by the campaign, event and person
tier limit label                                       a better one is shown there, enough are, its label is taken
stopped dismissed frequency                            by what this person did with it
goal pacing                                            by what it reached
holdout draw                                           this person is held out of it, another was drawn
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from adserver.board import Board, Campaign, Contest, Creative, Past, bits, bucket, held_out, matches, variant

__all__ = ["Board", "Campaign", "Context", "Creative", "Past", "bucket", "choose", "matches", "variant", "verdicts"]
MAX_ELEMENTS = 30
UTC = ZoneInfo("UTC")
UNKNOWN = "frequency"
"""The reason of campaigns with a cap or a stop rule while nobody can tell what the person saw."""


def nothing_seen() -> Mapping[int, Past] | None:
    return {}


def nothing() -> Any:
    return None


def kept(campaign: Campaign) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Context:
    """The event and its person. `unit` is what draws hash: the profile's bucket, else the visitor id. `subject` gives
    what conditions look at.

    `past` gives what the person did with campaigns, by id, asked once and only when it matters; None when that cannot
    be told now. `reached` are campaigns that may not be shown any more, `near` those that need `keep` to find a place
    for them. `control`: the person gets no campaign at all, to measure against.
    """

    now: datetime
    platform: str | None
    device: str | None
    event: str
    path: str
    segments: frozenset[int]
    unit: str
    subject: Callable[[], Any] = nothing
    zone: ZoneInfo = UTC
    past: Callable[[], Mapping[int, Past] | None] = nothing_seen
    reached: frozenset[int] = frozenset()
    near: frozenset[int] = frozenset()
    keep: Callable[[Campaign], bool] = kept
    control: bool = False


def plain_path(path: str | None) -> str:
    """What `paths` are matched with: without the query and the fragment."""
    return (path or "").partition("?")[0].partition("#")[0]


class Choice(NamedTuple):
    campaign: Campaign
    creative: Creative


class Verdict(NamedTuple):
    """Why a campaign was not chosen; "" when it was."""

    campaign: Campaign
    reason: str


class Decision(NamedTuple):
    """The winners, best first. `reasons` with the sets of campaigns that they kept out, `eligible` who could have been
    drawn but for its pace, `treated` and `control` who won the draw of a campaign that is measured."""

    chosen: list[Choice]
    reasons: list[tuple[str, int]]
    eligible: int
    treated: list[Campaign]
    control: list[Campaign]


NOTHING = Decision([], [], 0, [], [])


def choose(board: Board, context: Context, draw: Callable[[], float]) -> Decision:
    """The winners and why the others are none. `draw` gives random numbers in [0, 1)."""
    return Round(board, context, draw).run()


class Round:
    """One decision."""

    def __init__(self, board: Board, context: Context, draw: Callable[[], float]) -> None:
        self.board, self.context, self.draw = board, context, draw
        self.reasons: list[tuple[str, int]] = []
        self.chosen: list[Choice] = []
        self.treated: list[Campaign] = []
        self.control: list[Campaign] = []
        self.eligible = self.labels_taken = 0
        self.blocked: list[tuple[str, int]] | None = None
        self.reached, self.near = board.of(context.reached), board.of(context.near)

    def run(self) -> Decision:
        left = self.fitting()
        if self.context.control:
            left = self.without(left, "holdout", left)
        for contest in self.board.contests:
            rivals = left & contest.rivals
            if rivals and self.contest(contest, rivals):
                left = self.without(left, "tier", contest.lower)
        return Decision(self.chosen, self.reasons, self.eligible, self.treated, self.control)

    def without(self, some: int, reason: str, gone: int) -> int:
        """Those of `some` that are not `gone`; the others have this reason."""
        gone &= some
        if gone:
            self.reasons.append((reason, gone))
        return some ^ gone

    def fitting(self) -> int:
        """The campaigns that the event and the person's segments let in."""
        board, context = self.board, self.context
        left = board.all
        for reason, passing in (
            ("schedule", board.schedule.at(context.now)),
            ("placement", board.placed),
            ("creative", board.filled),
            ("platform", board.platforms.open_to((context.platform,))),
            ("device", board.devices.open_to((context.device,))),
            ("event", board.events.open_to((context.event,))),
            ("path", board.paths.on(context.path)),
            ("segment", board.segments.open_to(context.segments)),
            ("excluded", ~board.excluded.naming(context.segments)),
        ):
            if left & ~passing:
                left = self.without(left, reason, ~passing)
        if left & board.conditional:
            failed, subject = 0, context.subject()
            for index in bits(left & board.conditional):
                check = board.campaigns[index].conditions
                if check is not None and not check(subject, context.zone, context.now):
                    failed |= 1 << index
            left = self.without(left, "conditions", failed)
        return left

    def contest(self, contest: Contest, rivals: int) -> bool:
        """Whether its placement is filled now."""
        if len(self.chosen) >= MAX_ELEMENTS:
            self.reasons.append(("limit", rivals))
            return False
        rivals = self.without(rivals, "label", self.labels_taken)
        begun = len(self.reasons)
        if rivals & self.board.personal:
            for reason, gone in self.blocking():
                rivals = self.without(rivals, reason, gone)
        rivals = self.without(rivals, "goal", self.reached)
        self.eligible |= rivals
        if rivals & self.board.paced:
            rivals = self.without(rivals, "pacing", self.slowed(rivals & self.board.paced))
        if contest.placement is None:
            self.put_label_first(begun, self.take_all(rivals))
            return False
        return self.take_one(contest, rivals)

    def blocking(self) -> list[tuple[str, int]]:
        if self.blocked is None:
            past = self.context.past()
            if past is None:
                self.blocked = [(UNKNOWN, self.board.limited)]
            else:
                self.blocked = self.board.blocked(past, self.context.now.timestamp()) if past else []
        return self.blocked

    def slowed(self, some: int) -> int:
        return sum(1 << index for index in bits(some) if self.draw() >= self.board.campaigns[index].pace)

    def take_all(self, rivals: int) -> int:
        """Those that had their turn after one of their label was taken."""
        behind = 0
        for index in bits(rivals):
            bit = 1 << index
            if len(self.chosen) >= MAX_ELEMENTS:
                self.reasons.append(("limit", bit))
            elif bit & self.labels_taken:
                self.reasons.append(("label", bit))
            elif self.take(bit) and (label := self.board.campaigns[index].label):
                behind |= self.board.labels[label] & -(bit << 1)
        return behind

    def put_label_first(self, begun: int, behind: int) -> None:
        """Of two reasons the first in order is told, also where another one of the label was shown only then."""
        said, late = self.reasons[begun:], 0
        for reason, some in said:
            late |= 0 if reason in ("label", "limit") else some & behind
        if late:
            self.reasons[begun:] = [(reason, left) for reason, some in said if (left := some & ~late)]
            self.reasons.append(("label", late))

    def take_one(self, contest: Contest, rivals: int) -> bool:
        taken = False
        while rivals and not taken:
            winner = contest.drawn(rivals, self.draw()) if rivals & (rivals - 1) else rivals
            rivals ^= winner
            taken = self.take(winner)
        if rivals:
            self.reasons.append(("draw", rivals))
        return taken

    def take(self, bit: int) -> bool:
        """Whether the campaign that won is shown: this person may be held out, or no place be left."""
        campaign = self.board.campaigns[bit.bit_length() - 1]
        if bit & self.board.held:
            if held_out(campaign.holdout_percent, campaign.salt, self.context.unit):
                self.control.append(campaign)
                self.reasons.append(("holdout", bit))
                return False
            self.treated.append(campaign)
        if bit & self.near and not self.context.keep(campaign):
            self.reasons.append(("goal", bit))
            return False
        self.chosen.append(Choice(campaign, variant(campaign, self.context.unit)))
        if campaign.label:
            self.labels_taken |= self.board.labels[campaign.label]
        return True


def verdicts(board: Board, decision: Decision) -> list[Verdict]:
    """One for each live campaign, in the order of their turns."""
    found = dict.fromkeys(board.campaigns, "")
    for reason, some in decision.reasons:
        for index in bits(some):
            found[board.campaigns[index]] = reason
    return [Verdict(campaign, reason) for campaign, reason in found.items()]
