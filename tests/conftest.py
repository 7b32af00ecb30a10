"""What every test has: a process without memory, a shop, and the API through Django's test client."""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from hypothesis import settings as hypothesis

from accounts import limits, refusals, snapshot, valkey
from accounts.models import Account
from adserver import counting
from tests.shops import Shop, make_account, make_shop, make_token

hypothesis.register_profile("busy", deadline=None)  # a busy machine is no failure
hypothesis.load_profile("busy")
PBKDF2PasswordHasher.iterations = 1_000  # a million, as in production, take a second for each password

LONG = tuple(
    f"tests/{name}"
    for name in (
        *("segmenthub/test_statistics", "segmenthub/test_durability", "segmenthub/test_up", "segmenthub/demo_shop"),
        *("test_readme", "sdk/", "clients/", "dmp/segments/test_differential", "segmenthub/test_embedded"),
    )
)
"""Files that take long though they hold few tests."""

HOT = (
    *("dmp_visitor", "dmp_event", "dmp_once", "dmp_membership", "dmp_membership_change"),
    *("cdp_profile", "cdp_identifier", "cdp_link", "cdp_device"),
    *("adserver_mark", "adserver_conversion"),
)
"""The tables that hold people and what they do."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first, so that no worker ends alone with it."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.fixture(autouse=True)
def _fresh_process() -> None:
    """What a process remembers between requests is forgotten between tests."""
    snapshot.clear()
    limits.clear()
    valkey.use(settings.REDIS_URL)
    refusals.clear()
    counting.clear()
    ContentType.objects.clear_cache()  # a test that empties the tables takes their ids away


@pytest.fixture
def valkey_away() -> None:
    valkey.use("unix:///nonexistent/valkey.sock")


@pytest.fixture
def valkey_frozen() -> Iterator[None]:
    """A Valkey that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        valkey.use(f"redis://127.0.0.1:{server.getsockname()[1]}")
        yield


@pytest.fixture(autouse=True)
def _no_event_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test with real transactions Django empties the tables that it manages; events are not among them.
    TRUNCATE would make the files of all partitions anew, which takes longer than most tests."""
    mark = request.node.get_closest_marker("django_db")
    if not (mark and mark.kwargs.get("transaction")):
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE dmp_visitor")  # waits for requests that go on
        cursor.execute("DELETE FROM dmp_event")


@pytest.fixture
def account(db: None) -> Account:
    return make_account()


@pytest.fixture
def new_account(db: None) -> Callable[..., Account]:
    return make_account


@pytest.fixture
def new_token(db: None) -> Callable[..., str]:
    return make_token


@pytest.fixture
def shop(account: Account) -> Shop:
    return make_shop(account)


class Api(Protocol):
    """`api(path, body)` posts JSON and gives (status, body of the answer); `body` may be raw bytes."""

    def __call__(self, path: str, body: Any = b"", method: str = "POST", **headers: str) -> tuple[int, Any]: ...


@pytest.fixture(scope="session")
def client_of_all() -> Client:
    """One for all tests: a client loads the middlewares when it first asks."""
    return Client()


@pytest.fixture
def send(db: None, client_of_all: Client) -> Callable[..., HttpResponse]:
    """As `api`, but gives the whole response. Headers are named as in WSGI: HTTP_ORIGIN, CONTENT_TYPE."""

    def send(path: str, body: Any = b"", method: str = "POST", **headers: str) -> HttpResponse:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(raw)), **headers}
        return client_of_all.generic(method, path, raw, headers["CONTENT_TYPE"], **headers)

    return send


@pytest.fixture
def api(send: Callable[..., HttpResponse]) -> Api:
    def api(path: str, body: Any = b"", method: str = "POST", **headers: str) -> tuple[int, Any]:
        response = send(path, body, method, **headers)
        return response.status_code, json.loads(response.content) if response.content else None

    return api


@pytest.fixture
def rows() -> Callable[[], dict[str, int]]:
    """Counts the rows of all hot tables: equal before and after means that nothing was written."""
    return count_rows


def count_rows() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in HOT))
        return dict(cursor.fetchall())
