"""Hostile and border requests as data: what is sent, and the status that it must be answered with.

The account A has the platform www.example.com, the attributes country and firstName (and salary, which the token
sgh_live may not touch) and the segment VIP. The token sgh_ro reads profiles only; sgh_revoked, sgh_expired and
sgh_other (a good token of another account) are no good; SUSPENDED is suspended; GONE does not exist.
"""

import gzip
import json
from typing import Any, NamedTuple

A = "11111111-1111-4111-8111-111111111111"
SUSPENDED = "33333333-3333-4333-8333-333333333333"
GONE = "99999999-9999-4999-8999-999999999999"
V = "22222222-2222-4222-8222-222222222222"
JSON = "application/json"
CQ = "/campaigns/query"
PQ, PA, PS = "/profiles/query", "/profiles/attributes", "/profiles/segments"
VQ, VA, VS = "/visitors/query", "/visitors/attributes", "/visitors/segments"

EVENT: dict[str, Any] = {"account": A, "visitorId": V, "platform": "www.example.com", "event": "pageView"}
VIEW: dict[str, Any] = {**EVENT, "event": "productView", "sku": "S1"}
PURCHASE: dict[str, Any] = {**EVENT, "event": "purchase", "orderId": "O1"}
PROFILE: dict[str, Any] = {"account": A, "token": "sgh_live", "profileId": "john@example.com"}
VISITOR: dict[str, Any] = {"account": A, "token": "sgh_live", "visitorId": V}


class Case(NamedTuple):
    """One request. `partial`: answered 200 with an entry in `errors`."""

    id: str
    path: str
    body: bytes
    status: int
    method: str = "POST"
    type: str = JSON
    encoding: str | None = None
    partial: bool = False


