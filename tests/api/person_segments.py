"""What /profiles/segments and /visitors/segments have in common. A test module names the level."""

import pytest

from adserver.models import Campaign, Creative
from dmp.models import Membership, MembershipChange, Segment
from tests.api.threads import together
from tests.shops import PROFILE, make_token


class PersonSegments:
    """`level` is "profile" or "visitor"."""

    level: str

    @pytest.fixture
    def body(self, shop):
        return getattr(shop, self.level)

    @pytest.fixture
    def pin(self, api, body):
        """Sends lists of segments as the live token; gives (status, body)."""

        def pin(**fields):
            return api(f"/{self.level}s/segments", body(**fields))

        return pin

    @pytest.fixture
    def inside(self, api, body):
        """The segments that the person is in."""
        return lambda: api(f"/{self.level}s/query", body(segments=["*"]))[1]["segments"]

    def test_the_answer_names_the_person(self, pin, body):
        who = body()[f"{self.level}Id"]
        message = f"{self.level.title()} segments saved successfully."
        answer = {"status": 200, f"{self.level}Id": who, "message": message, "errors": []}
        assert pin(assignees=["VIP"]) == (200, answer)

    def test_an_assigned_person_is_in(self, pin, inside):
        pin(assignees=["VIP", "Churn"])
        assert inside() == ["Churn", "VIP"]

    def test_a_removed_person_is_out(self, pin, inside):
        pin(assignees=["VIP", "Churn"])
        pin(removes=["VIP"])
        assert inside() == ["Churn"]

    def test_both_lists_work_at_once(self, pin, inside):
        pin(assignees=["VIP"])
        pin(assignees=["Churn"], removes=["VIP"])
        assert inside() == ["Churn"]

    def test_a_removed_person_is_pinned_out_whatever_the_rule_says(self, pin, inside, account):
        pin(removes=["VIP"])
        row = Membership.objects.get(account=account)
        assert (row.pinned, inside()) == ("out", [])

    def test_a_release_gives_the_segment_back_to_its_rule(self, pin, inside, account):
        pin(assignees=["VIP"], removes=["Churn"])
        pin(releases=["VIP", "Churn"])
        assert inside() == []
        assert not Membership.objects.filter(account=account).exists()

    def test_a_name_in_two_lists_is_400(self, pin, rows):
        before = rows()
        for lists in ({"assignees", "removes"}, {"assignees", "releases"}, {"removes", "releases"}):
            status, answer = pin(**dict.fromkeys(lists, ["VIP"]))
            assert (status, answer["errors"][0]["field"], answer["errors"][0]["code"]) == (
                400,
                "segments.VIP",
                "conflict",
            )
        assert rows() == before

    def test_a_name_twice_in_one_list_is_once(self, pin, inside):
        assert pin(assignees=["VIP", "VIP"])[1]["errors"] == []
        assert inside() == ["VIP"]

    def test_unknown_names_are_reported_and_the_others_done(self, pin, inside):
        _, answer = pin(assignees=["Gold", "VIP"], removes=["Old"])
        codes = {error["field"]: error["code"] for error in answer["errors"]}
        assert codes == {"segments.Gold": "unknown", "segments.Old": "unknown"}
        assert inside() == ["VIP"]

    def test_a_star_is_no_segment_here(self, pin):
        assert pin(removes=["*"])[1]["errors"][0]["code"] == "unknown"

    @pytest.mark.parametrize("lists", [{"assignees": []}, {"removes": []}, {"assignees": [], "removes": []}])
    def test_empty_lists_are_fine_and_make_the_person(self, pin, api, body, lists):
        assert pin(**lists)[0] == 200
        assert api(f"/{self.level}s/query", body())[1]["errors"] == []

    @pytest.mark.parametrize("lists", [{}, {"assignees": None}, {"assignees": "", "removes": " "}])
    def test_neither_list_is_400(self, pin, rows, lists):
        before = rows()
        status, answer = pin(**lists)
        assert (status, answer["errors"][0]["code"]) == (400, "required")
        assert rows() == before

    @pytest.mark.parametrize("field", ["assignees", "removes", "releases"])
    @pytest.mark.parametrize("value", ["VIP", {"VIP": 1}, 5, [1], [None], [["VIP"]]])
    def test_a_list_holds_names(self, pin, field, value):
        status, answer = pin(**{field: value})
        assert (status, answer["errors"][0]["field"], answer["errors"][0]["code"]) == (400, field, "wrong_type")

    def test_a_segment_made_a_moment_ago_is_known(self, pin, inside, account):
        pin(assignees=["VIP"])
        Segment.objects.create(account=account, name="Fresh")
        pin(assignees=["Fresh"])
        assert inside() == ["Fresh", "VIP"]

    def test_each_change_leaves_one_row_of_history(self, pin, account):
        for lists in ({"assignees": ["VIP"]}, {"assignees": ["VIP"]}, {"removes": ["VIP"]}, {"removes": ["VIP"]}):
            pin(**lists)
        changes = MembershipChange.objects.filter(account=account).order_by("at")
        assert [(change.entered, change.cause) for change in changes] == [(True, "pin"), (False, "pin")]

    def test_it_needs_its_own_access(self, pin, account, rows):
        before = rows()
        others = [f"{level}s:{what}" for level in ("profile", "visitor") for what in ("read", "write")]
        others.remove(f"{self.level}s:write")
        assert pin(assignees=["VIP"], token=make_token(account, "other", access=others))[0] == 403
        assert rows() == before

    def test_the_next_event_is_decided_by_it(self, api, pin, shop):
        campaign = Campaign.objects.create(account=shop.account, name="VIPs", slug="vips", status="live")
        campaign.segments.add(Segment.objects.get(account=shop.account, name="VIP"))
        Creative.objects.create(campaign=campaign, name="A")
        event = shop.event(profileId=PROFILE)
        pin(assignees=["VIP"])
        assert len(api("/campaigns/query", event)[1]["campaigns"]) == 1
        pin(removes=["VIP"])
        assert api("/campaigns/query", event)[1]["campaigns"] == []

    @pytest.mark.django_db(transaction=True)
    def test_pins_at_the_same_instant_all_count(self, pin, inside, account):
        names = [f"S{number}" for number in range(8)]
        Segment.objects.bulk_create(Segment(account=account, name=name) for name in names)
        answers = together([lambda name=name: pin(assignees=[name]) for name in names])
        assert [status for status, _ in answers] == [200] * 8
        assert inside() == names
