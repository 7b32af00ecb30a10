"""POST /profiles/segments: a known user in and out of segments."""

import pytest

from dmp.models import Segment
from tests.api.person_segments import PersonSegments
from tests.shops import PROFILE

PS = "/profiles/segments"


class TestProfilesSegments(PersonSegments):
    level = "profile"


def test_the_documented_example_runs(api, shop):
    for name in ("SEGMENT_TO_BE_ASSIGNED", "SEGMENT_TO_BE_REMOVED"):
        Segment.objects.create(account=shop.account, name=name)
    lists = {"assignees": ["SEGMENT_TO_BE_ASSIGNED"], "removes": ["SEGMENT_TO_BE_REMOVED"]}
    message = "Profile segments saved successfully."
    answer = {"status": 200, "profileId": PROFILE, "message": message, "errors": []}
    assert api(PS, shop.profile(**lists)) == (200, answer)


@pytest.mark.parametrize("value", ["guest", "null", "0", 0])
def test_a_never_identifier_is_400_and_named(api, shop, rows, value):
    before = rows()
    status, body = api(PS, shop.profile(profileId=value, assignees=["VIP"]))
    assert (status, body["errors"][0]["field"]) == (400, "profileId")
    assert str(value) in body["message"]
    assert rows() == before
