"""The whole service on one machine: database, Valkey, web, worker and beat, started in order and kept running.

Runs without Django: what keeps the service alive does not load it.
"""

import argparse
import fcntl
import json
import os
import shutil
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import environ
import psutil

from segmenthub import embedded
from segmenthub.supervisor import Failed, Signals, Stopped, Supervisor

SUMMARY = "Run everything on this machine: database, Valkey, web, worker and beat. Ctrl-C stops it all."
ROOT = Path(__file__).resolve().parent.parent
MANAGE = [sys.executable, str(ROOT / "manage.py")]
HOST = "127.0.0.1"
PORTS_TRIED = 50
READY_SECONDS = 60.0
WORKER_SECONDS = 30.0
LEFTOVER_SECONDS = 5.0
WORKER_BEGUN = "SEGMENTHUB_WORKER_BEGUN"  # the file that the worker makes once it takes tasks
MARK = "SEGMENTHUB_SUPERVISED"  # in the environment of every child: the data folder, to find what a killed run left


@dataclass(frozen=True)
class Options:
    """`port` None: 8000, or the next one that is free."""

    data_dir: Path
    port: int | None = None
    workers: int = 2
    demo: bool = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    data_dir = os.environ.get("SEGMENTHUB_DATA_DIR") or ROOT / ".data"
    parser.add_argument("--port", type=int, help="of the web server; without it 8000 or the next free one")
    parser.add_argument("--data-dir", type=Path, default=Path(data_dir), help="default: %(default)s")
    parser.add_argument("--no-demo", action="store_false", dest="demo", help="load no demo account")
    parser.add_argument("--workers", type=int, default=2, help="web processes; default: %(default)s")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="manage.py up", description=SUMMARY)
    add_arguments(parser)
    return up(Options(**vars(parser.parse_args(arguments))))


