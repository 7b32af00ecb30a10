"""Two transactions about one visitor at once: links are those of one after the other."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import Account
from accounts.snapshot import Configuration
from cdp.models import Link
from tests.api.threads import together
from tests.cdp import people
from tests.cdp.people import DAY, Said, everything, import_all, links, request
from tests.shops import make_account

pytestmark = pytest.mark.django_db(transaction=True)
WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
LATER = DAY + timedelta(days=1)


@pytest.fixture
def shop_of(account: Account) -> Configuration:
    return people.configuration_of(account)


def overlapping(first: Callable[[], Any], second: Callable[[], Any]) -> None:
    """Runs both; the first commits when the second waits for it."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first()
            waiting = pool.submit(closing, second)
            until_one_waits()
        waiting.result(timeout=10)


def closing(call: Callable[[], Any]) -> None:
    try:
        call()
    finally:
        connection.close()


def until_one_waits() -> None:
    end = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute(WAITING)
            if cursor.fetchall():
                return
            time.sleep(0.01)
    raise AssertionError("nothing waited")


def test_a_steady_request_that_waited_behind_a_new_link_links_back(account: Account, shop_of: Configuration) -> None:
    request(shop_of, account, Said(1, 1, "ann"))
    overlapping(
        lambda: request(shop_of, account, Said(2, 1, "bob")), lambda: request(shop_of, account, Said(3, 1, "ann"))
    )
    assert links(account, 1) == [(None, "ann"), (2, "bob"), (3, "ann")]


def test_a_logout_that_waited_behind_a_new_link_counts(account: Account) -> None:
    shop_of = people.configuration_of(account, keep_links=False)
    request(shop_of, account, Said(1, 1))
    overlapping(lambda: request(shop_of, account, Said(2, 1, "bob")), lambda: request(shop_of, account, Said(3, 1)))
    assert links(account, 1) == [(None, "bob"), (3, None)]


def test_the_first_logout_that_waited_behind_a_new_link_counts(account: Account) -> None:
    shop_of = people.configuration_of(account, keep_links=False)
    overlapping(lambda: request(shop_of, account, Said(2, 1, "bob")), lambda: request(shop_of, account, Said(3, 1)))
    assert links(account, 1) == [(None, "bob"), (3, None)]


def test_a_steady_event_that_comes_after_a_later_one_links_back(account: Account, shop_of: Configuration) -> None:
    for hour, who in [(1, "ann"), (2, "bob"), (4, "ann"), (3, "ann")]:
        request(shop_of, account, Said(hour, 1, who))
    assert links(account, 1) == [(None, "ann"), (2, "bob"), (3, "ann")]


INTERLEAVED = [
    ([], [Said(1, 1, "ann"), Said(5, 1, "ann")], [Said(2, 1, "bob"), Said(3, 1, "cid")]),
    ([], [Said(2, 1, "bob"), Said(3, 1, "cid")], [Said(1, 1, "ann"), Said(5, 1, "ann")]),
    ([Said(0, 1, "ann")], [Said(2, 1, "ann")], [Said(1, 1, "bob"), Said(5, 1, "cid")]),
    ([Said(0, 1, "ann")], [Said(1, 1, "bob"), Said(5, 1, "cid")], [Said(2, 1, "ann")]),
]


@pytest.mark.parametrize(("before", "first", "second"), INTERLEAVED)
def test_an_import_that_waited_links_as_if_it_came_later(
    before: list[Said], first: list[Said], second: list[Said], account: Account, shop_of: Configuration
) -> None:
    if before:
        import_all(shop_of, account, before)
    overlapping(lambda: import_all(shop_of, account, first), lambda: import_all(shop_of, account, second, now=LATER))
    assert everything(account) == one_after_the_other([*before, *first, *second])


def one_after_the_other(some: list[Said]) -> dict[str, Any]:
    serial = make_account("serial")
    shop_of = people.configuration_of(serial)
    for said in sorted(some):
        import_all(shop_of, serial, [said])
    return everything(serial)


@pytest.mark.parametrize("attempt", range(3))
def test_parallel_imports_and_requests_link_as_serial_ones(
    attempt: int, account: Account, shop_of: Configuration
) -> None:
    some = [Said(hour / 10, hour % 2, ("ann", "bob", "cid")[(hour * 7 // 3) % 3]) for hour in range(40)]
    batches = [some[number::4] for number in range(3)]
    calls = [
        lambda batch=batch, now=DAY + timedelta(seconds=n): [
            import_all(shop_of, account, batch[start : start + 3], now) for start in range(0, len(batch), 3)
        ]
        for n, batch in enumerate(batches)
    ]
    together([*calls, lambda: [request(shop_of, account, said) for said in some[3::4]]])
    assert everything(account) == one_after_the_other(some)
    assert Link.objects.count() > 20
