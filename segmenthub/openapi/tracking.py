"""The tracking paths: plain Django views for beacons and links, described as what they answer."""

from typing import Any

from segmenthub.openapi.operations import RETRY_AFTER, error
from segmenthub.openapi.schemas import Schema

TOKEN: Schema = {
    "name": "token",
    "in": "path",
    "required": True,
    "description": "The `id` of a campaign's element; `link` and `beacon` of the element hold the whole address.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{20,200}$"},
}
ORIGIN = {"Access-Control-Allow-Origin": {"required": True, "schema": {"const": "*"}, "description": "Any page."}}
NOTED: Schema = {
    "description": "Noted, or not: a token that is wrong, too old or known already is answered alike.",
    "headers": ORIGIN,
}
PICTURE: Schema = {
    "description": "The same, as a transparent picture for who accepts images.",
    "headers": ORIGIN,
    "content": {"image/gif": {"schema": {"type": "string", "format": "binary"}}},
}


def page(description: str, headers: Schema | None = None) -> Schema:
    """An answer for people."""
    content = {"text/html": {"schema": {"type": "string"}}}
    return {"description": description, "content": content, **({"headers": headers} if headers else {})}


def failed(status: int) -> Schema:
    found = error(status)
    return found | {"headers": found.get("headers", {}) | ORIGIN}


def beacon(id: str, summary: str, description: str, **more: Schema) -> Schema:
    return {
        "operationId": id,
        "tags": ["Tracking"],
        "summary": summary,
        "description": f"{description} Without cookies and from any page; a body is ignored. A token counts once.",
        "security": [{}],
        "responses": {"204": NOTED, **more, "500": failed(500), "503": failed(503)},
    }


CLICK: Schema = {
    "operationId": "followLink",
    "tags": ["Tracking"],
    "summary": "Follow a link",
    "description": "Notes a click, once within 7 days, and leads to the creative's stored link, whatever the request "
    "says; also when the campaign has ended.",
    "security": [{}],
    "responses": {
        "302": {
            "description": "To the creative's link.",
            "headers": {
                "Location": {"required": True, "schema": {"type": "string"}, "description": "The creative's link."},
                **ORIGIN,
            },
        },
        "404": page("The link leads nowhere."),
        "503": page("The database is away, and this process does not know the link.", RETRY_AFTER),
    },
}
SHOWN = "the campaign was rendered, within 24 hours."
PATHS: dict[str, dict[str, Any]] = {
    "/i/{token}": {
        "parameters": [TOKEN],
        "post": beacon("sendImpression", "Tell an impression", f"Tells that {SHOWN}"),
        "get": beacon("loadImpression", "Load an impression", f"For pictures: tells that {SHOWN}", **{"200": PICTURE}),
    },
    "/v/{token}": {
        "parameters": [TOKEN],
        "post": beacon("sendViewable", "Tell a view", "Tells that the campaign was on the screen, within 24 hours."),
    },
    "/x/{token}": {
        "parameters": [TOKEN],
        "post": beacon("sendDismiss", "Tell a dismissal", "Tells that the campaign was closed, within 24 hours."),
    },
    "/c/{token}": {"parameters": [TOKEN], "get": CLICK},
}