def up(options: Options) -> int:
    """Runs everything until a signal comes; answers the exit code. Says on stderr why it fails."""
    try:
        with Signals() as signals:
            _up(options, signals)
    except Stopped:
        return 0
    except (Failed, embedded.EmbeddedError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def _up(options: Options, signals: Signals) -> None:
    embedded.socket_dir(options.data_dir)  # makes the data folder
    data_dir = options.data_dir.resolve()
    with ExitStack() as stack:
        stack.enter_context(_only_one(data_dir))
        _end_leftovers(data_dir)
        port = stack.enter_context(_port(options.port))
        missing = embedded.needed(os.environ)
        environment = _environment(data_dir, port, missing)
        if missing:
            stack.enter_context(embedded.servers(data_dir, only=missing))
        heal = partial(embedded.ensure, data_dir, only=missing) if missing else list
        supervisor = Supervisor(environment, heal, signals)
        stack.callback(supervisor.stop)  # before the servers, which were entered earlier
        _prepare(supervisor)
        programs = commands(port, options.workers, data_dir)
        supervisor.add("web", programs.pop("web"))
        demo = _demo(supervisor) if options.demo else {}
        _wait_until_ready(supervisor, port)
        for name, command in programs.items():  # later: starting takes processor time that the web needs now
            supervisor.add(name, command)
        _wait_for_worker(supervisor)
        print(_welcome(environment["API_URL"], demo), flush=True)
        supervisor.run()


def _prepare(supervisor: Supervisor) -> None:
    supervisor.call("migrate", [*MANAGE, "migrate", "--no-input", "--verbosity=0"])
    if supervisor.environment.get("PRODUCTION", "").lower() in environ.Env.BOOLEAN_TRUE_STRINGS:
        # Elsewhere static files are served from where they lie.
        supervisor.call("collectstatic", [*MANAGE, "collectstatic", "--no-input", "--verbosity=0"])


def commands(port: int, workers: int, data_dir: Path) -> dict[str, Sequence[str]]:
    """The product's programs by name: web, worker, beat."""
    celery = [sys.executable, "-m", "celery", "--quiet", "--app=segmenthub.celery"]
    schedule = data_dir / "beat" / "schedule"
    schedule.parent.mkdir(exist_ok=True)
    return {
        "web": [
            *[sys.executable, "-m", "granian", "--interface=wsgi", f"--host={HOST}", f"--port={port}"],
            *[f"--workers={workers}", "--blocking-threads=1", "--no-ws", "--log-level=warning"],
            # With the default interval of 3.5 s a worker that dies young ends the whole server.
            *["--respawn-failed-workers", "--respawn-interval=0.5", "--workers-kill-timeout=10"],
            "segmenthub.wsgi:application",
        ],
        "worker": [
            *[*celery, "worker", "--concurrency=3", "--prefetch-multiplier=1", "--loglevel=WARNING"],
            *["--without-gossip", "--without-mingle", "--without-heartbeat"],
        ],
        "beat": [*celery, "beat", f"--schedule={schedule}", "--pidfile=", "--loglevel=WARNING"],
    }


def _environment(data_dir: Path, port: int, missing: Sequence[str]) -> dict[str, str]:
    metrics = data_dir / "metrics"
    shutil.rmtree(metrics, ignore_errors=True)  # the counts of processes that are gone
    metrics.mkdir()
    begun = data_dir / "worker_begun"
    begun.unlink(missing_ok=True)
    ours = {
        "DJANGO_SETTINGS_MODULE": "segmenthub.settings",
        "SEGMENTHUB_DATA_DIR": str(data_dir),
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "PYTHONUNBUFFERED": "1",
        WORKER_BEGUN: str(begun),
        MARK: str(data_dir),
    }
    if "postgres" in missing:
        ours["DATABASE_URL"] = embedded.database_url(data_dir)
    if "valkey" in missing:
        ours["REDIS_URL"] = embedded.redis_url(data_dir)
    return {"API_URL": f"http://{HOST}:{port}", **os.environ, **ours}


def _demo(supervisor: Supervisor) -> dict[str, Any]:
    try:
        output = supervisor.call("demo", [*MANAGE, "demo", "--if-empty"])
        account: dict[str, Any] = json.loads(output.splitlines()[-1])
    except (Failed, ValueError, IndexError) as error:
        print(f"The demo account could not be loaded: {error}", file=sys.stderr)
        return {}
    return account


def _wait_until_ready(supervisor: Supervisor, port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _is_ready(port):
        if time.monotonic() > deadline:
            raise Failed(f"http://{HOST}:{port}/health/ready did not answer within {READY_SECONDS:.0f} seconds.")
        supervisor.look()
        time.sleep(0.05)


def _wait_for_worker(supervisor: Supervisor) -> None:
    """Until then webhooks and builds wait. Answers do not: with a broker that is away, say ready all the same."""
    begun, deadline = Path(supervisor.environment[WORKER_BEGUN]), time.monotonic() + WORKER_SECONDS
    while not begun.exists() and time.monotonic() < deadline:
        supervisor.look()
        time.sleep(0.05)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/health/ready", timeout=5) as response:  # noqa: S310
            return bool(response.status == 200)
    except OSError:  # includes HTTPError: not ready yet
        return False


def _welcome(url: str, demo: dict[str, Any]) -> str:
    lines = ["", f"SegmentHub is ready.  Panel: {url}/panel/"]
    if demo.get("account"):
        lines += [f"  Demo shop: {url}/demo/"]
    if demo.get("email"):
        lines += [f"  Demo login    {demo['email']}  {demo.get('password') or ''}".rstrip()]
        lines += [f"  Demo account  {demo['account']}"]
    if demo.get("token"):
        lines += [f"  Demo token    {demo['token']}  (shown this once)"]
    if demo.get("account"):
        lines += ["Send it an event:", "  " + _curl(url, demo)]
    return "\n".join([*lines, "Ctrl-C stops everything.", ""])


def _curl(url: str, demo: dict[str, Any]) -> str:
    event = {"account": demo["account"], "visitorId": str(uuid.uuid4())}
    event |= {"platform": "www.example.com", "event": "pageView", "path": "/"}
    return f"curl -X POST {url}/campaigns/query -H 'Content-Type: application/json' -d '{json.dumps(event)}'"


@contextmanager
def _only_one(data_dir: Path) -> Iterator[None]:
    """One `up` a data folder."""
    with (data_dir / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failed(
                f"SegmentHub runs already on {data_dir}. Stop it first, or choose another folder with --data-dir."
            ) from None
        yield


def _end_leftovers(data_dir: Path) -> None:
    """Web, worker and beat of a killed run: the kernel has asked them to end; who stays is killed."""
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while left := [p for p in psutil.process_iter(["environ"]) if (p.info["environ"] or {}).get(MARK) == str(data_dir)]:
        if time.monotonic() > deadline:
            for process in left:
                with suppress(psutil.Error):
                    process.kill()
        time.sleep(0.1)


@contextmanager
def _port(wanted: int | None) -> Iterator[int]:
    """A free port, ours as long as the block lasts; raises Failed when the wanted one is taken."""
    first = wanted or 8000
    for port in [first] if wanted else range(first, first + PORTS_TRIED):
        with _reserved(port) as free:
            if free:
                if port != first:
                    print(f"Port {first} is taken: using {port}.", flush=True)
                yield port
                return
    instead = "choose another one with --port" if wanted else "name a free one with --port"
    raise Failed(f"Port {first} of {HOST} is taken by another program: {instead}.")


@contextmanager
def _reserved(port: int) -> Iterator[bool]:
    """Whether nobody has the port. Looking is not enough: granian shares its port (SO_REUSEPORT) with another granian
    of this user that looked at the same moment, and requests would reach either. Hence a lock, too: one byte a port."""
    path = Path(tempfile.gettempdir()) / f"segmenthub-ports-{os.geteuid()}"
    with path.open("a") as locks:
        try:
            fcntl.lockf(locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            yield False
            return
        yield _can_listen(port)


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of the last run may linger
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
