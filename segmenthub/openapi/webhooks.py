"""What an account's own servers are sent: described as OpenAPI's webhooks, the direction being the other one."""

from segmenthub.openapi.schemas import PROFILE, UUID, VISITOR, Schema, record, ref

MESSAGE: Schema = record(
    {
        "id": {
            "type": "string",
            "format": "uuid",
            "description": "The message's own. A message that is sent again has the same: leave out what you know.",
        },
        "event": {
            "enum": ["entered", "left", "test"],
            "description": "A person entered or left the segment; `test` is sent from the panel and tells nothing.",
        },
        "segment": {"type": "string", "description": "The segment's name at that time. Absent in a test."},
        "level": {"enum": ["profile", "visitor"], "description": "What entered or left. Absent in a test."},
        "profileId": {"type": "string", "description": "Of a profile, in its normal form."},
        "visitorId": {"type": "string", "format": "uuid", "description": "Of a visitor."},
        "cause": {
            "enum": ["event", "clock", "merge", "link", "edit", "pin"],
            "description": "Why: an event of the person, the passing of time, profiles united, a device linked, an "
            "edit of the segment, or a pin by hand or API. Absent in a test.",
        },
        "at": {"type": "string", "format": "date-time", "description": "When it happened, in UTC."},
    },
    ["id", "event", "at"],
    additionalProperties=True,
)
ENTERED: Schema = {
    **{"id": UUID, "event": "entered", "segment": "VIP", "level": "profile", "profileId": PROFILE},
    **{"cause": "event", "at": "2026-11-23T10:00:00.123456Z"},
}
LEFT: Schema = {
    **{"id": UUID, "event": "left", "segment": "VIP", "level": "visitor", "visitorId": VISITOR},
    **{"cause": "clock", "at": "2026-12-23T10:00:00Z"},
}
TEST: Schema = {"id": UUID, "event": "test", "at": "2026-11-23T10:00:00Z"}
DESCRIPTION = """Posted to each webhook of the panel that asked for it, usually within two seconds of the change.

**Check the signature.** `X-SegmentHub-Signature` is `t=<unix seconds>,v1=<hex>`. `v1` is the HMAC-SHA256 of `t`, a full
stop and the body exactly as it came, with the webhook's secret as the key. Compare in constant time, and refuse a `t`
of more than five minutes ago. The panel shows code for it with the secret.

**At least once, in any order.** A message may come twice, with the same `id`. Messages may overtake each other: the
greater `at` of a person and segment is the later change.

**Answer 2xx within 5 seconds**, and work afterwards. Anything else, a redirect too, is a failure: the message is sent
again after 10 seconds, 1, 5 and 30 minutes, 2, 6, 12 and 24 hours, each up to a quarter longer. After 9 attempts in
about two days it has failed, which the panel's list of sent messages says; there it can be sent again for 30 days. A
server that does not answer, or answers 429 or 503, is left alone for 10 seconds, then asked one message at a time.

Only public addresses are posted to, at ports 80, 443 and 8000 to 8999."""


def header(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "header", "required": True, "description": description, "schema": schema}


CHANGED: Schema = {
    "operationId": "membershipChanged",
    "tags": ["Webhooks"],
    "summary": "Somebody entered or left a segment",
    "description": DESCRIPTION,
    "security": [{}],
    "parameters": [
        header("X-SegmentHub-Id", "The `id` of the message.", {"type": "string", "format": "uuid"}),
        header(
            "X-SegmentHub-Signature",
            "When it was signed, and the signature.",
            {"type": "string", "pattern": "^t=[0-9]+,v1=[0-9a-f]{64}$"},
        ),
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": ref("WebhookMessage"),
                "examples": {"Entered": {"value": ENTERED}, "Left": {"value": LEFT}, "Test": {"value": TEST}},
            }
        },
    },
    "responses": {
        "2XX": {"description": "Taken. The body is not read."},
        "default": {"description": "Not taken: it is sent again. The first 200 characters stand in the panel."},
    },
}
WEBHOOKS: Schema = {"membershipChanged": {"post": CHANGED}}
