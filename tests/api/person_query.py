"""What /profiles/query and /visitors/query have in common. A test module names the level and gets these tests."""

import pytest

from accounts.models import Attribute
from dmp.models import Segment
from tests.shops import PROFILE, make_token


class PersonQuery:
    """`level` is "profile" or "visitor"."""

    level: str

    @pytest.fixture
    def body(self, shop):
        """The body of a request about the person."""
        return getattr(shop, self.level)

    @pytest.fixture
    def query(self, api, body):
        """Queries the person as the live token; gives the answer's body."""

        def query(**fields):
            status, answer = api(f"/{self.level}s/query", body(**fields))
            assert status == 200, answer
            return answer

        return query

    @pytest.fixture
    def write(self, api, shop, body):
        """Writes attributes of the person with a token that may write all."""

        def write(**attributes):
            answer = api(f"/{self.level}s/attributes", body(token=shop.full, attributes=attributes))
            assert answer[0] == 200
            assert answer[1]["errors"] == []

        return write

    @pytest.fixture
    def see(self, api, shop):
        """An event of the visitor, who is the profile."""

        def see(code="pageView", headers=None, **fields):
            body = shop.event(code, profileId=PROFILE, **fields)
            assert api("/campaigns/query", body, **(headers or {}))[0] == 200

        return see

    def test_the_message_names_the_level(self, query, write):
        write(country="us")
        message = f"{self.level.title()} queried successfully."
        answer = {"status": 200, "message": message, "errors": [], "attributes": {}, "segments": []}
        assert query() == answer

    def test_values_are_lists_of_value_objects(self, query, write):
        write(country="us", favoriteBrands=["Nike", "adidas"], age=42.5, newsletter=False)
        answer = query(attributes=["country", "favoriteBrands", "age", "newsletter"])
        assert answer["attributes"] == {
            "country": [{"value": "us"}],
            "favoriteBrands": [{"value": "Nike"}, {"value": "adidas"}],
            "age": [{"value": 42.5}],
            "newsletter": [{"value": False}],
        }

    def test_an_attribute_without_value_is_left_out(self, query, write):
        write(country="us")
        answer = query(attributes=["country", "gender", "lastViewedProducts"])
        assert (answer["attributes"], answer["errors"]) == ({"country": [{"value": "us"}]}, [])

    def test_an_attribute_that_is_not_allowed_or_unknown_is_reported_and_the_rest_answered(self, query, write):
        write(country="us", salary=5)
        answer = query(attributes=["country", "salary", "nope"])
        codes = {error["field"]: error["code"] for error in answer["errors"]}
        assert codes == {"attributes.salary": "not_allowed", "attributes.nope": "unknown"}
        assert answer["attributes"] == {"country": [{"value": "us"}]}

    def test_a_star_means_all_attributes_that_the_token_may_see(self, query, write):
        write(country="us", salary=5, firstName="John")
        answer = query(attributes=["*"])
        assert (answer["attributes"], answer["errors"]) == (
            {"country": [{"value": "us"}], "firstName": [{"value": "John"}]},
            [],
        )

    def test_a_star_shows_reserved_ones_and_consent_to_a_token_that_may_see_all(self, shop, query, see):
        see(device="mobile", path="/?utm_source=mail", consent={"ads": True, "mail": False})
        attributes = query(token=shop.full, attributes=["*"])["attributes"]
        assert attributes["$device"] == [{"value": "mobile"}]
        assert attributes["consent.ads"] == [{"value": True}]
        assert attributes["consent.mail"] == [{"value": False}]

    def test_a_token_may_be_allowed_a_reserved_attribute_alone(self, query, see, account):
        see(device="mobile", consent={"ads": True})
        token = make_token(account, "narrow", read_attributes=["$device", "consent.ads"])
        expected = {"$device": [{"value": "mobile"}], "consent.ads": [{"value": True}]}
        assert query(token=token, attributes=["*"])["attributes"] == expected
        assert query(token=token, attributes=["$device", "consent.ads"])["attributes"] == expected
        assert query(token=token, attributes=["consent.mail"])["errors"][0]["code"] == "not_allowed"

    def test_the_reserved_attributes_are_of_the_newest_event(self, shop, query, see):
        see(device="desktop", path="/?utm_source=mail&utm_medium=email&utm_campaign=x")
        headers = {"HTTP_ACCEPT_LANGUAGE": "tr-TR,tr;q=0.9", "HTTP_CF_IPCOUNTRY": "TR"}
        see(device="tablet", headers=headers)
        names = [
            "$device",
            "$platform",
            "$country",
            "$language",
            "$known",
            "$utm.source",
            "$utm.medium",
            "$utm.campaign",
        ]
        attributes = query(token=shop.full, attributes=names)["attributes"]
        assert {name: values[0]["value"] for name, values in attributes.items()} == {
            **{"$device": "tablet", "$platform": "www.example.com", "$country": "tr", "$language": "tr"},
            **{"$known": True, "$utm.source": "mail", "$utm.medium": "email", "$utm.campaign": "x"},
        }

    def test_first_and_last_seen_are_iso_texts(self, shop, query, see):
        see()
        see()
        attributes = query(token=shop.full, attributes=["$firstSeen", "$lastSeen", "firstSeen", "lastSeen"])[
            "attributes"
        ]
        first, last = (attributes[name][0]["value"] for name in ("$firstSeen", "$lastSeen"))
        assert first < last
        assert last.endswith("Z")
        assert attributes["firstSeen"] + attributes["lastSeen"] == [{"value": first}, {"value": last}]

    def test_computed_attributes_are_exact_and_newest_first(self, query, see):
        for sku in ("A", "B", "A", "C"):
            see("productView", sku=sku)
        values = query(attributes=["lastViewedProducts"])["attributes"]["lastViewedProducts"]
        assert values == [{"value": "C"}, {"value": "A"}, {"value": "B"}]

    def test_the_standard_computed_attributes_have_their_values(self, shop, query, see):
        see("productView", sku="A", brand="Nike", category="Shoes")
        see("purchase", orderId="1", orderTotal=10, purchasedItems=["A", "B"])
        see("purchase", orderId="2", orderTotal="5.50")
        names = ["totalOrders", "totalRevenue", "averageOrderValue", "favoriteBrand", "favoriteCategory"]
        attributes = query(token=shop.full, attributes=[*names, "lastPurchasedProducts"])["attributes"]
        assert [attributes[name][0]["value"] for name in names] == [2, 15.5, 7.75, "Nike", "Shoes"]
        assert attributes["lastPurchasedProducts"] == [{"value": "A"}, {"value": "B"}]

    def test_segments_are_those_of_the_asked_ones_that_the_person_is_in(self, api, body, query):
        api(f"/{self.level}s/segments", body(assignees=["VIP"]))
        assert query(segments=["VIP", "Churn"])["segments"] == ["VIP"]
        assert query(segments=["Churn"])["segments"] == []

    def test_segments_come_by_name_and_a_star_means_all(self, api, body, query, account):
        Segment.objects.create(account=account, name="Angels")
        api(f"/{self.level}s/segments", body(assignees=["VIP", "Angels"]))
        assert query(segments=["VIP", "Angels"])["segments"] == ["Angels", "VIP"]
        assert query(segments=["*"])["segments"] == ["Angels", "VIP"]

    def test_an_unknown_segment_is_reported(self, query, write):
        write(country="us")
        (error,) = query(segments=["Gold", "VIP", "Gold"])["errors"]
        assert (error["field"], error["code"]) == ("segments.Gold", "unknown")

    def test_what_was_made_a_moment_ago_is_known(self, query, write, shop):
        write(country="us")
        Attribute.objects.create(account=shop.account, name="loyalty")
        Segment.objects.create(account=shop.account, name="Fresh")
        assert query(token=shop.full, attributes=["loyalty"], segments=["Fresh"])["errors"] == []

    def test_an_unknown_person_is_answered_with_nothing_and_not_found(self, query, rows):
        before = rows()
        answer = query(attributes=["country"], segments=["VIP"])
        assert (answer["attributes"], answer["segments"]) == ({}, [])
        assert [(e["field"], e["code"]) for e in answer["errors"]] == [(f"{self.level}Id", "not_found")]
        assert rows() == before

    @pytest.mark.parametrize("field", ["attributes", "segments"])
    @pytest.mark.parametrize("value", ["country", {"a": 1}, 5, True, [1], [None], [["a"]]])
    def test_what_is_asked_is_a_list_of_names(self, api, body, field, value):
        status, answer = api(f"/{self.level}s/query", body(**{field: value}))
        assert (status, answer["errors"][0]["field"]) == (400, field)

    @pytest.mark.parametrize("value", [None, "", " ", []])
    def test_nothing_asked_is_nothing_answered(self, query, write, value):
        write(country="us")
        answer = query(attributes=value, segments=value)
        assert (answer["attributes"], answer["segments"], answer["errors"]) == ({}, [], [])

    def test_unknown_fields_are_ignored(self, query, write):
        write(country="us")
        assert query(nonsense={"a": [1]})["errors"] == []

    def test_it_needs_its_own_access(self, api, body, account):
        access = [f"{level}s:{what}" for level in ("profile", "visitor") for what in ("read", "write")]
        token = make_token(account, "other", access=[name for name in access if name != f"{self.level}s:read"])
        status, answer = api(f"/{self.level}s/query", body(token=token))
        assert (status, answer["errors"][0]["code"]) == (403, "not_allowed")

    @pytest.mark.parametrize("value", [None, "", "  "])
    def test_it_asks_for_its_person(self, api, body, value):
        status, answer = api(f"/{self.level}s/query", body(**{f"{self.level}Id": value}))
        field = f"{self.level}Id"
        assert (status, answer["errors"][0]["field"], answer["errors"][0]["code"]) == (400, field, "required")
