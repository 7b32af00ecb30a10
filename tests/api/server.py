"""The service on a real socket: granian over the test database, on a free port of the loopback."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from django.core.management import call_command
from django.db import connection

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def running_server() -> Iterator[int]:
    """Runs the server; gives its port. What was written meanwhile is gone afterwards."""
    port = free_port()
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    command = [sys.executable, "-m", "granian", "--interface=wsgi", "--host=127.0.0.1", f"--port={port}"]
    command += ["--workers=2", "--blocking-threads=1", "--no-ws", "--log-level=warning", "segmenthub.wsgi:application"]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "DATABASE_URL": url, "SNAPSHOT_SECONDS": "0.25"})
    try:
        wait_until_alive(port)
        yield port
    finally:
        stop(process)
        empty_tables()


def empty_tables() -> None:
    """What was committed is gone. Django does not manage the table of events."""
    call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=True)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE dmp_event")
    connection.close()


def stop(process: subprocess.Popen[bytes]) -> None:
    """A worker that is told to end while it starts does not hear it."""
    started = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    process.terminate()
    _, left = psutil.wait_procs(started, timeout=20)
    for one in left:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait(timeout=20)


def wait_until_alive(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as client:
                client.request("GET", "/health/live")
                assert client.getresponse().status == 200
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
