"""One PostgreSQL and one Valkey per test run, in a data folder of its own that is gone afterwards.

Loaded with `-p tests.servers`, since DATABASE_URL and REDIS_URL must stand before pytest-django reads the settings.
With DATABASE_URL and REDIS_URL set outside, those servers are used. Each worker of a parallel run gets its own Valkey
database; pytest-django gives it its own PostgreSQL database.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from segmenthub import embedded

PREFIX = "segmenthub-test-"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        # gw0, gw1, ...: Valkey has 16 databases, the controller's is 0.
        os.environ["REDIS_URL"] = os.environ["REDIS_URL"].split("?")[0] + f"?db={int(worker[2:]) % 15 + 1}"
    elif missing := embedded.needed(os.environ):
        _remove_what_killed_runs_left()
        stack = ExitStack()
        early_config.add_cleanup(stack.close)  # runs after Ctrl-C and after errors, too
        _start_servers(stack, missing)
    return (yield)


def _start_servers(stack: ExitStack, missing: list[str]) -> None:
    data_dir = Path(tempfile.mkdtemp(prefix=PREFIX))
    stack.callback(_remove, data_dir)
    if os.geteuid() == 0:
        data_dir.chmod(0o755)  # the servers run as nobody
    for number in (signal.SIGTERM, signal.SIGHUP):
        # For pytest SystemExit, to which the servers would turn them, is only one more failed test.
        signal.signal(number, signal.default_int_handler)
    # Neither power failure nor crash matters to these data, and a commit without fsync is several times faster.
    stack.enter_context(embedded.servers(data_dir, durable=False, only=missing))
    os.environ["SEGMENTHUB_DATA_DIR"] = str(data_dir)
    if "postgres" in missing:
        os.environ["DATABASE_URL"] = embedded.database_url(data_dir)
        os.environ["UNSAFE_DATABASE"] = "1"
    if "valkey" in missing:
        os.environ["REDIS_URL"] = embedded.redis_url(data_dir)


def _remove_what_killed_runs_left() -> None:
    for data_dir in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        # Of other users' folders, and of runs that go on, nothing is touched.
        with suppress(OSError, embedded.EmbeddedError):
            if data_dir.stat().st_uid == os.geteuid() and embedded.stop_unused(data_dir):
                _remove(data_dir)


def _remove(data_dir: Path) -> None:
    sockets = embedded.socket_dir(data_dir)
    shutil.rmtree(data_dir, ignore_errors=True)
    shutil.rmtree(sockets, ignore_errors=True)
