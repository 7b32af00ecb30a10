"""`manage.py evaluate FILE`: both executors on people who are written in a file."""

import pytest

from dmp.models import Event, Visitor
from tests.segmenthub.trying import answered

NOW = "2026-11-23T10:00:00Z"
VIP = {"event": "purchase", "within": "90d", "sum": {"property": "orderTotal", "gte": 1000}}


@pytest.fixture
def evaluate(db, tmp_path):
    return lambda *lines: answered("evaluate", tmp_path, lines)


def line(rule, **fields):
    return {"rule": rule, "timezone": "Europe/Istanbul", "now": NOW, **fields}


def both(member, next_check_at=None):
    answer = {"member": member, "next_check_at": next_check_at}
    return {"person": answer, "set": answer}


def test_a_line_is_answered_by_both_executors_and_nothing_is_stored(evaluate):
    bought = [{"event": "purchase", "time": "2026-11-01T10:00:00Z", "orderTotal": 1000}]
    assert evaluate(line(VIP, events=bought), line(VIP)) == [both(True, "2027-01-30T10:00:00Z"), both(False)]
    assert not Event.objects.exists()
    assert not Visitor.objects.exists()


@pytest.mark.parametrize("plan", ["trial", ["trial"], {"values": ["trial"], "changed": "2026-11-10T10:00:00Z"}])
def test_an_attribute_may_be_a_value_a_list_or_tell_when_it_changed(evaluate, plan):
    assert evaluate(line({"attribute": "plan", "eq": "trial"}, attributes={"plan": plan})) == [both(True)]


def test_an_attribute_that_lasts_counts_from_its_change(evaluate):
    plan = {"values": ["trial"], "changed": "2026-11-10T10:00:00Z"}
    rule = {"attribute": "plan", "eq": "trial", "for": "14d"}
    assert evaluate(line(rule, attributes={"plan": plan})) == [both(False, "2026-11-24T10:00:00Z")]


@pytest.mark.parametrize("segments", [["vip"], {"vip": "2026-11-01T00:00:00Z"}, [{"name": "vip"}]])
def test_segments_may_be_names_or_tell_when_the_person_entered(evaluate, segments):
    assert evaluate(line({"segment": "vip"}, segments=segments)) == [both(True)]


def test_numbers_keep_each_digit(evaluate):
    rule = {"event": "purchase", "sum": {"property": "orderTotal", "eq": 0.3}}
    events = [{"event": "purchase", "time": NOW, "orderTotal": total} for total in (0.1, 0.2)]
    assert evaluate(line(rule, events=events)) == [both(True)]


@pytest.mark.parametrize("total", [1e30, 0.1234567, 12345678901234567])
def test_a_number_that_no_column_holds_is_compared_as_it_is(evaluate, total):
    rule = {"event": "purchase", "where": {"property": "orderTotal", "eq": total}}
    events = [{"event": "purchase", "time": NOW, "orderTotal": total}]
    assert evaluate(line(rule, events=events)) == [both(True)]


def test_an_attribute_and_a_loose_property_keep_each_digit(evaluate):
    number = "123456789012345678901234567890.123456789"
    attribute = f'{{"rule": {{"attribute": "n", "eq": {number}}}, "now": "{NOW}", "attributes": {{"n": {number}}}}}'
    where = f'{{"event": "pageView", "where": {{"property": "n", "eq": {number}}}}}'
    loose = f'{{"rule": {where}, "now": "{NOW}", "events": [{{"event": "pageView", "time": "{NOW}", "n": {number}}}]}}'
    assert evaluate(attribute, loose) == [both(True), both(True)]


@pytest.mark.parametrize("name", ["$device", "$platform", "$country", "$language"])
def test_a_text_of_the_person_may_be_long(evaluate, name):
    rule = {"attribute": name, "endsWith": "y"}
    assert evaluate(line(rule, attributes={name: "x" * 300 + "y"})) == [both(True)]


def test_an_event_far_ahead_is_awaited_by_a_calendar_window(evaluate):
    rule = {"event": "pageView", "within": {"calendar": "day", "offset": -3}}
    [answer] = evaluate(line(rule, events=[{"event": "pageView", "time": "2026-12-20T10:00:00Z"}]))
    assert answer["person"] == {"member": False, "next_check_at": "2026-12-22T21:00:00Z"}


def test_what_cannot_be_read_is_told_at_its_line(evaluate):
    answers = evaluate(line({"foo": 1}), "no json", "[]", {"rule": VIP}, line(VIP))
    assert [set(answer) for answer in answers[:4]] == [{"error"}] * 4
    assert answers[4] == both(False)
