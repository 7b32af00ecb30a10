"""What the form of a computed attribute is told while it is being written, and what is saved."""

import pytest
from django.urls import reverse

from accounts.models import Attribute
from tests.segmenthub.panel.conftest import SECRET

COUNT = {"as": "count", "event": "pageView", "within": "30d"}


@pytest.fixture
def tell(login, ours):
    def ask(raw, role="owner"):
        client = login(ours.account, role)
        return client.post(reverse("panel:computed"), {"computed": raw}, content_type="application/json")

    return ask


def test_it_is_told_in_words_with_the_values_of_some_people(tell, theirs):
    answer = tell(COUNT)
    found = answer.json()
    assert (found["sentence"], found["errors"]) == ("How many pageView events in the last 30 days", [])
    assert [(person["level"], person["values"]) for person in found["people"]] == [("visitor", ["1"])]
    assert SECRET not in answer.content.decode()


def test_a_mistake_is_told_with_its_place(tell):
    found = tell({**COUNT, "within": "soon"}).json()
    assert [wrong["place"] for wrong in found["errors"]] == ["within"]


def test_a_viewer_sees_no_people(tell):
    assert tell(COUNT, "viewer").status_code == 403


@pytest.fixture
def save(login, ours):
    def post(computed, attribute=None, **more):
        page, args = ("change", [attribute.pk]) if attribute else ("add", [])
        fields = {"name": "x", "type": "text", "merge": "newest", "computed": computed, **more}
        return login(ours.account).post(reverse(f"panel:accounts_attribute_{page}", args=args), fields)

    return post


def test_a_definition_gives_type_and_number_of_values(save):
    save('{"as": "lastList", "event": "productView", "property": "price"}')
    saved = Attribute.objects.get(name="x")
    assert (saved.type, saved.many) == ("number", True)


def test_a_definition_of_another_type_is_refused_on_a_saved_one(save, ours):
    attribute = Attribute.objects.create(account=ours.account, name="x", type="text")
    page = save('{"as": "count", "event": "purchase"}', attribute).content.decode()
    assert "make another attribute" in page
    attribute.refresh_from_db()
    assert attribute.computed is None


def test_a_computed_value_identifies_nobody(save):
    assert "identifies nobody" in save('{"as": "count", "event": "purchase"}', identifier="email").content.decode()


def test_the_list_tells_each_in_words(login, ours):
    Attribute.objects.create(account=ours.account, name="x", type="number", computed={**COUNT, "as": "timeSinceLast"})
    page = login(ours.account).get(reverse("panel:accounts_attribute_changelist")).content.decode()
    assert "Seconds since the newest of the pageView events in the last 30 days" in page
