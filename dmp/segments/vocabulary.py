"""What a rule may name: the event types with their properties, the attributes and the segments of an account."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from accounts.snapshot import Configuration
from dmp import computed
from dmp.attributes import CONSENT, definitions
from dmp.event_types import AD_EVENTS, Kind, declare, kinds
from dmp.memberships import segments
from dmp.models import SegmentRevision

BUILT_IN = {"path": "path", "referrer": "referrer", "platform": "platform", "device": "device"}
"""Properties that every event has, with their columns."""


class PropertyType(NamedTuple):
    """`column` of the event table; None: in the JSON `properties`."""

    type: str
    many: bool
    column: str | None


AD_PROPERTIES = dict.fromkeys(("campaign", "creative", "placement"), PropertyType("text", False, None))
"""What the ad server's own events tell."""

RESERVED_TYPES = {
    **dict.fromkeys(("$device", "$platform", "$country", "$language"), "text"),
    **dict.fromkeys(("$utm.source", "$utm.medium", "$utm.campaign"), "text"),
    **dict.fromkeys(("$firstSeen", "$lastSeen"), "datetime"),
    "$known": "boolean",
}


class AttributeType(NamedTuple):
    """`changes_known`: whether the time of its last change is kept, which `for` needs."""

    type: str
    changes_known: bool = True
    computed: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Event codes with their properties, attributes, names of segments; `zone` for times without a zone."""

    events: Mapping[str, Mapping[str, PropertyType]]
    attributes: Mapping[str, AttributeType]
    segments: Collection[str]
    zone: ZoneInfo

    def attribute(self, name: str) -> AttributeType | None:
        """The attribute of a name, the reserved ones included; None when there is none."""
        known = self.attributes.get(name)
        if known is None and name in RESERVED_TYPES:
            return AttributeType(RESERVED_TYPES[name], changes_known=False)
        is_consent = name.startswith(CONSENT) and len(name) > len(CONSENT)
        return AttributeType("boolean") if known is None and is_consent else known


def event_properties(kind: Kind) -> dict[str, PropertyType]:
    return {declared.name: PropertyType(declared.type, declared.many, declared.column) for declared in kind.declared}


def attribute_types(configuration: Configuration) -> dict[str, AttributeType]:
    found = {}
    for name, known in definitions.of(configuration).items():
        type = str((known.computed and computed.value_type(known.computed)) or known.type)
        found[name] = AttributeType(type, known.computed is None, known.computed)
    return found


def bound(known: Vocabulary, revision: SegmentRevision) -> Vocabulary:
    """The vocabulary with the zone, types and ways to compute of when a build began; what is gone since stays gone."""
    types = revision.types.get("attributes", {})
    attributes = {
        name: found._replace(type=types.get(name, found.type), changes_known=raw is None, computed=raw)
        for name, raw in revision.definitions.items()
        if (found := known.attributes.get(name)) is not None
    }
    events = {
        code: {
            **known.events[code],
            **{name: declared(name, *named[name]) for name in named.keys() & known.events[code]},
        }
        for code, named in revision.types.get("properties", {}).items()
        if code in known.events
    }
    zone = ZoneInfo(revision.zone)
    return Vocabulary({**known.events, **events}, {**known.attributes, **attributes}, known.segments, zone)


def declared(name: str, type: str, many: bool) -> PropertyType:
    return PropertyType(type, many, declare(name, type, many, required=False).column)


def vocabulary(configuration: Configuration) -> Vocabulary:
    """What the rules of an account may name."""
    events = {code: dict(AD_PROPERTIES) for code in AD_EVENTS} | {
        code: event_properties(kind) for code, kind in kinds.of(configuration).items()
    }
    return Vocabulary(events, attribute_types(configuration), segments.of(configuration), configuration.zone)
