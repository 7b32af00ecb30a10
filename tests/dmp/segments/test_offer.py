import pytest

from dmp.segments.offer import offer
from dmp.segments.operands import BY_TYPE, EVERY_TYPE
from dmp.segments.parse import parse
from dmp.segments.templates import TEMPLATES, Template
from tests.dmp.segments.vocabularies import shop


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_a_template_is_a_rule(template: Template) -> None:
    assert parse(template.rule, shop())


def test_a_template_whose_words_are_missing_is_not_offered() -> None:
    bare = shop()
    bare = type(bare)({"pageView": {}}, bare.attributes, bare.segments, bare.zone)
    assert [template["name"] for template in offer(bare)["templates"]] == ["Regular"]


@pytest.mark.parametrize("type", BY_TYPE)
def test_a_type_offers_all_its_operators_once(type: str) -> None:
    offered = [op for op, _ in offer(shop())["operators"][type]]
    assert sorted(offered) == sorted((*EVERY_TYPE, *BY_TYPE[type]))


def test_a_segment_is_not_offered_to_itself() -> None:
    assert offer(shop(), without="vip")["segments"] == ["staff"]


def test_what_has_no_time_of_change_says_so() -> None:
    changes = {found["name"]: found["changes"] for found in offer(shop())["attributes"]}
    assert (changes["plan"], changes["$device"]) == (True, False)
