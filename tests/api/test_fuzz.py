"""Generated requests, valid and broken, against what /openapi.json promises of the answers."""

from zlib import crc32

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dmp.models import EventType, Property
from segmenthub.openapi.pages import document
from tests.api.server import running_server
from tests.shops import ATTRIBUTES, PLATFORM, VISITOR, make_shop

pytestmark = pytest.mark.django_db  # without a mark there is no test database
load_all_checks()
CHECKS = [not_a_server_error, content_type_conformance, response_headers_conformance]
CHECKS += [response_schema_conformance, status_code_conformance]
NAMES = [*ATTRIBUTES, "*", "$device", "consent.ads", "lastViewedProducts", "totalRevenue", "lastSeen"]
SEGMENTS = ["VIP", "Churn", "*"]
schema = schemathesis.openapi.from_dict(document())


@pytest.fixture(scope="module")
def fuzzed(django_db_setup, django_db_blocker):
    """A shop with an event type that declares a property of each type, and the port of a real server."""
    with django_db_blocker.unblock():
        shop = make_shop()
        event_type = EventType.objects.create(account=shop.account, code="addToCart")
        for type in ("text", "number", "boolean", "date", "datetime"):
            Property.objects.create(event_type=event_type, name=type, type=type, many=type == "text")
        with running_server() as port:
            yield shop, port


def fill(body, shop):
    """Real values in place of well-formed ones, in most bodies: else few would pass the door."""
    chance = crc32(repr(body).encode("utf-8", "surrogatepass"))
    if not isinstance(body, dict) or chance % 20 == 0:
        return body
    real = {"account": shop.id, "token": shop.full, "platform": PLATFORM, "visitorId": VISITOR}
    if body.get("event") not in ("pageView", "productView", "purchase"):
        real["event"] = "addToCart"
    filled = {**body, **{field: value for field, value in real.items() if isinstance(body.get(field), str)}}
    if isinstance(attributes := body.get("attributes"), dict):
        filled["attributes"] = {NAMES[(chance + i) % len(NAMES)]: v for i, v in enumerate(attributes.values())}
    for field, known in (("attributes", NAMES), *((name, SEGMENTS) for name in ("segments", "assignees", "removes"))):
        if isinstance(items := body.get(field), list) and chance % 3:
            filled[field] = [known[(chance + i) % len(known)] if isinstance(v, str) else v for i, v in enumerate(items)]
    return filled


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_the_answer_is_as_described(case, fuzzed):
    shop, port = fuzzed
    case.body = fill(case.body, shop)
    case.call_and_validate(base_url=f"http://127.0.0.1:{port}", checks=CHECKS)
