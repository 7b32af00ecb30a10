"""Each hostile case: the status, one JSON object that says so, nothing written unless 200, and life goes on."""

import pytest
from django.http import HttpResponse

from accounts.models import Account
from tests.api.hostile_cases import CASES, GOOD, SUSPENDED, A, Case
from tests.shops import Shop, make_account, make_bare_account, make_shop


@pytest.fixture(autouse=True)
def named_shop(db: None) -> Shop:
    """The accounts and tokens that the cases name, with the person that they are about."""
    make_bare_account("suspended", pk=SUSPENDED, status=Account.Status.SUSPENDED)
    return make_shop(make_account(pk=A), named=True)


@pytest.fixture
def known(post) -> None:
    """The visitor and the profile exist already, so that a refused request has something to spoil."""
    for case in GOOD:
        assert post(case).status_code == 200


@pytest.fixture
def post(send):
    def post(case: Case) -> HttpResponse:
        headers = {"HTTP_CONTENT_ENCODING": case.encoding} if case.encoding else {}
        return send(case.path, case.body, case.method, CONTENT_TYPE=case.type, **headers)

    return post


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_it_is_answered_and_harmless(known, post, rows, case):
    before = rows()
    response = post(case)
    assert response.status_code == case.status
    check_body(response, case)
    if case.status != 200:
        assert rows() == before
    assert post(GOOD[0]).status_code == 200


def check_body(response: HttpResponse, case: Case) -> None:
    """One JSON object that says the status, with entries in `errors` just where something was refused."""
    if case.status == 204:
        assert response.content == b""
        return
    body = response.json()
    assert response["Content-Type"] == "application/json"
    assert body["status"] == response.status_code
    assert body["message"].endswith(".")
    if case.status == 200:
        assert bool(body.get("errors")) == case.partial
    assert all(set(error) == {"field", "code", "message"} for error in body.get("errors", []))
