"""Statistics of the whole service equal a count of its events, whatever is killed while they are counted."""

import http.client
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from segmenthub import embedded
from segmenthub.embedded.place import Place
from segmenthub.embedded.postgres import Postgres
from segmenthub.embedded.valkey import Valkey
from tests.segmenthub.test_durability import kill
from tests.segmenthub.test_up import ROOT, Service, running, temporary_dir, wait_until

ACCOUNT = "7d4b1c9e-3f53-4c7e-9d7b-2f6f1b8a9c05"
SHOP = {
    "account": {"id": ACCOUNT, "name": "Counted"},
    "platforms": [{"code": "www.example.com"}],
    "placements": [{"code": "hero"}],
    "campaigns": [
        {
            "slug": "sale",
            "name": "Sale",
            "status": "live",
            "placement": "hero",
            "creatives": [{"name": "A", "link": "https://www.example.com/sale"}],
        }
    ],
}
STORED = "SELECT sum(impressions), sum(clicks), sum(landed) FROM adserver_campaignstat"
HAPPENED = """SELECT count(*) FILTER (WHERE event = '$impression'), count(*) FILTER (WHERE event = '$click'),
    count(*) FILTER (WHERE event = '$click' AND EXISTS (SELECT FROM dmp_event l WHERE l.visitor = e.visitor
        AND l.time > e.time AND l.event = 'pageView')) FROM dmp_event e"""


@pytest.fixture
def service() -> Iterator[Service]:
    with temporary_dir() as folder, running(folder / "data") as started:
        (folder / "shop.json").write_text(json.dumps(SHOP))
        manage(started, "provision", str(folder / "shop.json"))
        yield started


def manage(service: Service, *arguments: str) -> str:
    environment = os.environ | {
        "DATABASE_URL": embedded.database_url(service.data_dir),
        "REDIS_URL": embedded.redis_url(service.data_dir),
    }
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def count_now(service: Service) -> None:
    """Asks the worker to, through Valkey; while that is away nobody is asked."""
    with suppress(subprocess.CalledProcessError):
        manage(service, "shell", "-c", "from adserver.tasks import roll_up; roll_up.delay()")


def ask(service: Service, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    try:
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def visit(service: Service) -> bool:
    """Somebody sees the campaign, clicks and lands; whether all of it was answered."""
    event = {"account": ACCOUNT, "visitorId": str(uuid.uuid4()), "platform": "www.example.com", "event": "pageView"}
    with suppress(OSError, http.client.HTTPException):
        status, body = ask(service, "POST", "/campaigns/query", event)
        shown = json.loads(body)["campaigns"] if status == 200 else []
        if shown:
            seen = ask(service, "POST", f"/i/{shown[0]['id']}")[0] == 204
            clicked = ask(service, "GET", f"/c/{shown[0]['id']}")[0] == 302
            return seen and clicked and ask(service, "POST", "/campaigns/query", event)[0] == 200
    return False


def visits(service: Service, number: int = 15) -> None:
    for _ in range(number):
        wait_until(lambda: visit(service))


def read(data_dir: Path, statement: str) -> tuple[int, ...]:
    with psycopg.connect(embedded.database_url(data_dir)) as connection:
        row = connection.execute(statement).fetchone()
    return tuple(int(number or 0) for number in row or ())


def workers(service: Service) -> list[psutil.Process]:
    worker = service.child("worker")
    return [worker, *worker.children(recursive=True)] if worker else []


def test_statistics_equal_a_recount_after_worker_valkey_and_database_were_killed(service: Service) -> None:
    place = Place.of(service.data_dir)
    visits(service)
    for victims in (lambda: workers(service), Valkey(place).processes, Postgres(place).processes):
        count_now(service)
        kill(victims())
        visits(service)
    wait_until(service.is_complete)

    def counted() -> bool:
        count_now(service)
        return read(service.data_dir, STORED) == read(service.data_dir, HAPPENED)

    wait_until(counted)
    assert min(read(service.data_dir, STORED)) >= 60
    assert manage(service, "recount", ACCOUNT, "--days", "1") == "0 rows of statistics changed.\n"
