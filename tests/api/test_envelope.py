"""One envelope for every status and every source of errors, and the order in which checks answer."""

import json
import logging

import psycopg
import pytest
from django.db import connection

from accounts import refusals, snapshot
from accounts.door import error_response
from accounts.models import Account, Refusal
from tests.api.threads import together
from tests.shops import VISITOR, make_account

CQ, PQ, PA = "/campaigns/query", "/profiles/query", "/profiles/attributes"
PATHS = [CQ, PQ, PA, "/profiles/segments", "/visitors/query", "/visitors/attributes", "/visitors/segments"]
GONE = "99999999-9999-4999-8999-999999999999"
BIG = b'{"x":"%s"}' % (b"x" * 70_000)


def check_envelope(response, status):
    body = json.loads(response.content)
    assert response["Content-Type"] == "application/json"
    assert (response.status_code, body["status"]) == (status, status)
    assert body["message"].strip().endswith(".")
    for error in body["errors"]:
        assert set(error) == {"field", "code", "message"}
        assert error["message"]
    return body


# --- Every status ---


@pytest.mark.parametrize("path", PATHS)
def test_400_is_the_envelope_everywhere(send, shop, path):
    for raw in (b"", b"[]", b"{", BIG, b'{"account":"x"}'):
        check_envelope(send(path, raw), 400)


@pytest.mark.parametrize("path", PATHS[1:])
def test_401_403_and_404_are_the_envelope_at_each_token_endpoint(send, shop, path):
    check_envelope(send(path, {"account": shop.id}), 401)
    check_envelope(send(path, {"account": shop.id, "token": shop.revoked}), 401)
    check_envelope(send(path, {"account": GONE, "token": shop.live}), 404)


@pytest.mark.parametrize(
    "path", ["/campaigns", "/campaigns/query/", "/nope", "/%ff", "/a%00b", "/PROFILES/query", "/docsx"]
)
def test_404_of_an_unknown_path_is_the_envelope(send, path):
    check_envelope(send(path, b"{}"), 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", PATHS)
def test_405_is_the_envelope_and_says_what_is_allowed(send, path, method):
    response = send(path, b"", method)
    check_envelope(response, 405)
    assert response["Allow"] == "POST"


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/jsonx", "application/json; charset=utf-16", "é"]
)
@pytest.mark.parametrize("path", PATHS)
def test_415_is_the_envelope(send, shop, path, content_type):
    check_envelope(send(path, b"{}", CONTENT_TYPE=content_type), 415)


@pytest.mark.parametrize("content_type", ["application/json;charset=utf8", 'Application/JSON; Charset="UTF-8"'])
def test_json_in_utf8_is_the_content_type_in_any_spelling(send, shop, content_type):
    assert send(CQ, shop.event(), CONTENT_TYPE=content_type).status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "identity", "gzip, identity"])
def test_an_encoded_body_is_415(send, shop, encoding):
    check_envelope(send(CQ, shop.event(), HTTP_CONTENT_ENCODING=encoding), 415)


@pytest.mark.parametrize("accept", ["text/html", "application/xml;q=0.9", "*/*", "image/png, nonsense;;"])
def test_accept_is_ignored(send, shop, accept):
    assert send(CQ, shop.event(), HTTP_ACCEPT=accept)["Content-Type"] == "application/json"
    check_envelope(send(CQ, b"", HTTP_ACCEPT=accept), 400)


@pytest.mark.parametrize(
    ("table", "path"), [("dmp_once", CQ), ("cdp_identifier", PQ), ("dmp_visitor", "/visitors/segments")]
)
def test_a_statement_that_fails_is_500_without_its_reason(send, shop, caplog, table, path):
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO lost")
    body = shop.event("purchase", orderId="1", profileId="john", token=shop.full, assignees=["VIP"])
    answer = check_envelope(send(path, body), 500)
    assert table not in json.dumps(answer)
    assert "unexpected error" in caplog.text


@pytest.mark.parametrize("path", PATHS)
def test_any_crash_is_500_without_a_traceback(send, shop, monkeypatch, path):
    monkeypatch.setattr("accounts.snapshot.configuration", lambda account: 1 / 0)
    body = {"account": shop.id, "token": shop.live}
    assert "division" not in json.dumps(check_envelope(send(path, body), 500))


@pytest.fixture
def no_database(transactional_db):
    """The database is away: nobody listens where it was."""
    connection.close()
    before = connection.settings_dict.copy()
    connection.settings_dict.update(HOST="/nonexistent", PORT="1")
    yield
    connection.close()
    connection.settings_dict.update(before)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", PATHS)
def test_503_asks_to_come_back_while_the_database_is_away(send, no_database, path):
    body = {"account": GONE, "visitorId": VISITOR, "profileId": "john", "token": "x"}
    response = send(path, body)
    check_envelope(response, 503)
    assert int(response["Retry-After"]) >= 1


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_cut_is_replaced_unnoticed(api, shop):
    assert api(CQ, shop.event())[0] == 200
    for path, body in ((CQ, shop.event()), (PA, shop.profile(attributes={"country": "us"})), (PQ, shop.profile())):
        cut_connection()
        assert api(path, body)[0] == 200


