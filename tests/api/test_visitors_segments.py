"""POST /visitors/segments: a device in and out of segments."""

from dmp.models import Segment
from tests.api.person_segments import PersonSegments
from tests.shops import VISITOR

VS = "/visitors/segments"


class TestVisitorsSegments(PersonSegments):
    level = "visitor"


def test_the_documented_example_runs(api, shop):
    for name in ("SEGMENT_TO_BE_ASSIGNED", "SEGMENT_TO_BE_REMOVED"):
        Segment.objects.create(account=shop.account, name=name)
    lists = {"assignees": ["SEGMENT_TO_BE_ASSIGNED"], "removes": ["SEGMENT_TO_BE_REMOVED"]}
    message = "Visitor segments saved successfully."
    answer = {"status": 200, "visitorId": VISITOR, "message": message, "errors": []}
    assert api(VS, shop.visitor(**lists)) == (200, answer)


def test_a_visitor_is_known_in_any_case(api, shop):
    api(VS, shop.visitor(visitorId=f" {VISITOR.upper()} ", assignees=["VIP"]))
    assert api("/visitors/query", shop.visitor(segments=["VIP"]))[1]["segments"] == ["VIP"]
