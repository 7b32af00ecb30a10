"""`manage.py up` for real: started, maimed, stopped."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from segmenthub.embedded.place import Place
from segmenthub.embedded.postgres import Postgres
from segmenthub.embedded.valkey import Valkey
from segmenthub.up import MARK

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60  # for a start on a busy machine


@dataclass
class Service:
    data_dir: Path
    port: int
    process: "subprocess.Popen[str]"

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def children(self) -> list[psutil.Process]:
        """Web, worker and beat, whoever is their parent now; not the servers."""
        found = psutil.process_iter(["environ"])
        ours = [p for p in found if (p.info["environ"] or {}).get(MARK) == str(self.data_dir.resolve())]
        servers = {p.pid for p in self.servers()}
        return [p for p in ours if p.pid not in servers]

    def is_complete(self) -> bool:
        return self.is_ready() and all(self.child(word) for word in ("granian", "worker", "beat"))

    def child(self, word: str) -> psutil.Process | None:
        """The main process of web ("granian"), worker or beat."""
        with suppress(psutil.Error):
            for process in psutil.Process(self.process.pid).children():
                with suppress(psutil.Error):  # another child that just died says nothing of this one
                    if word in process.cmdline():
                        return process
        return None

    def servers(self) -> list[psutil.Process]:
        place = Place.of(self.data_dir)
        return Postgres(place).processes() + Valkey(place).processes()


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """One for the tests that leave it running."""
    with temporary_dir() as data_dir, running(data_dir) as started:
        yield started


@contextmanager
def temporary_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="segmenthub up "))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(data_dir: Path, workers: int = 1) -> Iterator[Service]:
    port = free_port()
    process = start("--port", str(port), "--data-dir", str(data_dir), "--no-demo", "--workers", str(workers))
    service = Service(data_dir, port, process)
    try:
        wait_until(lambda: service.is_complete() or process.poll() is not None)
        if process.poll() is not None:
            pytest.fail(f"up ended: {process.communicate()[0]}")
        yield service
    finally:
        process.terminate()
        try:
            process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def start(*arguments: str) -> "subprocess.Popen[str]":
    ours = {"DATABASE_URL", "REDIS_URL", "SEGMENTHUB_DATA_DIR", "API_URL", "UNSAFE_DATABASE", "SNAPSHOT_SECONDS"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    command = [sys.executable, str(ROOT / "manage.py"), "up", *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if process.stdout is not None and hasattr(fcntl, "F_SETPIPE_SZ"):  # nobody reads it before the end
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 1024 * 1024)
    return process


def alive(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {SECONDS} seconds in vain"
        time.sleep(0.1)


def test_ready_is_said_once_tasks_are_taken() -> None:
    with temporary_dir() as data_dir:
        process = start("--port", str(free_port()), "--data-dir", str(data_dir), "--no-demo")
        try:
            assert process.stdout is not None
            assert any("SegmentHub is ready" in line for line in process.stdout)
            assert (data_dir / "worker_begun").exists()
        finally:
            process.terminate()
            process.communicate(timeout=SECONDS)


@pytest.mark.parametrize("word", ["granian", "worker", "beat"])
def test_a_killed_child_is_started_again(service: Service, word: str) -> None:
    wait_until(service.is_complete)  # the test before may have killed this one too
    assert (old := service.child(word))
    old.kill()
    wait_until(lambda: service.child(word) not in (None, old) and service.is_ready())


def test_a_killed_web_process_is_started_again(service: Service) -> None:
    wait_until(service.is_complete)
    assert (web := service.child("granian"))
    old = web.children()[-1]
    old.kill()
    wait_until(lambda: not alive(old) and service.is_ready())
    assert service.child("granian") == web


@pytest.mark.parametrize("server", [Postgres, Valkey])
def test_a_killed_server_is_started_again(service: Service, server: type[Postgres] | type[Valkey]) -> None:
    old = server(Place.of(service.data_dir)).main_process()
    assert old is not None
    old.kill()
    began = time.monotonic()
    wait_until(server(Place.of(service.data_dir)).is_ready)
    assert time.monotonic() - began < 10
    wait_until(service.is_ready)


def test_a_second_one_on_the_same_data_is_refused(service: Service) -> None:
    second = start("--data-dir", str(service.data_dir))
    output, _ = second.communicate(timeout=SECONDS)
    assert (second.returncode, "runs already on" in output) == (1, True), output


def test_a_port_that_is_taken_and_was_asked_for_is_refused(service: Service) -> None:
    with temporary_dir() as data_dir:
        other = start("--data-dir", str(data_dir), "--port", str(service.port))
        output, _ = other.communicate(timeout=SECONDS)
    assert (other.returncode, f"Port {service.port} of 127.0.0.1 is taken" in output) == (1, True), output


def test_a_killed_one_takes_all_but_the_servers_with_it_and_the_next_one_starts() -> None:
    with temporary_dir() as data_dir:
        with running(data_dir) as first:
            first.process.kill()
            wait_until(lambda: not first.children())
            postmaster = Postgres(Place.of(data_dir)).main_process()
            assert postmaster is not None
        with running(data_dir) as second:
            assert Postgres(Place.of(data_dir)).main_process() == postmaster
            second.process.send_signal(signal.SIGINT)
            second.process.wait(SECONDS)
            assert (second.process.returncode, second.children(), second.servers()) == (0, [], [])
