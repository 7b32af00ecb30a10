"""What is known of one person when a rule is asked: plain values, read before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo


class Attribute(NamedTuple):
    """The values as they are stored: text str, number int or Decimal, boolean bool, date ISO text (2026-01-31),
    datetime ISO text. `changed`: when the list of values last changed (None: not known, or never written). A removed
    attribute has no values and the time of its removal."""

    values: Sequence[Any]
    changed: datetime | None = None


class Event(NamedTuple):
    """`values`: name -> list of stored values (typed as above), of the properties that have any."""

    code: str
    time: datetime
    values: Mapping[str, Sequence[Any]]


@dataclass(slots=True)
class Facts:
    """One person. `events` are sorted by time, bots' left out, the ad server's own ($...) included; events later than
    now may be there and do not exist yet. `segments`: name -> entered_at of the effective memberships."""

    zone: ZoneInfo
    first_seen: datetime | None = None
    bucket: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    segments: Mapping[str, datetime] = field(default_factory=dict)
    events: Sequence[Event] = ()


BEGINNING = datetime.min.replace(tzinfo=UTC)
