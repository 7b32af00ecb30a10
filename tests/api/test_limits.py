"""Requests a minute: 429 with Retry-After, counted by Valkey for all processes, by the process alone without it."""

import threading
import time

import pytest
import redis
from django.conf import settings

from accounts import limits
from tests.shops import VISITOR, make_token

CQ, PQ = "/campaigns/query", "/profiles/query"


@pytest.fixture(autouse=True)
def empty_buckets():
    client = redis.Redis.from_url(settings.REDIS_URL)
    for key in client.scan_iter("limit:*"):
        client.delete(key)


def use_up(api, shop, number):
    """Spends a token's requests; gives the status of each."""
    token = make_token(shop.account, "limited", rate_limit=number)
    body = {"account": shop.id, "token": token, "profileId": "john", "visitorId": VISITOR}
    return [api(PQ, body)[0] for _ in range(number)], body


def check_refused(response):
    body = response.json()
    assert (response.status_code, body["status"], body["errors"][0]["code"]) == (429, 429, "too_many")
    assert 1 <= int(response["Retry-After"]) <= 60
    assert response["Retry-After"] in body["message"]


def test_over_its_limit_a_token_is_429_with_retry_after(api, send, shop):
    statuses, body = use_up(api, shop, 3)
    assert statuses == [200, 200, 200]
    check_refused(send(PQ, body))


@pytest.mark.usefixtures("valkey_away")
def test_without_valkey_each_process_allows_the_whole_rate(api, send, shop):
    statuses, body = use_up(api, shop, 3)
    assert statuses == [200, 200, 200]
    check_refused(send(PQ, body))


@pytest.mark.usefixtures("valkey_frozen")
def test_a_frozen_valkey_costs_a_tenth_of_a_second_once():
    started = time.monotonic()
    assert [limits.seconds_to_wait("limit:test", 100) for _ in range(50)] == [0] * 50
    assert time.monotonic() - started < 2


def test_the_limit_holds_over_all_operations_and_processes(api, send, shop):
    _, body = use_up(api, shop, 2)
    limits.clear()  # another process
    check_refused(send("/visitors/segments", body))
    check_refused(send(CQ, shop.event(token=body["token"])))


@pytest.mark.parametrize("away", [False, True])
def test_requests_come_back_with_time(request, away):
    if away:
        request.getfixturevalue("valkey_away")
    waits = [limits.seconds_to_wait("limit:test", 60) for _ in range(80)]  # one comes back each second
    assert waits[:60] == [0] * 60
    assert 0 < max(waits) <= 1
    time.sleep(max(waits) + 0.05)
    assert limits.seconds_to_wait("limit:test", 60) == 0


@pytest.mark.parametrize("away", [False, True])
def test_parallel_requests_share_one_bucket(request, away):
    if away:
        request.getfixturevalue("valkey_away")
    passed = []
    threads = [
        threading.Thread(target=lambda: passed.append(limits.seconds_to_wait("limit:test", 20) == 0)) for _ in range(60)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 20 <= sum(passed) <= 23  # one comes back each three seconds


def test_a_token_without_limit_and_another_token_are_not_touched(api, shop):
    use_up(api, shop, 1)
    assert [api(PQ, shop.profile())[0] for _ in range(5)] == [200] * 5


def test_a_limit_is_checked_after_the_access_and_before_the_fields(api, shop):
    token = make_token(shop.account, "limited", access=["profiles:read"], rate_limit=1)
    assert api(PQ, shop.profile(token=token))[0] == 200
    assert api("/visitors/query", shop.visitor(token=token))[0] == 403
    assert api(PQ, shop.profile(token=token, profileId=None))[0] == 429


def test_an_address_is_limited_where_the_operator_wants_it(api, send, shop, settings):
    settings.PUBLIC_RATE_PER_ADDRESS = 2
    assert [api(CQ, shop.event())[0] for _ in range(2)] == [200, 200]
    check_refused(send(CQ, shop.event()))
    assert api(CQ, shop.event(), REMOTE_ADDR="203.0.113.9")[0] == 200


def test_no_address_is_limited_by_default(api, shop):
    assert {api(CQ, shop.event())[0] for _ in range(30)} == {200}


def test_what_a_limit_refuses_is_not_stored(api, shop, rows, settings):
    settings.PUBLIC_RATE_PER_ADDRESS = 1
    api(CQ, shop.event())
    before = rows()
    assert api(CQ, shop.event())[0] == 429
    assert rows() == before
