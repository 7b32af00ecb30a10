"""What POST /campaigns/query costs, against a bare DRF view with a serializer and no database, in one interleaved run.

    .venv/bin/python -m benchmarks.hot_path [--rounds 6] [--requests 1500]

CPU is that of the server's and the database's process trees, in milliseconds a request; requests a second are of one
client on one connection. Ratios are each round's figure over the bare view's of the same round: minimum, median,
maximum. The last part is pgbench running the recording statement alone. Servers are the embedded ones, in a temporary
folder, durable as in production.
"""

import argparse
import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from segmenthub import embedded
from segmenthub.embedded.place import postgres_binary

ACCOUNT = {
    "account": {"id": "7d4b1c9e-3f53-4c7e-9d7b-2f6f1b8a9c02", "name": "Benchmark"},
    "platforms": [{"code": "www.example.com", "type": "web"}],
}
AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"
HEADERS = {"Content-Type": "application/json", "User-Agent": AGENT}
VISITORS = [str(uuid.uuid4()) for _ in range(200)]
PAGE_VIEW = {
    "account": ACCOUNT["account"]["id"],  # type: ignore[index]
    "platform": "www.example.com",
    "device": "mobile",
    "event": "pageView",
    "path": "/women/shoes",
    "referrer": None,
}
PRODUCT_VIEW = PAGE_VIEW | {
    "event": "productView",
    "sku": "SKU-1001",
    "price": 99.9,
    "brand": "Example",
    "breadcrumb": "Home > Women > Shoes",
    "category": "shoes",
}


def bodies(event: dict[str, object], *, known: bool = False) -> list[bytes]:
    """One body for each visitor."""
    return [
        json.dumps(
            event | {"visitorId": visitor} | ({"profileId": f"{visitor[:8]}@example.com"} if known else {})
        ).encode()
        for visitor in VISITORS
    ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(application: str, environment: dict[str, str]) -> Iterator[tuple[psutil.Process, int]]:
    """One granian worker of a WSGI application on loopback."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--blocking-threads", "1", "--no-ws", "--log-level", "warning", application]
    process = subprocess.Popen(command, env=environment)
    try:
        answering(port)
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        process.wait(20)


def answering(port: int) -> None:
    """Waits for a server to listen."""
    for _ in range(1200):
        time.sleep(0.05)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise SystemExit("the server does not answer after a minute")


def cpu(roots: list[psutil.Process]) -> float:
    """CPU seconds of process trees, of ended children too."""
    total = 0.0
    for root in roots:
        times = root.cpu_times()
        total += times.children_user + times.children_system
        for process in [root, *root.children(recursive=True)]:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
    return total


def measure(port: int, roots: list[psutil.Process], sent: list[bytes], requests: int) -> tuple[float, float]:
    """(CPU milliseconds a request, requests a second) of a round."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    before, started = cpu(roots), time.perf_counter()
    for number in range(requests):
        connection.request("POST", "/campaigns/query", sent[number % len(sent)], HEADERS)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"answered {answer.status}")
    elapsed = time.perf_counter() - started
    connection.close()
    return 1000 * (cpu(roots) - before) / requests, requests / elapsed


def spread(values: list[float]) -> str:
    return f"{min(values):7.2f} {statistics.median(values):7.2f} {max(values):7.2f}"


def report(figures: dict[str, list[tuple[float, float]]]) -> None:
    bare = figures["bare DRF view, serializer"]
    print(f"{'':34}{'CPU ms a request':>24}{'requests a second':>26}{'CPU against bare':>26}")
    print(f"{'':34}" + f"{'min':>8}{'median':>8}{'max':>8}" * 3)
    for name, rounds in figures.items():
        ratios = [own / yardstick for (own, _), (yardstick, _) in zip(rounds, bare, strict=True)]
        costs, rates = zip(*rounds, strict=True)
        each = f"{min(rates):7.0f} {statistics.median(rates):7.0f} {max(rates):7.0f}"
        print(f"{name:34} {spread(list(costs))}  {each}  {spread(ratios)}")


