"""From the body of a request, or a line of an import, to an event: the fields of the reference, checked.

What the event type does not declare and the reference does not name is kept as a property.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from msgspec import convert
from uuid_utils.compat import uuid7

from accounts import snapshot
from accounts.clock import now
from accounts.door import UUID4_TEXT, UUID_TEXT
from accounts.errors import Malformed
from accounts.models import Platform
from accounts.snapshot import Configuration, Part
from dmp.event_types import AD_EVENTS, Kind, kinds
from dmp.events import EVENT_ID_KEPT, Event
from dmp.keys import key, visitor_key
from dmp.values import identifier, present, text, wrong

DEVICES = ("desktop", "tablet", "mobile")
RESERVED = frozenset(
    ("account", "token", "visitorId", "profileId", "profileSignature", "platform", "device", "event", "path")
    + ("referrer", "eventId", "consent", "explain")
)
"""Fields that are never properties."""
UTM = ("utm_source", "utm_medium", "utm_campaign")

read_name = identifier()
read_code = identifier(64)
read_url = text(8192)

platforms: Part[dict[str, tuple[str, ...]]] = Part(
    lambda account: {
        row.code: tuple(origin.rstrip("/").lower() for origin in row.origins)
        for row in Platform.objects.filter(account=account)
    }
)
"""The allowed origins of each platform, by code."""


def visitor_id(body: dict[str, Any]) -> UUID:
    """`visitorId`, a UUID version 4."""
    value = body.get("visitorId")
    if not present(value):
        raise Malformed.field("visitorId", "required", "Send “visitorId”: the UUID4 that the SDK made.")
    known = uuid4(value) if type(value) is str else None
    if known is None:
        raise Malformed.field("visitorId", "invalid", "“visitorId” is a UUID version 4, made by the SDK.")
    return known


@lru_cache(maxsize=65536)
def uuid4(text: str) -> UUID | None:
    """The UUID4 that a text is; the same devices come again and again."""
    return convert(text.strip(), UUID) if UUID4_TEXT.fullmatch(text.strip()) else None


def required(body: dict[str, Any], name: str, hint: str) -> Any:
    value = body.get(name)
    if not present(value):
        raise Malformed.field(name, "required", f"Send “{name}”: {hint}.")
    return value


def read_event(
    configuration: Configuration,
    body: dict[str, Any],
    at: datetime,
    *,
    id: UUID | None = None,
    device: str = "desktop",
    bot: bool = False,
) -> tuple[Configuration, Event]:
    """The event in `body`, that happened `at`; `device` is what the User-Agent tells, for a body that names none. The
    configuration comes back because a platform or event type made a moment ago may have needed a newer one."""
    visitor = visitor_id(body)
    platform, code = body.get("platform"), body.get("event")
    if not (type(platform) is str and platform in platforms.of(configuration)) or not (
        type(code) is str and code in kinds.of(configuration)
    ):
        configuration, platform, code = looked_up(configuration, body)
    kind = known_kind(configuration, code)
    event = Event(
        id=uuid7() if id is None else id,
        visitor=visitor_key(configuration.id, visitor),
        visitor_id=visitor,
        time=at,
        event=code,
        bot=bot,
        platform=platform,
        device=read_device(body.get("device"), device),
    )
    if (value := body.get("path")) is not None and present(value):
        event.path = read_url("path", value)
        if "utm_" in event.path:
            event.utm = utm(event.path)
    if (value := body.get("referrer")) is not None and present(value):
        event.referrer = read_url("referrer", value)
    read_properties(kind, body, event)
    read_once(configuration, body, event)
    return configuration, event


def looked_up(configuration: Configuration, body: dict[str, Any]) -> tuple[Configuration, str, str]:
    """Platform and event type as they are known after a second look; raises Malformed for what is not."""
    platform = read_name("platform", required(body, "platform", "the code of a platform registered in the panel"))
    code = read_code("event", required(body, "event", "the code of an event type made in the panel"))
    if platform not in platforms.of(configuration) or code not in kinds.of(configuration):
        configuration = snapshot.newer(configuration)
    if platform not in platforms.of(configuration):
        message = f"The platform “{platform}” is not registered. Add it under Account > Platforms."
        raise Malformed.field("platform", "unknown", message)
    return configuration, platform, code


def known_kind(configuration: Configuration, code: str) -> Kind:
    kind = kinds.of(configuration).get(code)
    if kind is not None and code not in AD_EVENTS:
        return kind
    message = f"The event type “{code}” does not exist. Make it under Events."
    raise Malformed.field("event", "unknown", message)


def read_device(value: Any, default: str) -> str:
    if not present(value):
        return default
    named: str = read_name("device", value)
    if named not in DEVICES:
        raise wrong("device", "invalid", "is desktop, tablet or mobile")
    return named


def read_properties(kind: Kind, body: dict[str, Any], event: Event) -> None:
    """Declared properties by their readers, the rest as it is."""
    properties = {name: value for name, value in body.items() if name not in RESERVED}
    for declared in kind.declared:
        value = properties.pop(declared.name, None)
        if value is None or not present(value):
            if declared.required:
                message = f"Send “{declared.name}”: {kind.code} requires it."
                raise Malformed.field(declared.name, "required", message)
            continue
        value = declared.read(declared.name, value)
        if declared.required and value == "":
            raise Malformed.field(declared.name, "required", f"“{declared.name}” is empty.")
        if declared.column:
            setattr(event, declared.column, value)
        else:
            properties[declared.name] = value
    if properties:
        event.properties = properties


def read_once(configuration: Configuration, body: dict[str, Any], event: Event) -> None:
    """An order is recorded once for ever, an eventId once in 24 hours. Their keys are the event's id too."""
    event_id = read_event_id(body)
    if event.event == "purchase" and event.order_id:
        event.id = event.once = key(configuration.id, "o", event.order_id)
        event.refund = event.order_total is not None and event.order_total < 0
    elif event_id is not None:
        event.id = event.once = key(configuration.id, "e", str(event_id))
        event.expires_at = now() + EVENT_ID_KEPT


def read_event_id(body: dict[str, Any]) -> UUID | None:
    value = body.get("eventId")
    if not present(value):
        return None
    if type(value) is not str or not UUID_TEXT.fullmatch(value.strip()):
        raise Malformed.field("eventId", "invalid", "“eventId” is a UUID that you make for each event.")
    return UUID(value.strip())


def utm(path: str) -> dict[str, str] | None:
    """The utm parameters of a path's query: {"source", "medium", "campaign"}."""
    query = path.partition("?")[2].partition("#")[0]
    try:
        pairs = dict(parse_qsl(query, max_num_fields=100))
    except ValueError:
        return None
    found = {name[4:]: pairs[name][:255].replace("\0", "") for name in UTM if pairs.get(name)}
    return found or None