def dump(body: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({**body, **fields}).encode()


def without(body: dict[str, Any], name: str) -> bytes:
    return json.dumps({field: value for field, value in body.items() if field != name}).encode()


def raw(fragment: str, body: dict[str, Any] = EVENT) -> bytes:
    """The body as JSON with a fragment that json.dumps would not write."""
    return json.dumps(body).encode()[:-1] + b"," + fragment.encode() + b"}"


GOOD = [
    Case("ok /campaigns/query", CQ, dump(EVENT), 200),
    Case("ok /profiles/query", PQ, dump(PROFILE, attributes=["country"], segments=["VIP"]), 200),
    Case("ok /profiles/attributes", PA, dump(PROFILE, attributes={"firstName": "X"}), 200),
    Case("ok /profiles/segments", PS, dump(PROFILE, assignees=["VIP"]), 200),
    Case("ok /visitors/query", VQ, dump(VISITOR), 200),
    Case("ok /visitors/attributes", VA, dump(VISITOR, attributes={"country": ["us", "tr"]}), 200),
    Case("ok /visitors/segments", VS, dump(VISITOR, removes=["VIP"]), 200),
]
ROUTES = [
    Case("method GET", CQ, b"", 405, method="GET"),
    Case("method PUT", PA, dump(PROFILE), 405, method="PUT"),
    Case("method DELETE", VS, b"", 405, method="DELETE"),
    Case("OPTIONS preflight", CQ, b"", 204, method="OPTIONS", type=""),
    Case("OPTIONS preflight of a token endpoint", PQ, b"", 405, method="OPTIONS", type=""),
    Case("unknown path", "/campaigns", dump(EVENT), 404),
    Case("trailing slash", CQ + "/", dump(EVENT), 404),
    Case("path upper", "/Campaigns/Query", dump(EVENT), 404),
]
TYPES = [
    Case("ct text/plain (sendBeacon)", CQ, dump(EVENT), 415, type="text/plain;charset=UTF-8"),
    Case("ct form", CQ, b"account=" + A.encode(), 415, type="application/x-www-form-urlencoded"),
    Case("ct multipart", PA, b"--x--", 415, type="multipart/form-data; boundary=x"),
    Case("ct missing", CQ, dump(EVENT), 415, type=""),
    Case("ct vnd.api+json", CQ, dump(EVENT), 415, type="application/vnd.api+json"),
    Case("ct text/json", CQ, dump(EVENT), 415, type="text/json"),
    Case("ct charset=utf-8 upper", CQ, dump(EVENT), 200, type="APPLICATION/JSON; charset=UTF-8"),
    Case("ct charset=utf-16", CQ, json.dumps(EVENT).encode("utf-16"), 415, type=JSON + "; charset=utf-16"),
    Case("ct charset=latin-1", CQ, dump(EVENT), 415, type=JSON + "; charset=iso-8859-1"),
    Case("ct with another parameter", CQ, dump(EVENT), 415, type=JSON + "; boundary=x"),
    Case("ct of 8,000 characters", CQ, dump(EVENT), 415, type=JSON + " " * 8000 + "x"),
    Case("ct with two charsets", CQ, dump(EVENT), 415, type=JSON + "; charset=utf-8; charset=latin-1"),
    Case("gzip body", CQ, gzip.compress(dump(EVENT)), 415, encoding="gzip"),
]
BODIES = [
    Case("body " + id, CQ, body, 400)
    for id, body in {
        "empty": b"",
        "null": b"null",
        "[]": b"[]",
        "array of events": b"[" + dump(EVENT) + b"]",
        "string": b'"x"',
        "number": b"1",
        "true": b"true",
        "{}": b"{}",
        "truncated": dump(EVENT)[:-4],
        "trailing brace": dump(EVENT) + b"}",
        "two documents": dump(EVENT) + dump(EVENT),
        "comment": b"/**/" + dump(EVENT),
        "single quotes": str(EVENT).encode(),
        "BOM": b"\xef\xbb\xbf" + dump(EVENT),
        "utf-16 bytes": json.dumps(EVENT).encode("utf-16"),
        "bad utf-8": raw('"path":"X"').replace(b"X", b"\xff\xfe"),
        "overlong utf-8 NUL": raw('"path":"X"').replace(b"X", b"\xc0\x80"),
        "surrogate in utf-8": raw('"path":"X"').replace(b"X", b"\xed\xa0\x80"),
        "raw control char": raw('"path":"X"').replace(b"X", b"\x00"),
        "gzip undeclared": gzip.compress(dump(EVENT)),
        "64 KiB + 1": raw('"path":"%s"' % ("x" * 65600)),
        "3 MB": raw('"path":"%s"' % ("x" * 3_000_000)),
        "depth 9": raw('"x":' + "[" * 9 + "]" * 9),
        "depth 100k": raw('"x":' + "[" * 30_000 + "]" * 30_000),
        "depth unclosed": raw('"x":' + "[" * 30_000),
        "objects depth 10k": raw('"x":' + '{"a":' * 10_000 + "1" + "}" * 10_000),
        "5,000 keys": raw(",".join(f'"k{i}":1' for i in range(5000))),
        "key of 65 characters": raw('"%s":1' % ("k" * 65)),
        "NaN": raw('"x":NaN'),
        "-Infinity": raw('"x":-Infinity'),
        "1e400": raw('"x":1e400'),
        "1e-400": raw('"x":1e-400'),
        "1e99999999999999999999": raw('"x":1e99999999999999999999'),
        "int 2^63": raw('"x":9223372036854775808'),
        "int 4,000 digits": raw('"x":' + "9" * 4000),
        "int 5,000 digits": raw('"x":' + "9" * 5000),
        "\\u0000 value": raw('"path":"a\\u0000b"'),
        "\\u0000 key": raw('"a\\u0000":1'),
        "lone high surrogate": raw('"path":"\\ud800"'),
        "lone low surrogate": raw('"path":"\\udfff"'),
        "lone surrogate in a key": raw('"\\ud800":1'),
        "swapped surrogates": raw('"path":"\\ude00\\ud83d"'),
    }.items()
] + [
    Case("valid surrogate pair", CQ, raw('"path":"\\ud83d\\ude00"'), 200),
    Case("duplicate key, last wins", CQ, raw('"event":"purchase"'), 400),
    Case("__proto__ ignored", CQ, raw('"__proto__":{"is_admin":true}'), 200),
    Case("unknown keys ignored", CQ, dump(EVENT, is_admin=True, id=1), 200),
    Case("-0 extra", CQ, raw('"x":-0'), 200),
    Case("body 64 KiB", CQ, dump(EVENT).ljust(64 * 1024), 200),
    Case("body 64 KiB and a space", CQ, dump(EVENT).ljust(64 * 1024 + 1), 400),
    Case("other Unicode in properties", CQ, dump(EVENT, **{"\u200b\U0001f600": "\ufffe\u202e\u0130"}), 200),
    Case("int 2^63 - 1", CQ, raw('"x":9223372036854775807'), 200),
]
ACCOUNTS = [
    Case("account " + id, CQ, dump(EVENT, account=account), status)
    for id, account, status in (
        ("null", None, 400),
        ("empty", "", 400),
        ("int 1", 1, 400),
        ("2^127", 2**127, 400),
        ("list", [A], 400),
        ("{$ne}", {"$ne": None}, 400),
        ("true", True, 400),
        ("braces", "{" + A + "}", 400),
        ("urn", "urn:uuid:" + A, 400),
        ("no dashes", A.replace("-", ""), 400),
        ("full-width digits", A.replace("1", "\uff11"), 400),
        ("SQL", "' or 1=1--", 400),
        ("upper case", A.upper(), 200),
        ("spaces around", " " + A + " ", 200),
        ("unknown", GONE, 404),
        ("suspended", SUSPENDED, 404),
    )
]
FIELDS = [
    Case(f"{field} missing", CQ, without(body, field), 400)
    for field, body in (
        ("account", EVENT),
        ("visitorId", EVENT),
        ("platform", EVENT),
        ("event", EVENT),
        ("sku", VIEW),
        ("orderId", PURCHASE),
    )
] + [
    Case(f"{field} {id}", CQ, dump(EVENT, **{field: value}), status)
    for field, id, value, status in (
        ("visitorId", "uuid1", "a8098c1a-f86e-11da-bd1a-00112444be1e", 400),
        ("visitorId", "nil", "00000000-0000-0000-0000-000000000000", 400),
        ("visitorId", "int", 7, 400),
        ("platform", "not ours", "evil.example", 400),
        ("device", "watch", "watch", 400),
        ("device", "null", None, 200),
        ("event", "unknown", "nope", 400),
        ("event", "int", 1, 400),
        ("event", "list", ["pageView"], 400),
        ("event", "65 chars", "x" * 65, 400),
        ("event", "spaces", "  ", 400),
        ("event", "<script>", "<script>", 400),
        ("event", "the ad server's own", "$click", 400),
        ("profileId", "256 chars", "x" * 256, 400),
        ("profileId", "int", 5, 200),
        ("profileId", "list", ["a"], 400),
        ("profileId", "CRLF", "a\r\nSet-Cookie: x", 400),
        ("profileId", "ESC", "a\x1b[31m", 400),
        ("profileId", "null", None, 200),
        ("path", "tab and newline", "/a\t\nb", 200),
        ("path", "8,193 chars", "/" + "a" * 8192, 400),
        ("path", "8,000 chars", "/" + "a" * 7999, 200),
        ("path", "object", {"a": 1}, 400),
        ("referrer", "javascript:", "javascript:alert(1)", 200),
    )
]
PRICES = [
    Case("price " + id, CQ, dump(VIEW, price=price), status)
    for id, price, status in (
        ("99.90", 99.9, 200),
        ("'99.90'", "99.90", 200),
        ("'1,299.90'", "1,299.90", 200),
        ("'99,90'", "99,90", 400),
        ("-1", -1, 400),
        ("true", True, 400),
        ("{}", {}, 400),
        ("'NaN'", "NaN", 400),
        ("1e30", 1e30, 400),
        ("1e-300", 1e-300, 400),
        ("'1_000'", "1_000", 400),
        ("arabic digits", "\u0661\u0662", 400),
        ("null", None, 200),
        ("0", 0, 200),
    )
]
ITEMS = [
    Case("purchasedItems " + id, CQ, dump(PURCHASE, purchasedItems=items), status)
    for id, items, status in (
        ("string", "SKU1", 400),
        ("nested", [["a"]], 400),
        ("numbers", [1], 200),
        ("201 items", ["a"] * 201, 200),
        ("501 items", ["a"] * 501, 400),
        ("[]", [], 200),
        ("dup SKU", ["a", "a"], 200),
    )
]
TOKENS = [
    Case("token " + id, PQ, dump(PROFILE, token=token), status)
    for id, token, status in (
        ("null", None, 401),
        ("empty", "", 401),
        ("int", 1, 401),
        ("list", ["sgh_live"], 401),
        ("wrong", "sgh_nope", 401),
        ("revoked", "sgh_revoked", 401),
        ("expired", "sgh_expired", 401),
        ("of another account", "sgh_other", 401),
        ("prefix only", "sgh_", 401),
        ("upper case", "SGH_LIVE", 401),
        ("NUL", "sgh_live\x00", 400),
        ("1,999 characters", "x" * 1999, 401),
        ("unicode", "sgh_l\u0456ve", 401),
    )
] + [
    Case("token missing", PQ, without(PROFILE, "token"), 401),
    Case("token missing, account unknown", PQ, without({**PROFILE, "account": GONE}, "token"), 401),
    Case("token ok, account unknown", PQ, dump(PROFILE, account=GONE), 404),
    Case("account suspended with its token", PQ, dump(PROFILE, account=SUSPENDED), 404),
    Case("read-only token writes", PA, dump(PROFILE, token="sgh_ro", attributes={"country": "us"}), 403),
    Case("profile token on visitors", VQ, dump(VISITOR, token="sgh_ro"), 403),
]
PEOPLE = [
    Case("profileId missing", PQ, without(PROFILE, "profileId"), 400),
    Case("visitorId as profile", VQ, without({**VISITOR, "profileId": "x"}, "visitorId"), 400),
    Case("attribute not allowed, read", PQ, dump(PROFILE, attributes=["country", "salary"]), 200, partial=True),
    Case("attribute name lookup injection", PQ, dump(PROFILE, attributes=["country' ? '"]), 200, partial=True),
    Case("unknown profile query", PQ, dump(PROFILE, profileId="nobody@example.com"), 200, partial=True),
    Case("attributes string", PQ, dump(PROFILE, attributes="country"), 400),
    Case("attributes list on write", PA, dump(PROFILE, attributes=["a"]), 400),
    Case("attributes {}", PA, dump(PROFILE, attributes={}), 400),
    Case("attributes missing", PA, dump(PROFILE), 400),
    Case("attribute not allowed, write", PA, dump(PROFILE, attributes={"salary": 1}), 200, partial=True),
    Case("attribute name with dot-dunder", PA, dump(PROFILE, attributes={"__class__": 1}), 200, partial=True),
    Case("attribute nested object", PA, dump(PROFILE, attributes={"country": {"a": {}}}), 200, partial=True),
    Case("attribute value 2,001 chars", PA, dump(PROFILE, attributes={"country": "x" * 2001}), 200, partial=True),
    Case("attribute null deletes", PA, dump(PROFILE, attributes={"country": None}), 200),
    Case("segments none", PS, dump(PROFILE), 400),
    Case("assignees string", PS, dump(PROFILE, assignees="VIP"), 400),
    Case("segment in both lists", PS, dump(PROFILE, assignees=["VIP"], removes=["VIP"]), 400),
    Case("unknown segment", PS, dump(PROFILE, assignees=["Nope"]), 200, partial=True),
]
CASES = [*GOOD, *ROUTES, *TYPES, *BODIES, *ACCOUNTS, *FIELDS, *PRICES, *ITEMS, *TOKENS, *PEOPLE]
