"""What /profiles/attributes and /visitors/attributes have in common. A test module names the level."""

import pytest
from django.db import connection

from accounts.models import Attribute
from tests.api.threads import together
from tests.shops import make_token


class PersonAttributes:
    """`level` is "profile" or "visitor"."""

    level: str

    @pytest.fixture
    def body(self, shop):
        return getattr(shop, self.level)

    @pytest.fixture
    def write(self, api, body):
        """Writes attributes as the live token; gives (status, body)."""

        def write(attributes, **fields):
            return api(f"/{self.level}s/attributes", body(attributes=attributes, **fields))

        return write

    @pytest.fixture
    def problems(self, write):
        """Writes attributes, of which some are refused; gives {field: code}."""

        def problems(attributes, **fields):
            status, answer = write(attributes, **fields)
            assert status == 200
            return {error["field"]: error["code"] for error in answer["errors"]}

        return problems

    @pytest.fixture
    def stored(self, api, shop, body):
        """The values of the person's attributes."""

        def stored(*names):
            _, answer = api(f"/{self.level}s/query", body(token=shop.full, attributes=list(names)))
            return {name: [item["value"] for item in items] for name, items in answer["attributes"].items()}

        return stored

    def test_the_answer_names_the_person(self, write, body):
        who = body()[f"{self.level}Id"]
        message = f"{self.level.title()} attributes saved successfully."
        answer = {"status": 200, f"{self.level}Id": who, "message": message, "errors": []}
        assert write({"country": "us"}) == (200, answer)

    def test_the_person_is_made_when_new(self, write, stored):
        write({"country": "us"})
        assert stored("country") == {"country": ["us"]}

    def test_a_write_replaces_what_was_there_and_leaves_the_rest(self, write, stored):
        write({"country": "us", "favoriteBrands": ["Nike", "adidas"]})
        write({"favoriteBrands": "Puma"})
        assert stored("country", "favoriteBrands") == {"country": ["us"], "favoriteBrands": ["Puma"]}

    @pytest.mark.parametrize("value", [None, [], "", "  ", [None]])
    def test_null_removes(self, write, stored, value):
        write({"country": "us", "gender": "Man"})
        assert write({"country": value})[1]["errors"] == []
        assert stored("country", "gender") == {"gender": ["Man"]}

    def test_values_are_kept_by_their_type(self, write, stored):
        login = "2026-11-23T10:00:00+03:00"
        write(
            {"age": 42, "newsletter": True, "birthday": "1990-02-28", "lastLogin": login, "favoriteBrands": ["é", "x"]}
        )
        assert stored("age", "newsletter", "birthday", "lastLogin", "favoriteBrands") == {
            **{"age": [42], "newsletter": [True], "birthday": ["1990-02-28"], "lastLogin": ["2026-11-23T07:00:00Z"]},
            "favoriteBrands": ["é", "x"],
        }

    def test_numbers_keep_each_digit(self, write, stored):
        write({"age": [9007199254740993, 0.1, 1e21]})
        assert stored("age") == {"age": [9007199254740993, 0.1, 1e21]}

    @pytest.mark.parametrize(
        ("name", "value"),
        [("country", 1), ("country", True), ("country", {"a": {}}), ("country", [["us"]]), ("age", "42"), ("age", True)]
        + [("newsletter", "yes"), ("newsletter", 1), ("birthday", "28.2.1990"), ("lastLogin", "2026-11-23T10:00:00")],
    )
    def test_a_value_of_the_wrong_type_is_reported_and_the_others_saved(self, problems, stored, name, value):
        assert problems({name: value, "gender": "Man"}) == {f"attributes.{name}": "wrong_type"}
        assert stored(name, "gender") == {"gender": ["Man"]}

    def test_a_text_has_at_most_2000_characters(self, problems, stored):
        assert problems({"country": "é" * 2001, "gender": "é" * 2000}) == {"attributes.country": "too_long"}
        assert len(stored("gender")["gender"][0]) == 2000

    def test_a_list_has_at_most_100_values(self, problems, stored):
        assert problems({"country": ["x"] * 101, "favoriteBrands": ["x"] * 100}) == {"attributes.country": "too_many"}
        assert len(stored("favoriteBrands")["favoriteBrands"]) == 100

    def test_what_may_not_be_written_is_reported_and_the_others_saved(self, problems, stored):
        asked = {
            "nope": 1,
            "salary": 5,
            "lastViewedProducts": ["A"],
            "$device": "mobile",
            "__class__": 1,
            "country": "us",
        }
        assert problems(asked) == {
            "attributes.nope": "unknown",
            "attributes.salary": "not_allowed",
            "attributes.lastViewedProducts": "computed",
            "attributes.$device": "computed",
            "attributes.__class__": "unknown",
        }
        assert stored("country", "salary", "lastViewedProducts") == {"country": ["us"]}

    def test_consent_is_written_by_a_token_that_may(self, problems, stored, shop):
        assert problems({"consent.ads": True}) == {"attributes.consent.ads": "not_allowed"}
        assert problems({"consent.ads": True, "consent.mail": "yes"}, token=shop.full) == {
            "attributes.consent.mail": "wrong_type"
        }
        assert stored("consent.ads", "consent.mail") == {"consent.ads": [True]}

    @pytest.mark.parametrize("value", [None, {}, "", "x", [], ["country"], 5, True])
    def test_attributes_are_an_object_with_a_name(self, write, rows, value):
        before = rows()
        status, answer = write(value)
        assert (status, answer["errors"][0]["field"]) == (400, "attributes")
        assert rows() == before

    def test_attributes_cannot_be_missing(self, api, body):
        status, answer = api(f"/{self.level}s/attributes", body())
        assert (status, answer["errors"][0]["code"]) == (400, "required")

    def test_an_attribute_made_a_moment_ago_is_known(self, write, account, shop):
        write({"country": "us"})
        Attribute.objects.create(account=account, name="loyalty")
        assert write({"loyalty": "gold"}, token=shop.full)[1]["errors"] == []

    def test_it_needs_its_own_access(self, write, account, rows):
        before = rows()
        others = [f"{level}s:{what}" for level in ("profile", "visitor") for what in ("read", "write")]
        others.remove(f"{self.level}s:write")
        token = make_token(account, "other", access=others)
        assert write({"country": "us"}, token=token)[0] == 403
        assert rows() == before

    def test_a_write_that_fails_half_way_leaves_nothing(self, write, rows):
        with connection.cursor() as cursor:
            table = {"profile": "cdp_profile", "visitor": "dmp_visitor"}[self.level]
            cursor.execute(f"ALTER TABLE {table} ADD CHECK (NOT attributes ? 'country')")
        before = rows()
        assert write({"country": "us"})[0] == 500
        assert rows() == before

    @pytest.mark.django_db(transaction=True)
    def test_writers_of_different_attributes_never_undo_each_other(self, write, stored):
        names = ["country", "firstName", "lastName", "gender", "age", "newsletter"]
        values = {"age": 1, "newsletter": True}
        answers = together([lambda name=name: write({name: values.get(name, "x")}) for name in names * 2])
        assert [status for status, _ in answers] == [200] * 12
        assert set(stored(*names)) == set(names)
