"""A line of campaigns, a person and an event, as the decision takes them."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError

from accounts.errors import Malformed
from adserver import decision
from adserver.board import Board, held_out
from adserver.conditions import compile_conditions
from adserver.conversions import CLICK, VIEW, Purchase, Touch, counts
from adserver.live import Attribution, compile_campaign
from adserver.models import Campaign, Creative, Placement
from adserver.query import told as explained
from dmp.segments import facts
from segmenthub.trial.reading import instant, read_event, read_segments
from segmenthub.trial.types import vocabulary

PLAIN = (
    *("name", "slug", "status", "tier", "weight", "label", "platforms", "devices", "events", "paths", "exclude_paths"),
    *("conditions", "goal", "amount", "pacing", "daily_cap", "cap", "cap_hours", "stop_after", "dismiss_days"),
    *("holdout_percent", "salt", "click_days", "view_days", "match"),
)
SPECIAL = (
    *("starts_at", "ends_at", "placement", "segments", "exclude_segments", "creatives"),
    *("counted", "counted_today", "pace"),
)
LINE = (
    *("campaigns", "placements", "timezone", "now", "segments", "events", "visitorId", "bucket", "holdout_percent"),
    *("salt", "seed"),
)
CREATIVE = ("name", "type", "content", "link", "weight", "active")


def decide(line: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """{"campaigns": those that are answered, best first, "explain": each live campaign with its reason}. Raises
    RuleError for conditions, Malformed for anything else that cannot be read."""
    try:
        known(line, LINE, "the line")
        return Trial(line).answer()
    except ValidationError as error:
        raise Malformed(" ".join(told(error))) from None
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Malformed(f"The line cannot be read: {type(error).__name__} {error}") from None


def told(error: ValidationError) -> Iterator[str]:
    if not hasattr(error, "error_dict"):
        yield from error.messages
        return
    for name, texts in error.message_dict.items():
        yield f"{name}: {' '.join(texts)}"


def known(given: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    if unknown := sorted(given.keys() - set(names)):
        raise Malformed(f"“{unknown[0]}” is not known in {where}. Known are: {', '.join(sorted(names))}.")


class Trial:
    def __init__(self, line: Mapping[str, Any]) -> None:
        self.line = line
        self.zone = ZoneInfo(line.get("timezone") or "UTC")
        self.now = instant(line["now"], self.zone)
        events = (read_event(item, self.zone) for item in line.get("events") or ())
        self.events = sorted((event for event in events if event.time <= self.now), key=lambda event: event.time)
        self.unit = str(line.get("bucket") or line.get("visitorId") or "")
        self.segments: dict[str, int] = {}
        inactive = (item["code"] for item in line.get("placements") or () if item.get("active") is False)
        self.inactive = set(inactive)
        self.placements: dict[str, Placement] = {}
        self.made: dict[int, list[Creative]] = {}
        self.rows = [self.read(item, n + 1) for n, item in enumerate(line["campaigns"])]

    def answer(self) -> dict[str, list[dict[str, Any]]]:
        own = [event for event in self.events if not event.code.startswith("$")]
        if not own:
            raise Malformed("The line has no event until now: the last one is what campaigns answer.")
        board = Board(self.compiled(row) for row in self.rows if row.status == Campaign.Status.LIVE)
        found = decision.choose(board, self.context(own[-1]), Random(self.line.get("seed", 0)).random)  # noqa: S311
        return {
            "campaigns": [
                {"campaign": one.campaign.slug, "placement": one.campaign.placement, "variant": one.creative.name}
                for one in found.chosen
            ],
            "explain": [explained(verdict) for verdict in decision.verdicts(board, found)],
        }

    def context(self, event: facts.Event) -> decision.Context:
        def last(name: str) -> Any:
            return next(iter(event.values.get(name, ())), None)

        names = {name for name, at in read_segments(self.line.get("segments") or (), self.now, self.zone)}
        percent, salt = self.line.get("holdout_percent") or 0, self.line.get("salt") or ""
        return decision.Context(
            now=self.now,
            platform=last("platform"),
            device=last("device"),
            event=event.code,
            path=decision.plain_path(str(last("path") or "")),
            segments=frozenset(self.segments[name] for name in names if name in self.segments),
            unit=self.unit,
            subject=lambda: event,
            zone=self.zone,
            past=self.pasts,
            reached=frozenset(row.pk for row in self.rows if self.is_reached(row)),
            control=held_out(percent, salt, self.unit),
        )

    # Campaigns

    def read(self, item: Mapping[str, Any], number: int) -> Campaign:
        known(item, (*PLAIN, *SPECIAL), "a campaign")
        plain = {name: exact(item[name]) for name in PLAIN if name in item}
        plain.setdefault("slug", f"campaign-{number}")
        row = Campaign(pk=number, **{"name": plain["slug"], "salt": plain["slug"], "status": "live", **plain})
        for name in ("starts_at", "ends_at"):
            setattr(row, name, instant(item[name], self.zone) if item.get(name) else None)
        row.placement = self.placement(item.get("placement"))
        row.clean_fields(exclude=["account", "placement"])
        row.clean()
        return row

    def placement(self, code: str | None) -> Placement | None:
        if code is not None and code not in self.placements:
            found = Placement(pk=len(self.placements) + 1, code=code, active=code not in self.inactive)
            self.placements[code] = found
        return None if code is None else self.placements[code]

    def compiled(self, row: Campaign) -> decision.Campaign:
        item = self.line["campaigns"][row.pk - 1]
        types = vocabulary(row.conditions, {}, self.events, self.zone, row.events)
        check = None if row.conditions is None else compile_conditions(row.conditions, types, tuple(row.events))
        shown = [
            decision.Creative(one.pk, one.name, one.type, one.content, one.link, one.weight)
            for one in self.creatives(row)
            if one.active
        ]
        wanted, unwanted = (
            frozenset(self.segments.setdefault(name, len(self.segments) + 1) for name in item.get(field) or ())
            for field in ("segments", "exclude_segments")
        )
        return compile_campaign(
            row, shown, float(item.get("pace", 1)), check, segments=wanted, exclude_segments=unwanted
        )

    def creatives(self, row: Campaign) -> list[Creative]:
        """One that says nothing, where a line names none."""
        if row.pk not in self.made:
            items = self.line["campaigns"][row.pk - 1].get("creatives", [{"name": "A"}])
            self.made[row.pk] = [self.creative(item, number + 1) for number, item in enumerate(items)]
        return self.made[row.pk]

    def creative(self, item: Mapping[str, Any], number: int) -> Creative:
        known(item, CREATIVE, "a creative")
        row = Creative(pk=number, **{"name": f"creative-{number}", "content": {"title": ""}, **exact(dict(item))})
        row.clean_fields(exclude=["campaign", "media"])
        return row

    def is_reached(self, row: Campaign) -> bool:
        """`counted`: what all people together have seen or clicked until now, `counted_today` on this day."""
        item = self.line["campaigns"][row.pk - 1]
        limits = (row.amount, item.get("counted") or 0), (row.daily_cap, item.get("counted_today") or 0)
        return any(most is not None and counted >= most for most, counted in limits)

    # What the person did with them

    def pasts(self) -> dict[int, decision.Past]:
        orders = [self.led_to(event) for event in self.events if event.code == "purchase"]
        return {row.pk: self.past(row, converted=row in orders) for row in self.rows}

    def past(self, row: Campaign, *, converted: bool) -> decision.Past:
        shown = [event.time.timestamp() for event in self.told("$impression", row)]
        closed = [event.time.timestamp() for event in self.told("$dismiss", row)]
        return decision.Past(
            shown,
            clicked=any(True for _ in self.told("$click", row)),
            converted=converted,
            dismissed_at=closed[-1] if closed else None,
        )

    def told(self, code: str, row: Campaign) -> Iterator[facts.Event]:
        return (event for event in self.events if event.code == code and row.slug in event.values.get("campaign", ()))

    def led_to(self, order: facts.Event) -> Campaign | None:
        """The campaign that a purchase goes back to."""
        total: Decimal | None = next(iter(order.values.get("orderTotal", ())), None)
        if total is not None and total < 0:
            return None
        purchase = Purchase(UUID(int=0), None, "", order.time, total, order.values.get("purchasedItems", ()))
        for code in (CLICK, VIEW):
            touches = [(row, touch) for row in self.rows for touch in self.touches(code, row)]
            for row, touch in sorted(touches, key=lambda one: one[1].at, reverse=True):
                if touch.at <= order.time and counts(self.terms(row), touch, purchase):
                    return row
        return None

    def touches(self, code: str, row: Campaign) -> Iterator[Touch]:
        names = [one.name for one in self.creatives(row)]
        for event in self.told(code, row):
            name = next(iter(event.values.get("creative", names)), "")
            yield Touch(row.pk, names.index(name) if name in names else -1, 0, code, event.time, None)

    def terms(self, row: Campaign) -> Attribution:
        products = {number: one.products() for number, one in enumerate(self.creatives(row))}
        return Attribution(row.click_days, row.view_days, products if row.match == Campaign.Match.PRODUCT else None)


def exact(value: Any) -> Any:
    """Numbers of JSON that are whole, as Django's fields take them."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    return [exact(item) for item in value] if isinstance(value, list) else value
