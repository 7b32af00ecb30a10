"""What was answered 200 is there once, whatever is killed: a load of real requests, kill -9, and a count."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from segmenthub import embedded
from tests.segmenthub.test_up import ROOT, Service, running, temporary_dir, wait_until

ACCOUNT = "7d4b1c9e-3f53-4c7e-9d7b-2f6f1b8a9c03"
SHOP = {"account": {"id": ACCOUNT, "name": "Durable"}, "platforms": [{"code": "www.example.com"}]}
SLOWEST = 10.0  # seconds


class Load:
    """Clients that post one event after the other until told to stop, and remember what was answered 200."""

    def __init__(self, port: int, clients: int = 3) -> None:
        self.port = port
        self.answered: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.without_retry_after = 0
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(clients)]

    @contextmanager
    def going(self) -> Iterator[None]:
        for thread in self.threads:
            thread.start()
        try:
            yield
        finally:
            self.stopped.set()
            for thread in self.threads:
                thread.join()

    def run(self, client: int) -> None:
        visitor, number = str(uuid.uuid4()), 0
        while not self.stopped.wait(0.002):
            number += 1
            name = f"/{client}/{number}"
            event = {"account": ACCOUNT, "visitorId": visitor, "platform": "www.example.com", "event": "pageView"}
            if number % 3 == 0:
                event |= {"event": "purchase", "orderId": name}
            if number % 4 == 0:
                event |= {"profileId": f"person-{number}@example.com", "visitorId": str(uuid.uuid4())}
            with suppress(OSError, http.client.HTTPException):
                self.post(event | {"path": name}, name)

    def post(self, event: dict[str, str], name: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SLOWEST)
        try:
            connection.request("POST", "/campaigns/query", json.dumps(event), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        self.statuses[answer.status] += 1
        if answer.status == 200:
            self.answered.append(name)
        self.without_retry_after += answer.status == 503 and not answer.getheader("Retry-After")

    def wait_for_more(self, count: int = 30) -> None:
        """Until more events are answered 200: what was killed has healed."""
        enough = len(self.answered) + count
        wait_until(lambda: len(self.answered) >= enough)


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def recorded(data_dir: Path) -> Counter[str]:
    with psycopg.connect(embedded.database_url(data_dir)) as connection:
        return Counter(path for (path,) in connection.execute("SELECT path FROM dmp_event"))


def make_shop(service: Service, folder: Path) -> None:
    (folder / "shop.json").write_text(json.dumps(SHOP))
    environment = os.environ | {"DATABASE_URL": embedded.database_url(service.data_dir)}
    command = [sys.executable, str(ROOT / "manage.py"), "provision", str(folder / "shop.json")]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_dir() as found:
        yield found


def test_no_answered_event_is_lost_or_doubled_when_everything_is_killed(folder: Path) -> None:
    data_dir = folder / "data"
    with running(data_dir) as service:
        make_shop(service, folder)
        load = Load(service.port)
        with load.going():
            load.wait_for_more()
            kill(service.child("granian").children())
            load.wait_for_more()
            kill(service.servers())
            load.wait_for_more()
            kill([service.child("worker")])
            time.sleep(0.2)
            kill([psutil.Process(service.process.pid), *service.children(), *service.servers()])
    with running(data_dir):  # the first try
        stored = recorded(data_dir)
    assert set(load.answered) <= set(stored)
    assert [name for name, count in stored.items() if count > 1] == []
    assert set(load.statuses) <= {200, 503}
    assert load.without_retry_after == 0
