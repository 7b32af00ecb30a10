"""The documented operations: each view with its texts, examples and every status that it answers."""

from typing import Any

from drf_spectacular.extensions import OpenApiViewExtension
from drf_spectacular.utils import extend_schema

from segmenthub.openapi.schemas import PROFILE, UUID, VISITOR, Schema, ref

EVENT = {"account": UUID, "visitorId": VISITOR, "profileId": PROFILE, "platform": "www.example.com"}
MORE = {"device": "mobile", "path": "/", "referrer": None}
TOKEN = "sgh_..."  # noqa: S105
RETRY_AFTER = {
    "Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}, "description": "Seconds to wait."}
}
ERRORS: dict[int, tuple[str, str, list[tuple[str, str]]]] = {
    400: (
        "The request was malformed or missing required parameters.",
        "Send “visitorId”: the UUID4 that the SDK made.",
        [("visitorId", "required")],
    ),
    401: (
        "The API token provided was invalid or missing.",
        "The API token is missing or not valid. Send a token from Account > API Tokens as “token”.",
        [("token", "invalid")],
    ),
    403: (
        "The client does not have access rights to the content.",
        "This token may not do this. Give it “Read profiles” under Account > API Tokens.",
        [("token", "not_allowed")],
    ),
    404: (
        "The requested account not found or suspended.",
        "No such account, or it is suspended. Take the account's id from the panel.",
        [("account", "not_found")],
    ),
    405: ("Another method than POST.", "This path takes POST only.", []),
    415: (
        "API is only willing to process application/json.",
        "Send the body as application/json, in UTF-8, without Content-Encoding.",
        [],
    ),
    429: (
        "The requests a minute are used up.",
        "This token's requests a minute are used up. Wait 4 s.",
        [("token", "too_many")],
    ),
    500: (
        "An unexpected error occurred on the server.",
        "An unexpected error occurred on the server. Try again; if it stays, tell the operator.",
        [],
    ),
    503: (
        "The database is away. Nothing was stored: try again.",
        "The service is not ready for a moment. Nothing was stored: try again after the seconds in Retry-After.",
        [],
    ),
}
"""status: (description, message of the example, its problems)."""


def error(status: int) -> Schema:
    description, message, problems = ERRORS[status]
    errors = [{"field": field, "code": code, "message": message} for field, code in problems]
    example = {"status": status, "message": message, "errors": errors}
    content = {"application/json": {"schema": ref("Error"), "example": example}}
    headers = {429: RETRY_AFTER, 503: RETRY_AFTER}.get(status)
    if status == 405:
        headers = {"Allow": {"required": True, "schema": {"type": "string"}, "description": "What the path takes."}}
    return {"description": description, "content": content, **({"headers": headers} if headers else {})}


def operation(
    id: str, tag: str, summary: str, description: str, request: str, examples: Schema, response: str, example: Schema
) -> Schema:
    """An operation of the reference; `examples` are bodies by title, `example` is an answer."""
    return {
        "operationId": id,
        "tags": [tag],
        "summary": summary,
        "description": description,
        "security": [{}, {"bearer": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": ref(request),
                    "examples": {title: {"value": body} for title, body in examples.items()},
                }
            },
        },
        "responses": {
            "200": {
                "description": "The request was succeeded.",
                "content": {"application/json": {"schema": ref(response), "example": example}},
            },
            **{str(status): error(status) for status in ERRORS},
        },
    }


CAMPAIGNS_QUERY = operation(
    "queryCampaigns",
    "Events",
    "Fire an event",
    "Fires an event and returns eligible campaigns for the user, the effect of this very event included.\n\n"
    "Public: no token is needed. Pages may call it across origins. A purchase is recorded once by its `orderId`, "
    "any other event once by its optional `eventId`.",
    "Event",
    {
        "Page View": {**EVENT, **MORE, "event": "pageView"},
        "Product View": {
            **{**EVENT, **MORE, "event": "productView", "sku": "PRODUCT_SKU_HERE", "price": 99.90},
            **{"brand": "PRODUCT_BRAND_HERE", "breadcrumb": "PRODUCT_BREADCRUMB_HERE"},
            "category": "PRODUCT_CATEGORY_HERE",
        },
        "Purchase": {
            **{**EVENT, **MORE, "event": "purchase", "orderId": "ORDER_ID_HERE", "orderTotal": 199.90},
            "purchasedItems": ["SKU1_HERE", "SKU1_HERE"],
        },
    },
    "Campaigns",
    {"status": 200, "message": "Campaigns executed successfully.", "campaigns": []},
)


