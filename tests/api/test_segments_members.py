"""POST /segments/members: what is wrong with a request."""

import pytest


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        *[("segment", None, "required"), ("segment", 5, "wrong_type"), ("segment", "Nope", "unknown")],
        *[("level", None, "required"), ("level", {}, "invalid"), ("level", ["visitor"], "invalid")],
        *[("level", "device", "invalid"), ("limit", 0, "invalid"), ("limit", 1001, "invalid")],
        *[("limit", "5", "wrong_type"), ("after", "x", "invalid"), ("after", {}, "invalid")],
    ],
)
def test_a_wrong_field_is_named(api, shop, field, value, code):
    body = {"account": shop.id, "token": shop.full, "segment": "VIP", "level": "visitor", field: value}
    status, answer = api("/segments/members", body)
    assert (status, answer["errors"][0]["field"], answer["errors"][0]["code"]) == (400, field, code)


def test_a_token_without_the_access_is_refused(api, shop):
    body = {"account": shop.id, "token": shop.live, "segment": "VIP", "level": "visitor"}
    assert api("/segments/members", body)[0] == 403
