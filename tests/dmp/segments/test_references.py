from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Account
from dmp.models import Segment
from dmp.segments.operands import RuleError
from dmp.segments.references import check_references, segments_in, users_of


def names(*segments: str) -> dict[str, Any]:
    """A rule that names these segments."""
    return {"all": [{"event": "purchase"}, *({"segment": segment} for segment in segments)]}


def refusal(name: str, rule: Any, others: dict[str, Any]) -> RuleError:
    with pytest.raises(RuleError) as refused:
        check_references(name, rule, others)
    return refused.value


def test_segments_are_found_with_their_places() -> None:
    rule = {"any": [{"segment": "a"}, {"not": {"all": [{"segment": "b", "for": "1d"}]}}]}
    assert list(segments_in(rule)) == [("a", "any[0].segment"), ("b", "any[1].not.all[0].segment")]


@pytest.mark.parametrize("rule", [None, [], "x", {"all": {}}, {"not": 5}, {"segment": 5}, {"any": [None]}])
def test_what_is_no_rule_names_nothing(rule: Any) -> None:
    assert list(segments_in(rule)) == []


def test_a_segment_cannot_name_itself() -> None:
    refused = refusal("vip", {"segment": "vip"}, {})
    assert (refused.place, refused.message) == ("segment", "A segment cannot contain itself: “vip” → “vip”.")


def test_a_circle_is_refused_with_its_path() -> None:
    refused = refusal("a", names("x", "b"), {"a": None, "b": names("c"), "c": names("a"), "x": None})
    assert refused.place == "all[2].segment"
    assert refused.message == "A segment cannot contain itself: “a” → “b” → “c” → “a”."


def test_a_diamond_is_no_circle() -> None:
    check_references("a", names("b", "c"), {"b": names("d"), "c": names("d"), "d": None})


CHAIN = {"b": names("c"), "c": names("d"), "d": names("e"), "e": names("f"), "f": None}


def test_five_references_deep_are_fine() -> None:
    check_references("a", names("b"), CHAIN)


def test_six_are_refused_with_their_path() -> None:
    refused = refusal("a", names("b"), {**CHAIN, "f": names("g"), "g": None})
    assert refused.place == "all[1].segment"
    assert "5 deep: “a” → “b” → “c” → “d” → “e” → “f” → “g”." in refused.message


def test_what_names_the_segment_counts_too() -> None:
    refused = refusal("f", names("g"), {"a": names("b"), **CHAIN, "g": None})
    assert "“a” → “b” → “c” → “d” → “e” → “f” → “g”." in refused.message


def test_a_rule_that_names_no_segment_is_fine_whatever_names_it() -> None:
    check_references("g", {"event": "purchase"}, {"a": names("b"), **CHAIN, "f": names("g")})


def test_a_circle_of_others_is_not_this_ones_fault() -> None:
    check_references("a", names("b"), {"b": names("c"), "c": names("b")})


graphs = st.dictionaries(st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefgh"), max_size=3), min_size=1)


@given(graphs)
def test_it_refuses_exactly_circles_and_long_chains(graph: dict[str, list[str]]) -> None:
    """Segments saved one after the other: whatever is accepted has neither."""
    accepted: dict[str, Any] = {}
    for name, named in graph.items():
        try:
            check_references(name, names(*named), accepted)
        except RuleError:
            continue
        accepted[name] = names(*named)

    def depth(name: str, seen: tuple[str, ...] = ()) -> int:
        assert name not in seen
        return max((1 + depth(found, (*seen, name)) for found, _ in segments_in(accepted.get(name))), default=0)

    assert all(depth(name) <= 5 for name in accepted)


def test_segments_that_name_a_segment_use_it(account: Account, new_account: Callable[..., Account]) -> None:
    user = Segment.objects.create(account=account, name="Good", rule={"not": {"segment": "VIP"}})
    Segment.objects.create(account=account, name="Other", rule={"segment": "Churn"})
    Segment.objects.create(account=new_account("other"), name="Theirs", rule={"segment": "VIP"})

    assert users_of(account.pk, "VIP") == [user]