def people(level: str, field: str, who: str, attributes: Schema, asked: Schema, found: Schema) -> dict[str, Schema]:
    """The three operations on profiles or on visitors."""
    noun, whom = level.lower(), {"account": UUID, "token": TOKEN, field: who}
    tag, given = f"{level}s", f"the given {noun}"
    saved = {"status": 200, field: who, "errors": []}
    pins = {"assignees": ["SEGMENT_TO_BE_ASSIGNED"], "removes": ["SEGMENT_TO_BE_REMOVED"]}
    return {
        "query": operation(
            f"query{level}",
            tag,
            f"Query a {noun}",
            f"Returns requested attributes and segments of {given}. What the token may not read, or what does not "
            "exist, is left out and reported in `errors`; the rest is answered.",
            f"{level}Query",
            {"Query": {**whom, **asked}},
            f"{level}Queried",
            {"status": 200, "message": f"{level} queried successfully.", "errors": [], **found},
        ),
        "attributes": operation(
            f"update{level}Attributes",
            tag,
            "Update attributes",
            f"Updates requested attributes of {given}, who is made when new. What cannot be written is reported in "
            "`errors`; the others are saved, all at once.",
            f"{level}Attributes",
            {"Update Attributes": {**whom, "attributes": attributes}},
            f"{level}AttributesSaved",
            {**saved, "message": f"{level} attributes saved successfully."},
        ),
        "segments": operation(
            f"update{level}Segments",
            tag,
            "Update segments",
            f"Assigns or removes segments for {given}, who is made when new, whatever the segments' rules say. "
            "Send at least one of the lists; a name stands in one of them alone.",
            f"{level}Segments",
            {"Update Segments": {**whom, **pins}},
            f"{level}SegmentsSaved",
            {**saved, "message": f"{level} segments saved successfully."},
        ),
    }


PROFILES = people(
    "Profile",
    "profileId",
    PROFILE,
    {"firstName": "Test", "lastName": "User", "email": PROFILE},
    {"attributes": ["country", "firstName", "lastName", "lastViewedProducts"], "segments": ["VIP", "Churn"]},
    {
        "attributes": {
            "country": [{"value": "us"}],
            "firstName": [{"value": "John"}],
            "lastName": [{"value": "Doe"}],
            "lastViewedProducts": [{"value": "SKU1"}, {"value": "SKU2"}],
        },
        "segments": ["VIP"],
    },
)
VISITORS = people(
    "Visitor",
    "visitorId",
    VISITOR,
    {"gender": "Man", "favoriteBrands": ["Nike", "adidas"]},
    {"attributes": ["country"], "segments": ["VIP"]},
    {"attributes": {"country": [{"value": "us"}]}, "segments": ["VIP"]},
)


MEMBERS = operation(
    "listSegmentMembers",
    "Segments",
    "List the members of a segment",
    "Returns who is in a segment at this instant, visitors or profiles, a page of at most 1,000 at a time. The token "
    "needs “List the members of segments”.",
    "MembersOf",
    {"Members": {"account": UUID, "token": TOKEN, "segment": "VIP", "level": "profile", "limit": 100}},
    "Members",
    {
        "status": 200,
        "message": "Segment members listed successfully.",
        "members": [{"profileId": PROFILE, "enteredAt": "2026-11-23T10:00:00Z"}],
        "next": None,
    },
)


def describe(view: str, described: Schema) -> type[OpenApiViewExtension]:
    """Registers the description of a view, which knows nothing of it."""

    class Description(OpenApiViewExtension):  # type: ignore[misc]  # the library has no types
        target_class = view

        def view_replacement(self) -> Any:
            def post(self: Any, request: Any) -> Any: ...

            bases: Any = (self.target_class,)
            return type("Described", bases, {"post": extend_schema(operation=described)(post)})

    return Description


DESCRIPTIONS = [
    describe("adserver.views.CampaignQuery", CAMPAIGNS_QUERY),
    describe("cdp.views.ProfileQuery", PROFILES["query"]),
    describe("cdp.views.ProfileAttributes", PROFILES["attributes"]),
    describe("cdp.views.ProfileSegments", PROFILES["segments"]),
    describe("dmp.views.VisitorQuery", VISITORS["query"]),
    describe("dmp.views.VisitorAttributes", VISITORS["attributes"]),
    describe("dmp.views.VisitorSegments", VISITORS["segments"]),
    describe("cdp.views.SegmentMembers", MEMBERS),
]
