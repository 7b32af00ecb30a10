"""The same over a real server and real sockets: connections that live on, chunked, huge and broken bodies."""

import json
import socket
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse

import pytest

from accounts.models import Account
from tests.api.hostile_cases import CASES, CQ, EVENT, GOOD, JSON, SUSPENDED, A, Case, dump
from tests.api.server import running_server
from tests.shops import make_account, make_bare_account, make_shop

MiB = 1024 * 1024
pytestmark = pytest.mark.django_db  # without a mark there is no test database


@pytest.fixture(scope="module")
def port(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        make_bare_account("suspended", pk=SUSPENDED, status=Account.Status.SUSPENDED)
        make_shop(make_account(pk=A), named=True)
        with running_server() as port:
            yield port


@pytest.fixture(scope="module")
def kept(port):
    """One connection for all cases: what one request leaves behind would spoil the next."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as client:
        client.connect()
        yield client


def ask(client: HTTPConnection, case: Case) -> tuple[int, bytes]:
    headers = {"Content-Type": case.type} if case.type else {}
    if case.encoding:
        headers["Content-Encoding"] = case.encoding
    client.request(case.method, case.path, case.body, headers)
    response = client.getresponse()
    return response.status, response.read()


def check(status: int, body: bytes) -> None:
    assert status == 204 or json.loads(body)["status"] == status


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case_is_answered_on_a_connection_that_lives_on(kept, case):
    before = kept.sock
    status, body = ask(kept, case)
    assert status == case.status
    check(status, body)
    assert ask(kept, GOOD[0])[0] == 200
    assert before is kept.sock


def test_what_was_refused_is_not_written(kept, rows):
    ask(kept, GOOD[0])
    before = rows()
    for case in CASES:
        if case.status != 200:
            ask(kept, case)
    assert rows() == before


def chunked(*chunks: bytes, type: str = JSON, end: bytes = b"0\r\n\r\n") -> bytes:
    head = f"POST {CQ} HTTP/1.1\r\nHost: x\r\nContent-Type: {type}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def raw(port: int, request: bytes) -> tuple[int, dict]:
    """Sends bytes as they are; gives what comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client, closing(HTTPResponse(client)) as response:
        client.sendall(request)
        response.begin()
        return response.status, json.loads(response.read())


def test_a_chunked_body_is_read_like_any_other(port):
    body = dump(EVENT)
    assert raw(port, chunked(body))[0] == 200
    assert raw(port, chunked(*(body[i : i + 7] for i in range(0, len(body), 7))))[0] == 200
    assert raw(port, chunked(b'{"account":'))[0] == 400
    assert raw(port, chunked())[0] == 400


def upload(port: int, path: str, body: bytes, type: str = JSON) -> tuple[int, int]:
    """Sends all of a body before it looks at the answer; gives its status, outside and inside."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as client:
        client.request("POST", path, body, {"Content-Type": type})
        response = client.getresponse()
        return response.status, json.loads(response.read())["status"]


@pytest.mark.parametrize("size", [3 * MiB, 8 * MiB - 1000, 8 * MiB + 1, 9 * MiB])
def test_a_huge_body_is_answered_400(port, size):
    assert upload(port, CQ, b'{"x":"%s"}' % (b"x" * (size - 8))) == (400, 400)
    assert raw(port, chunked(*[b"x" * MiB] * (size // MiB)))[0] == 400


@pytest.mark.parametrize("type", ["text/plain", JSON + "; charset=utf-16"])
def test_a_huge_body_of_another_type_is_answered_415(port, type):
    assert upload(port, CQ, b"x" * 3 * MiB, type) == (415, 415)


def test_a_huge_body_for_nowhere_is_answered_404(port):
    assert upload(port, "/nope", b"x" * 3 * MiB) == (404, 404)


def head(length: int) -> bytes:
    return f"POST {CQ} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize(
    "request_", [head(1000) + dump(EVENT), head(100_000) + b"{", chunked(dump(EVENT)[:-9], end=b"")]
)
def test_a_half_sent_body_writes_nothing_and_stops_nobody(port, kept, rows, request_):
    ask(kept, GOOD[0])
    before = rows()
    for _ in range(6):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(request_)
    for _ in range(4):
        assert ask(kept, Case("good elsewhere", "/visitors/query", dump(GOOD_VISITOR), 200))[0] == 200
    assert rows() == before


GOOD_VISITOR = {"account": A, "token": "sgh_live", "visitorId": EVENT["visitorId"]}


@pytest.mark.parametrize("path", ["//campaigns/query", "/campaigns//query", "/%2e%2e/etc/passwd"])
def test_a_crooked_path_is_404(port, path):
    request = head(2).decode().replace(CQ, path).encode() + b"{}"
    assert raw(port, request)[1]["status"] == 404


@pytest.mark.parametrize(("path", "type"), [("/nope", JSON), (CQ, "text/plain"), ("/health/live", JSON)])
def test_a_body_that_comes_late_leaves_the_connection_alive(port, path, type):
    """The answer is known before the body has come: the next request must not meet a closed connection."""
    early = head(200_000).replace(CQ.encode(), path.encode()).replace(JSON.encode(), type.encode())
    good = head(len(dump(EVENT))) + dump(EVENT)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(early)
        for request in (b"x" * 200_000, good, good):
            client.sendall(request)
            with closing(HTTPResponse(client)) as response:
                response.begin()
                status = response.status
                response.read()
    assert status == 200


def test_a_query_string_changes_nothing(port):
    body = dump(EVENT)
    assert raw(port, head(len(body)).replace(CQ.encode(), CQ.encode() + b"?account=x&_=1") + body)[0] == 200
