"""A line of the file as a rule, an instant and what is known of a person."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from accounts.errors import Malformed
from dmp.segments import facts, rules
from dmp.segments.parse import parse
from segmenthub.trial.types import vocabulary


@dataclass(slots=True)
class Trial:
    """A line, read."""

    rule: rules.Condition
    now: datetime
    facts: facts.Facts


def read(line: Mapping[str, Any]) -> Trial:
    """Raises RuleError for a rule, Malformed for anything else that cannot be read."""
    try:
        zone = ZoneInfo(line.get("timezone") or "UTC")
        now = instant(line["now"], zone)
        events = sorted((read_event(item, zone) for item in line.get("events") or ()), key=lambda event: event.time)
        seen = line.get("first_seen") or line.get("firstSeen")
        first_seen = instant(seen, zone) if seen else events[0].time if events else now
        given = {name: read_attribute(value, zone) for name, value in (line.get("attributes") or {}).items()}
        segments = dict(read_segments(line.get("segments") or (), first_seen, zone))
        raw = line["rule"]
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Malformed(f"The line cannot be read: {type(error).__name__} {error}") from None
    bucket = next(
        (str(line[name]) for name in ("bucket", "visitorId", "visitor", "person", "id") if line.get(name)), ""
    )
    attributes = given | {name: value for name, value in reserved(events, first_seen, now).items() if name not in given}
    rule = parse(raw, vocabulary(raw, given, events, zone))
    return Trial(rule, now, facts.Facts(zone, first_seen, bucket, attributes, segments, events))


def reserved(events: Sequence[facts.Event], first_seen: datetime, now: datetime) -> dict[str, facts.Attribute]:
    """The attributes that every person has, as its events tell."""
    past = [event for event in events if event.time <= now and not event.code.startswith("$")]
    found = {"$firstSeen": facts.Attribute([first_seen.isoformat()]), "$known": facts.Attribute([False])}
    if past:
        found["$lastSeen"] = facts.Attribute([past[-1].time.isoformat()])
    for event in past:
        for name in ("device", "platform", "country", "language"):
            if event.values.get(name):
                found[f"${name}"] = facts.Attribute([event.values[name][-1]])
    return found


def instant(text: Any, zone: ZoneInfo) -> datetime:
    found = datetime.fromisoformat(str(text).strip())
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def read_event(item: Mapping[str, Any], zone: ZoneInfo) -> facts.Event:
    values = {
        name: value if type(value) is list else [value]
        for name, value in item.items()
        if name not in ("event", "time") and value is not None
    }
    return facts.Event(item["event"], instant(item["time"], zone), values)


CHANGED = ("changed", "changed_at", "changedAt", "since", "at", "time")


def read_attribute(value: Any, zone: ZoneInfo) -> facts.Attribute:
    changed = None
    if type(value) is dict:
        text = next((value[name] for name in CHANGED if value.get(name)), None)
        changed = None if text is None else instant(text, zone)
        value = value.get("values", value.get("value"))
    values = value if type(value) is list else [value]
    return facts.Attribute([item for item in values if item is not None], changed)


ENTERED = ("entered_at", "enteredAt", "entered", "since")


def read_segments(raw: Any, first_seen: datetime, zone: ZoneInfo) -> Iterator[tuple[str, datetime]]:
    items = raw.items() if type(raw) is dict else ((item, None) for item in raw)
    for name, value in items:
        if type(name) is dict:
            name, value = name.get("name") or name["segment"], name
        if type(value) is dict:
            value = next((value[key] for key in ENTERED if value.get(key)), None)
        if value is False:
            continue
        yield name, first_seen if value in (None, True) else instant(value, zone)