def pgbench(url: str, seconds: int) -> float:
    """Transactions a second of the recording statement of an anonymous product view, one prepared client."""
    import django

    django.setup()
    from cdp.identity import RECORD_ONE
    from dmp.events import COLUMNS

    account, visitor = uuid.UUID(str(PAGE_VIEW["account"])), uuid.uuid4()
    given = {"event": "productView", "platform": "www.example.com", "device": "mobile", "path": "/", "sku": "SKU-1001"}
    values: dict[str, str] = dict.fromkeys(COLUMNS, "NULL") | {name: f"'{text}'" for name, text in given.items()}
    values |= {"bot": "false", "refund": "false", "visitor": f"'{visitor}'", "visitor_id": f"'{visitor}'"}
    values |= {"id": "uuidv7()", "time": "clock_timestamp()", "now": "clock_timestamp()", "account": f"'{account}'"}
    statement = re.sub(r"%\((\w+)\)s", lambda found: values[found.group(1)], RECORD_ONE["anonymous", False, False])
    host = re.search(r"host=([^&]+)", url).group(1)  # type: ignore[union-attr]
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(statement.replace("\n", " ") + ";\n")
        script.flush()
        command = [postgres_binary("pgbench"), "-n", "-M", "prepared", "-c", "1", "-T", str(seconds), "-f", script.name]
        command += ["-h", host, "-U", "postgres", "segmenthub"]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(re.search(r"tps = ([\d.]+)", printed).group(1))  # type: ignore[union-attr]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--requests", type=int, default=1500, help="of each kind in a round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # the database's user must reach it
        data = Path(folder)
        with embedded.servers(data):
            run(data, options.rounds, options.requests)


def run(data: Path, rounds: int, requests: int) -> None:
    url, redis = embedded.database_url(data), embedded.redis_url(data)
    environment = os.environ | {
        "DATABASE_URL": url,
        "REDIS_URL": redis,
        "SEGMENTHUB_DATA_DIR": str(data),
        "DEBUG": "false",
        "DJANGO_SETTINGS_MODULE": "segmenthub.settings",
    }
    os.environ.update(environment)
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], env=environment, check=True)
    provision = data / "account.json"
    provision.write_text(json.dumps(ACCOUNT))
    subprocess.run([sys.executable, "manage.py", "provision", str(provision)], env=environment, check=True, stdout=-3)
    database = psutil.Process(int((data / "postgres" / "postmaster.pid").read_text().split()[0]))
    plain = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    with (
        server("benchmarks.bare:application", plain) as (bare, bare_port),
        server("segmenthub.wsgi:application", environment) as (ours, port),
    ):
        known = bodies(PRODUCT_VIEW, known=True)
        kinds: dict[str, Callable[[], tuple[float, float]]] = {
            "bare DRF view, serializer": lambda: measure(bare_port, [bare], bodies(PRODUCT_VIEW), requests),
            "anonymous page view": lambda: measure(port, [ours, database], bodies(PAGE_VIEW), requests),
            "anonymous product view": lambda: measure(port, [ours, database], bodies(PRODUCT_VIEW), requests),
            "known profile, product view": lambda: measure(port, [ours, database], known, requests),
        }
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
        for number in range(rounds + 1):
            for name, kind in kinds.items():
                figure = kind()
                if number:  # the first round warms up
                    figures[name].append(figure)
        report(figures)
    time.sleep(1)  # the servers' connections end, and their CPU is the postmaster's
    before = cpu([database])
    rate = pgbench(url, 5)
    time.sleep(1)
    spent = 1000 * (cpu([database]) - before) / (rate * 5)
    print(f"\npgbench, the recording statement alone: {spent:.3f} CPU ms, {rate:.0f} a second")


if __name__ == "__main__":
    main()
