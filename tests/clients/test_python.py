"""The Python client against a running server: each operation, and what goes wrong."""

import pickle
import re
import socket
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from segmenthub_client import (
    ApiError,
    BadRequest,
    Forbidden,
    NotFound,
    SegmentHub,
    SegmentHubError,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)
from segmenthub_client.errors import BY_STATUS, error_of

from dmp.models import Event
from segmenthub.openapi.operations import ERRORS
from segmenthub.openapi.schemas import UUID as UUID_
from tests.clients.conftest import Served
from tests.shops import PLATFORM, PROFILE, VISITOR

pytestmark = pytest.mark.django_db


@pytest.fixture
def hub(served: Served) -> SegmentHub:
    return SegmentHub(served.url, served.shop.id, served.shop.full)


def test_a_page_view_is_answered_with_campaigns(hub: SegmentHub) -> None:
    answer = hub.page_view(visitor_id=VISITOR, platform=PLATFORM, path="/")
    assert (answer["status"], answer["campaigns"]) == (200, [])


def test_a_product_view_takes_a_decimal(hub: SegmentHub) -> None:
    hub.product_view(visitor_id=UUID(VISITOR), platform=PLATFORM, sku="A1", price=Decimal("99.90"), brand="Alba")
    viewed = hub.query_visitor(visitor_id=VISITOR, attributes=["lastViewedProducts"])
    assert viewed["attributes"]["lastViewedProducts"][0] == {"value": "A1"}


def test_a_purchase_takes_its_items(hub: SegmentHub) -> None:
    answer = hub.purchase(
        visitor_id=VISITOR, platform=PLATFORM, order_id="O1", order_total=20.5, purchased_items=["A1", "A1"]
    )
    assert answer["message"] == "Campaigns executed successfully."


def test_an_event_of_ones_own_keeps_its_properties(hub: SegmentHub) -> None:
    hub.custom_event(visitor_id=VISITOR, platform=PLATFORM, event="addToCart", sku="A1", quantity=2)
    assert Event.objects.get(event="addToCart").properties == {"sku": "A1", "quantity": 2}


def test_events_need_no_token(served: Served) -> None:
    SegmentHub(served.url, served.shop.id).page_view(visitor_id=VISITOR, platform=PLATFORM, event_id=uuid4())


def test_a_decision_is_explained_with_the_token(hub: SegmentHub) -> None:
    assert hub.page_view(visitor_id=VISITOR, platform=PLATFORM, explain=True)["explain"] == []


def test_attributes_of_a_profile_are_written_and_read(hub: SegmentHub) -> None:
    saved = hub.update_profile_attributes(profile_id=PROFILE, attributes={"firstName": "John", "favoriteBrands": ["a"]})
    assert (saved["profileId"], saved["errors"]) == (PROFILE, [])
    asked = hub.query_profile(profile_id=PROFILE, attributes=("firstName",))
    assert asked["attributes"] == {"firstName": [{"value": "John"}]}


def test_null_removes_an_attribute_of_a_visitor(hub: SegmentHub) -> None:
    for gender in ("Man", None):
        hub.update_visitor_attributes(visitor_id=VISITOR, attributes={"gender": gender})
    assert hub.query_visitor(visitor_id=VISITOR, attributes=["gender"])["attributes"] == {}


def test_people_are_pinned_into_segments_and_listed(hub: SegmentHub) -> None:
    hub.update_profile_segments(profile_id="jane@example.com", assignees=["VIP"])
    hub.update_visitor_segments(visitor_id=VISITOR, assignees=["VIP"], removes=["Churn"])
    assert hub.query_visitor(visitor_id=VISITOR, segments=["*"])["segments"] == ["VIP"]
    members = hub.list_segment_members(segment="VIP", level="profile", limit=10)
    assert [member["profileId"] for member in members["members"]] == ["jane@example.com"]
    assert members["next"] is None


def test_what_could_not_be_done_is_told_beside_the_rest(hub: SegmentHub) -> None:
    assert hub.query_profile(profile_id=PROFILE, segments=["Nope"])["errors"][0]["code"] == "unknown"


def test_a_wrong_field_is_an_error_that_names_it(hub: SegmentHub) -> None:
    with pytest.raises(BadRequest, match="^400: ") as refused:
        hub.page_view(visitor_id="x", platform=PLATFORM)
    assert (refused.value.status, refused.value.errors[0]["field"]) == (400, "visitorId")
    assert refused.value.retry_after is None


@pytest.mark.parametrize(("kind", "error"), [("revoked", Unauthorized), ("ro", Forbidden)])
def test_a_token_that_may_not_is_an_error_of_its_own(served: Served, kind: str, error: type[ApiError]) -> None:
    with pytest.raises(error):
        SegmentHub(served.url, served.shop.id, getattr(served.shop, kind)).query_visitor(visitor_id=VISITOR)


def test_an_unknown_account_is_not_found(served: Served) -> None:
    with pytest.raises(NotFound):
        SegmentHub(served.url, uuid4()).page_view(visitor_id=VISITOR, platform=PLATFORM)


def test_too_many_requests_say_when_to_come_again(served: Served) -> None:
    hub = SegmentHub(served.url, served.shop.id, served.slow)
    hub.query_visitor(visitor_id=VISITOR)
    with pytest.raises(TooManyRequests) as refused:
        hub.query_visitor(visitor_id=VISITOR)
    assert refused.value.retry_after
    assert refused.value.retry_after > 0


def test_an_operation_that_needs_a_token_says_so_before_it_asks() -> None:
    with pytest.raises(SegmentHubError, match="needs a token"):
        SegmentHub("http://127.0.0.1:9", uuid4()).query_visitor(visitor_id=VISITOR)


def test_a_server_that_is_away_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Unreachable):
        SegmentHub(f"http://127.0.0.1:{port}", uuid4()).page_view(visitor_id=VISITOR, platform=PLATFORM)


@pytest.mark.parametrize("path", ["README.md", "sdk/python/README.md"])
def test_what_a_readme_tells_runs(served: Served, path: str) -> None:
    [code] = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[2] / path).read_text(), re.DOTALL)
    for told, ours in (("http://127.0.0.1:8000", served.url), (UUID_, served.shop.id), ("sgh_...", served.shop.full)):
        assert told in code
        code = code.replace(told, ours)
    exec(code, {})


def test_each_documented_status_is_an_exception_of_its_own() -> None:
    assert set(BY_STATUS) == set(ERRORS)


def test_an_answer_of_a_proxy_is_an_error_too() -> None:
    error = error_of(502, "soon", b"<html>Bad gateway</html>")
    assert (type(error), error.status, error.errors, error.retry_after) == (ApiError, 502, [], None)


def test_an_error_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(error_of(503, "1", b'{"message": "Wait."}')))
    assert (error.status, error.message, error.retry_after) == (503, "Wait.", 1)
