"""The whole service under `manage.py up`: a Valkey that freezes, and configuration that changes."""

import http.client
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from segmenthub import embedded
from segmenthub.embedded.place import Place
from segmenthub.embedded.valkey import Valkey
from tests.segmenthub.test_up import ROOT, Service, running, temporary_dir, wait_until

ACCOUNT = "7d4b1c9e-3f53-4c7e-9d7b-2f6f1b8a9c04"
SHOP: dict[str, Any] = {
    "account": {"id": ACCOUNT, "name": "Whole"},
    "platforms": [{"code": "www.example.com"}],
    "placements": [{"code": "hero"}],
    "campaigns": [
        {"slug": "sale", "name": "Sale", "status": "live", "placement": "hero", "creatives": [{"name": "A"}]}
    ],
    "tokens": [{"name": "limited", "access": ["profiles:read"], "read_attributes": ["*"], "rate_limit": 100_000}],
}
WORKERS = 2
CONNECTIONS = 8
BUSY = 0.5  # seconds that a poll of all connections and the clock of another process may take on a busy machine


class Shop:
    """The service with an account, a visitor and a token whose requests are counted in Valkey."""

    def __init__(self, service: Service, folder: Path, stack: ExitStack) -> None:
        self.service = service
        self.stack = stack
        self.file = folder / "shop.json"
        self.environment = os.environ | {"DATABASE_URL": embedded.database_url(service.data_dir)}
        self.token = self.provision(SHOP)["tokens"]["limited"]

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        return subprocess.run(command, env=self.environment, check=True, stdout=subprocess.PIPE, text=True).stdout

    def provision(self, shop: dict[str, Any]) -> dict[str, Any]:
        self.file.write_text(json.dumps(shop))
        return json.loads(self.manage("provision", str(self.file), "--no-wait"))  # type: ignore[no-any-return]

    def change(self, statement: str) -> float:
        """Changes something through the ORM in another process; gives the time of the commit, without waiting for the
        end of the process."""
        code = f"import time\n{statement}\nprint('committed', time.time(), flush=True)"
        command = [sys.executable, str(ROOT / "manage.py"), "shell", "-c", code]
        process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True)
        self.stack.enter_context(process)
        assert process.stdout is not None
        return next(float(line.split()[1]) for line in process.stdout if line.startswith("committed"))

    def status_of(self, segment: str) -> str:
        with psycopg.connect(embedded.database_url(self.service.data_dir)) as connection:
            [(status,)] = connection.execute("SELECT status FROM dmp_segment WHERE name = %s", [segment]).fetchall()
        return str(status)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=10)

    def event(self, client: http.client.HTTPConnection) -> tuple[int, dict[str, Any]]:
        body = {"account": ACCOUNT, "visitorId": str(uuid.uuid4()), "platform": "www.example.com", "event": "pageView"}
        return ask(client, "/campaigns/query", body)

    def query(self, client: http.client.HTTPConnection) -> tuple[int, dict[str, Any]]:
        body = {"account": ACCOUNT, "token": self.token, "profileId": "ann", "attributes": ["*"]}
        return ask(client, "/profiles/query", body)


def ask(client: http.client.HTTPConnection, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    client.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    response = client.getresponse()
    return response.status, json.loads(response.read())


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with temporary_dir() as folder, running(folder / "data", WORKERS) as service, ExitStack() as stack:
        yield Shop(service, folder, stack)


@contextmanager
def frozen(service: Service) -> Iterator[None]:
    """Valkey neither answers nor refuses."""
    process = Valkey(Place.of(service.data_dir)).main_process()
    assert process is not None
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def test_while_valkey_is_frozen_each_event_is_answered_within_a_second(shop: Shop) -> None:
    slowest = 0.0
    with frozen(shop.service):
        end = time.monotonic() + 7  # longer than Valkey is left alone after it was silent
        while time.monotonic() < end:
            for request in (shop.event, shop.query):
                began = time.monotonic()
                with closing(shop.connect()) as client:
                    status, answer = request(client)
                slowest = max(slowest, time.monotonic() - began)
                assert status == 200, answer
    assert slowest < 1


def test_after_the_frost_the_worker_works_again(shop: Shop) -> None:
    with frozen(shop.service):
        time.sleep(6)  # longer than the worker waits for an answer
        shop.provision({"account": {"id": ACCOUNT}, "segments": [{"name": "seen", "rule": {"event": "pageView"}}]})
        assert shop.status_of("seen") != "live"
    wait_until(lambda: shop.status_of("seen") == "live")


EDIT = "from adserver.models import Campaign; c = Campaign.objects.get(slug='sale'); c.status = {!r}; c.save()"
SUSPEND = "from accounts.models import Account; Account.objects.filter(name='Whole').update(status={!r})"
REVOKE = (
    "from accounts.models import ApiToken; from accounts.clock import now; "
    "ApiToken.objects.filter(name='limited').update(revoked_at={})"
)
CHANGES = {
    "an edited campaign": ("event", EDIT.format("paused"), EDIT.format("live")),
    "a suspended account": ("event", SUSPEND.format("suspended"), SUSPEND.format("active")),
    "a revoked token": ("query", REVOKE.format("now()"), REVOKE.format("None")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_takes_effect_in_all_processes_within_a_second(shop: Shop, name: str) -> None:
    kind, there, back = CHANGES[name]
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(shop.connect())) for _ in range(CONNECTIONS)]

        def answers() -> set[str]:
            found = (getattr(shop, kind)(client) for client in clients)
            return {f"{status} {len(answer.get('campaigns', []))}" for status, answer in found}

        before = answers()
        assert len(before) == 1
        committed = shop.change(there)
        while before & (found := answers()):
            assert time.time() < committed + 1 + BUSY, f"still {found}"
        assert all(answers() == found for _ in range(5))  # no process is behind
        shop.change(back)
        wait_until(lambda: answers() == before)
