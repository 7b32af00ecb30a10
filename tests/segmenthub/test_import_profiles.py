import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from accounts.clock import now
from accounts.snapshot import configuration
from cdp.identifiers import name
from cdp.models import Identifier, Profile
from dmp.models import Segment
from segmenthub.lines import Line
from segmenthub.profiles import Wanted, store
from tests.api.threads import together
from tests.shops import Shop

Import = Callable[..., dict[str, int]]


@pytest.fixture
def run(shop: Shop, tmp_path: Path) -> Import:
    def run(text: str, name: str = "people.jsonl") -> dict[str, int]:
        (tmp_path / name).write_text(text)
        out = io.StringIO()
        call_command("import_profiles", shop.id, str(tmp_path / name), rejects=str(tmp_path / "no.jsonl"), stdout=out)
        return json.loads(out.getvalue().splitlines()[-1])  # type: ignore[no-any-return]

    return run


def line(**fields: Any) -> str:
    return json.dumps({"profileId": "u1", **fields}) + "\n"


def reasons(tmp_path: Path) -> list[str]:
    return [json.loads(text)["reason"] for text in (tmp_path / "no.jsonl").read_text().splitlines()]


def test_a_line_makes_a_profile_with_attributes_and_segments(run: Import, shop: Shop) -> None:
    counts = run(line(attributes={"country": "tr", "favoriteBrands": ["A", "B"]}, segments=["VIP"]))
    assert counts == {"read": 1, "stored": 1, "duplicate": 0, "refused": 0}
    profile = Profile.objects.get()
    assert profile.attributes["favoriteBrands"]["values"] == ["A", "B"]
    assert profile.pins_in == [Segment.objects.get(account=shop.id, name="VIP").pk]


def test_the_same_file_twice_changes_nothing(run: Import) -> None:
    run(line(attributes={"country": "tr"}))
    before = Profile.objects.get().attributes["country"]["changed"]
    run(line(attributes={"country": "tr"}))
    assert Profile.objects.get().attributes["country"]["changed"] == before


def test_an_identifying_attribute_names_the_profile_too(run: Import) -> None:
    run(line(attributes={"email": "ada@example.com"}))
    assert set(Identifier.objects.values_list("value", flat=True)) == {"u1", "ada@example.com"}


def test_an_identifier_of_somebody_else_is_refused(run: Import, tmp_path: Path) -> None:
    run(line(attributes={"email": "ada@example.com"}))
    assert run(line(profileId="u2", attributes={"email": "ada@example.com"}))["refused"] == 1
    assert "belongs to another profile" in reasons(tmp_path)[0]


def test_of_two_lines_that_claim_one_email_the_first_has_it(run: Import) -> None:
    claims = [line(profileId=who, attributes={"email": "ada@example.com"}) for who in ("u1", "u2")]
    assert run("".join(claims))["refused"] == 1
    assert Profile.objects.get().name == "u1"


def test_a_refused_claim_leaves_nothing(run: Import) -> None:
    run(line(attributes={"email": "ada@example.com"}))
    run(line(profileId="u2", attributes={"country": "tr", "email": "ada@example.com"}, segments=["VIP"]))
    assert set(Identifier.objects.values_list("value", flat=True)) == {"u1", "ada@example.com"}
    assert Profile.objects.get().pins_in == []


def test_a_sixth_email_is_one_too_many(run: Import, tmp_path: Path) -> None:
    counts = run("".join(line(attributes={"email": f"ada{number}@example.com"}) for number in range(6)))
    assert (counts["stored"], counts["refused"]) == (5, 1)
    assert "at most 5" in reasons(tmp_path)[0]
    assert Profile.objects.get().attributes["email"]["values"] == ["ada4@example.com"]


def test_a_line_may_name_its_person_by_an_identifier_claimed_above(run: Import) -> None:
    run(line(attributes={"email": "ada@example.com"}) + line(profileId="ada@example.com", attributes={"age": 41}))
    assert set(Profile.objects.get().attributes) == {"email", "age"}


def test_of_several_lines_about_one_person_the_last_counts(run: Import) -> None:
    run(line(attributes={"country": "tr", "age": 41}) + line(attributes={"country": "de"}))
    values = {name: value["values"] for name, value in Profile.objects.get().attributes.items()}
    assert values == {"country": ["de"], "age": [41]}


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_give_each_email_one_owner(shop: Shop) -> None:
    found = configuration(shop.account.pk)
    assert found is not None
    emails = [f"{number}@example.com" for number in range(30)]
    wanted = {
        who: [Wanted(Line(1, b"", {}), name(found.id, f"{who}{email}"), {"email": [email]}, []) for email in order]
        for who, order in {"a": emails, "b": emails[::-1]}.items()
    }
    refused = together([lambda rows=rows: store(found, rows, now()) for rows in wanted.values()])
    assert sum(map(len, refused)) == 30
    assert Identifier.objects.filter(type="email", value__in=emails).count() == 30


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"profileId": "null"}, "names nobody"),
        ({"profileId": ""}, "profileId"),
        ({"attributes": {"nope": 1}}, "does not exist"),
        ({"attributes": {"age": "old"}}, "number"),
        ({"attributes": {"totalOrders": 1}}, "computed"),
        ({"attributes": []}, "object"),
        ({"segments": ["Nope"]}, "does not exist"),
        ({"segments": "VIP"}, "list"),
        ({"country": "tr"}, "not known here"),
    ],
)
def test_a_wrong_line_is_refused_whole(run: Import, tmp_path: Path, fields: dict[str, Any], reason: str) -> None:
    if fields == {"attributes": []}:
        fields = {"attributes": ["x"]}
    assert run(line(**{"attributes": {"country": "tr"}, **fields}))["refused"] == 1
    assert reason in reasons(tmp_path)[0]
    assert Profile.objects.count() == 0


def test_a_csv_file_says_the_same(run: Import) -> None:
    run("profileId,country,attributes.age,favoriteBrands,segments\nu1,tr,41,A|B,VIP\n", "people.csv")
    values = {name: value["values"] for name, value in Profile.objects.get().attributes.items()}
    assert values == {"country": ["tr"], "age": [41], "favoriteBrands": ["A", "B"]}
    assert len(Profile.objects.get().pins_in) == 1
