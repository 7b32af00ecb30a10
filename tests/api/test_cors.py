"""Cross-origin: shops' pages call /campaigns/query; no page may call what takes a token."""

import pytest

from accounts.models import Platform

CQ = "/campaigns/query"
ORIGIN = "https://www.example.com"
TOKEN_PATHS = ["/profiles/query", "/profiles/attributes", "/profiles/segments"]
TOKEN_PATHS += ["/visitors/query", "/visitors/attributes", "/visitors/segments"]


def preflight(send, path, **headers):
    asked = {"HTTP_ORIGIN": ORIGIN, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}
    asked["HTTP_ACCESS_CONTROL_REQUEST_HEADERS"] = "content-type"
    return send(path, b"", "OPTIONS", CONTENT_TYPE="", **{**asked, **headers})


def test_a_preflight_is_answered_and_cached_for_a_day(send):
    response = preflight(send, CQ)
    assert (response.status_code, response.content) == (204, b"")
    assert not response.has_header("Content-Type")
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Access-Control-Max-Age"] == "86400"
    assert "POST" in response["Access-Control-Allow-Methods"]
    assert "content-type" in response["Access-Control-Allow-Headers"].lower()
    assert not response.has_header("Access-Control-Allow-Credentials")


def test_a_preflight_is_answered_before_anything_else(send, shop, django_assert_num_queries):
    Platform.objects.filter(account=shop.account).update(origins=[ORIGIN])
    with django_assert_num_queries(0):
        assert preflight(send, CQ, HTTP_ORIGIN="https://evil.example").status_code == 204


@pytest.mark.parametrize("status", [200, 400, 401, 404, 415])
def test_every_answer_may_be_read_by_a_page(send, shop, status):
    body = {
        200: shop.event(),
        400: shop.event(platform=""),
        401: shop.event(token="x"),
        404: shop.event(account="99999999-9999-4999-8999-999999999999"),
        415: shop.event(),
    }[status]
    headers = {"CONTENT_TYPE": "text/plain"} if status == 415 else {}
    response = send(CQ, body, HTTP_ORIGIN=ORIGIN, **headers)
    assert response.status_code == status
    assert response["Access-Control-Allow-Origin"] == "*"
    assert not response.has_header("Access-Control-Allow-Credentials")


def test_a_crash_may_be_read_by_a_page(send, shop, monkeypatch):
    monkeypatch.setattr("accounts.snapshot.configuration", lambda account: 1 / 0)
    response = send(CQ, shop.event(), HTTP_ORIGIN=ORIGIN)
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (500, "*")


@pytest.mark.parametrize("path", TOKEN_PATHS)
def test_no_page_may_call_what_takes_a_token(send, shop, path):
    response = preflight(send, path)
    assert response.status_code == 405
    assert not [name for name in response.headers if name.lower().startswith("access-control")]
    answer = send(path, shop.profile(visitorId="22222222-2222-4222-8222-222222222222"), HTTP_ORIGIN=ORIGIN)
    assert not answer.has_header("Access-Control-Allow-Origin")


@pytest.fixture
def listed(shop):
    """The platform lists its origins."""
    Platform.objects.filter(account=shop.account).update(origins=[ORIGIN + "/", "https://m.example.com"])


@pytest.mark.parametrize("origin", [ORIGIN, "https://M.example.com", "HTTPS://WWW.EXAMPLE.COM"])
def test_a_listed_origin_is_let_in(api, shop, listed, origin):
    assert api(CQ, shop.event(), HTTP_ORIGIN=origin)[0] == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "http://www.example.com", ORIGIN + ".evil.example", "null"])
def test_another_origin_is_403_and_nothing_is_stored(api, shop, listed, rows, origin):
    before = rows()
    status, body = api(CQ, shop.event(), HTTP_ORIGIN=origin)
    assert (status, body["errors"][0]["field"], body["errors"][0]["code"]) == (403, "platform", "not_allowed")
    assert rows() == before


def test_another_origin_is_refused_before_the_other_fields_are_looked_at(api, shop, listed):
    assert api(CQ, shop.event(visitorId="x"), HTTP_ORIGIN="https://evil.example")[0] == 403


def test_an_app_without_origin_is_let_in(api, shop, listed):
    assert api(CQ, shop.event())[0] == 200


def test_a_page_may_read_when_to_come_again(send, shop, settings):
    settings.PUBLIC_RATE_PER_ADDRESS = 1
    *_, refused = (send(CQ, shop.event(), HTTP_ORIGIN=ORIGIN) for _ in range(3))
    assert (refused.status_code, refused["Access-Control-Expose-Headers"]) == (429, "Retry-After")