def cut_connection():
    """Ends this thread's session from another one, as a restart of the database does."""
    pid = connection.connection.info.backend_pid

    def cut():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 2000)", [pid])

    together([cut])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (psycopg.errors.QueryCanceled(), 503),
        (psycopg.errors.LockNotAvailable(), 503),
        (psycopg.errors.DiskFull(), 503),
        (psycopg.errors.TooManyConnections(), 503),
        (psycopg.errors.ReadOnlySqlTransaction(), 503),
        (psycopg.errors.AdminShutdown(), 503),
        (psycopg.errors.UndefinedTable(), 500),
        (psycopg.errors.UniqueViolation(), 500),
        (ValueError("secret"), 500),
        (RecursionError(), 500),
        (MemoryError(), 500),
    ],
)
def test_an_error_is_503_where_trying_again_helps_and_500_elsewhere(error, status):
    response = error_response(error)
    check_envelope(response, status)
    assert response.has_header("Retry-After") == (status == 503)


# --- The order of checks: of two faults the first answers ---


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ({"path": "/nope"}, {"method": "GET"}, 404),
        ({"method": "GET"}, {"CONTENT_TYPE": "text/plain"}, 405),
        ({"CONTENT_TYPE": "text/plain"}, {"body": BIG}, 415),
        ({"body": BIG}, {"body": BIG}, 400),
        ({"body": b'{"account": "x"'}, {}, 400),
    ],
)
def test_route_then_method_then_type_then_shape(send, shop, first, second, status):
    request = {"path": PQ, "body": b"{}", "method": "POST", **second, **first}
    check_envelope(send(**request), status)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"account": None, "token": None, "profileId": None}, 400),
        ({"account": "x", "token": None, "profileId": None}, 400),
        ({"account": GONE, "token": None, "profileId": None}, 401),
        ({"account": GONE, "token": "x", "profileId": None}, 404),
        ({"token": "x", "profileId": None}, 401),
        ({"attributes": "no object", "profileId": None, "token": "ro"}, 403),
        ({"profileId": None, "attributes": {"nope": 1}}, 400),
        ({"attributes": {"nope": 1}}, 200),
    ],
)
def test_account_then_token_then_access_then_fields_then_pieces(api, shop, fields, status):
    if fields.get("token") == "ro":
        fields = {**fields, "token": shop.ro}
    assert api(PA, shop.profile(**fields))[0] == status


def test_a_suspended_account_is_404_in_the_same_words_as_an_unknown_one(api, shop):
    make_account("suspended", pk="33333333-3333-4333-8333-333333333333", status=Account.Status.SUSPENDED)
    unknown = api(CQ, shop.event(account=GONE))
    assert api(CQ, shop.event(account="33333333-3333-4333-8333-333333333333")) == unknown
    assert unknown[0] == 404


def test_an_account_is_suspended_and_back_at_once(api, shop):
    assert api(CQ, shop.event())[0] == 200
    for status, answer in (("suspended", 404), ("active", 200)):
        Account.objects.filter(pk=shop.id).update(status=status)
        snapshot.poll()
        assert api(CQ, shop.event())[0] == answer


# --- Tokens, wherever they stand ---


def test_a_bearer_is_accepted_in_place_of_a_token(api, shop):
    body = shop.profile(token=None)
    assert api(PQ, body, HTTP_AUTHORIZATION=f"Bearer {shop.live}")[0] == 200
    assert api(PQ, body, HTTP_AUTHORIZATION=f"bearer  {shop.live} ")[0] == 200
    assert api(PQ, body, HTTP_AUTHORIZATION=f"Basic {shop.live}")[0] == 401
    assert api(PQ, body, HTTP_AUTHORIZATION="Bearer ")[0] == 401


def test_a_token_in_the_body_is_preferred_to_a_bearer(api, shop):
    assert api(PQ, shop.profile(token="x"), HTTP_AUTHORIZATION=f"Bearer {shop.live}")[0] == 401


@pytest.mark.parametrize("token", ["revoked", "expired", "other"])
def test_a_token_that_is_no_good_is_401_on_the_public_endpoint_too(api, shop, token):
    assert api(CQ, shop.event(token=getattr(shop, token)))[0] == 401


def test_an_explanation_asks_for_a_token_before_it_looks_at_the_account(api, shop):
    assert api(CQ, shop.event(account=GONE, explain=True))[0] == 401
    assert api(CQ, shop.event(explain=True, token=shop.live))[0] == 403
    assert api(CQ, shop.event(explain="yes", token=shop.full))[0] == 400
    assert api(CQ, shop.event(explain=False))[0] == 200


def test_an_explanation_stores_nothing(api, shop, rows):
    before = rows()
    status, body = api(CQ, shop.event(explain=True, token=shop.full, profileId="john", consent={"ads": True}))
    assert (status, body["explain"], rows()) == (200, [], before)


# --- What the operator sees ---


def test_refusals_are_counted_per_account_with_their_reason(api, shop):
    for _ in range(3):
        api(CQ, shop.event(platform="forgotten.example"))
    api(PQ, {"account": shop.id})
    refusals.write_refusals()
    counted = {(r.endpoint, r.field, r.code): r.count for r in Refusal.objects.filter(account=shop.account)}
    assert counted == {(CQ, "platform", "unknown"): 3, (PQ, "token", "required"): 1}


def test_a_refused_request_leaves_no_noise_in_the_log(send, shop, caplog):
    with caplog.at_level(logging.DEBUG, "django.request"):
        send(CQ, b"{")
        send("/nope")
        send(PQ, {"account": shop.id})
    assert not [record for record in caplog.records if record.name == "django.request"]
