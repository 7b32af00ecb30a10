"""What 200 live segments add to POST /campaigns/query: page views that none of them names, product views that 20 do.

Product views of two kinds: those of people who enter a segment with most of them, and those that change nothing.

    .venv/bin/python -m benchmarks.product_views [--rounds 6] [--requests 400] [--profile]

Two accounts in one interleaved run, one without segments, both behind granian. CPU is that of the server's and the
database's process trees, in milliseconds a request; ratios are those of each round, median. `--profile` adds what the
product views with segments spend their time on, made in this process, by cProfile.
"""

import argparse
import cProfile
import io
import json
import os
import pstats
import statistics
import time
from typing import Any
from uuid import UUID

import psutil

from benchmarks.hot_path import ACCOUNT, HEADERS, PAGE_VIEW, PRODUCT_VIEW, measure, server
from benchmarks.population import BRANDS, SHOP, database, instant, populate

EMPTY = {**ACCOUNT, "account": {"id": "3c0c2a52-58a7-4f0c-b0a6-6b1f0b9e5d11", "name": "Without segments"}}
PEOPLE = 200
VIEWS_BEFORE = 12
"""After so many views a person is in all segments that ask for views."""


def rules() -> dict[str, dict[str, Any]]:
    """20 that name product views, half of them one brand each; 180 that ask of purchases."""
    found: dict[str, dict[str, Any]] = {}
    for n in range(10):
        found[f"fans of {BRANDS[n]}"] = {
            "event": "productView",
            "where": {"property": "brand", "eq": BRANDS[n]},
            "within": "30d",
            "count": {"gte": 3},
        }
        found[f"viewed {n + 2}"] = {"event": "productView", "within": f"{n + 7}d", "count": {"gte": n + 2}}
    for n in range(90):
        found[f"spent {n + 100}"] = {
            "event": "purchase",
            "within": "60d",
            "sum": {"property": "orderTotal", "gte": n + 100},
        }
        found[f"bought within {n + 1} days"] = {"event": "purchase", "within": f"{n + 1}d"}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--requests", type=int, default=400, help="of each kind in a round")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with database(snapshot_seconds=0.5) as data:
        populate(data, 400, 10_000, instant())
        serve(data)
        database_process = psutil.Process(int((data / "postgres" / "postmaster.pid").read_text().split()[0]))
        with server("segmenthub.wsgi:application", dict(os.environ)) as (web, port):
            compare(port, [web, database_process], options.rounds, options.requests)
        if options.profile:
            profiler = cProfile.Profile()
            sent = bodies(PRODUCT_VIEW, SHOP)
            profiler.runcall(send, sent, options.requests)
            statistics_of = pstats.Stats(profiler)
            statistics_of.sort_stats("tottime").print_stats(25)
            statistics_of.sort_stats("cumtime").print_stats("main/(adserver|dmp|cdp|accounts)", 30)


def serve(data: Any) -> None:
    from django.core.management import call_command

    from accounts import snapshot
    from dmp.models import Segment
    from dmp.segments.build import build_now

    file = data / "empty.json"
    file.write_text(json.dumps(EMPTY))
    call_command("provision", str(file), stdout=io.StringIO())
    Segment.objects.bulk_create(
        Segment(account_id=SHOP, name=name, rule=rule, status=Segment.Status.BUILDING) for name, rule in rules().items()
    )
    started = time.perf_counter()
    build_now(SHOP)
    snapshot.clear()
    print(f"{len(rules())} segments built and served: {time.perf_counter() - started:.1f} s", flush=True)


def bodies(event: dict[str, object], account: UUID, skip: int = 0) -> list[bytes]:
    """One for each of some visitors who have been there before."""
    from dmp.models import Visitor

    known = (
        Visitor.objects.filter(account=SHOP).order_by("key").values_list("visitor_id", flat=True)[skip : skip + PEOPLE]
    )
    more = (
        {"account": str(account), "brand": BRANDS[3]} if event["event"] == "productView" else {"account": str(account)}
    )
    return [json.dumps(event | more | {"visitorId": str(visitor)}).encode() for visitor in known]


def send(sent: list[bytes], requests: int) -> None:
    from django.test import Client

    client = Client(headers={"User-Agent": HEADERS["User-Agent"]})
    for number in range(requests):
        answer = client.post("/campaigns/query", sent[number % len(sent)], content_type="application/json")
        if answer.status_code != 200:
            raise SystemExit(f"answered {answer.status_code}: {answer.content!r}")


def compare(port: int, roots: list[psutil.Process], rounds: int, requests: int) -> None:
    empty = UUID(EMPTY["account"]["id"])  # type: ignore[index]
    kinds = {
        "page view, no segments": bodies(PAGE_VIEW, empty),
        "page view, 200 segments": bodies(PAGE_VIEW, SHOP),
        "product view, no segments": bodies(PRODUCT_VIEW, empty),
        "product view, 200 segments": bodies(PRODUCT_VIEW, SHOP, PEOPLE),
        "product view, 200 segments, enters": bodies(PRODUCT_VIEW, SHOP),
    }
    measure(port, roots, kinds["product view, 200 segments"], VIEWS_BEFORE * PEOPLE)
    costs: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(rounds + 1):
        for name, sent in kinds.items():
            cost, _ = measure(port, roots, sent, requests)
            if number:  # the first round warms up
                costs[name].append(cost)
    print(f"{'CPU ms a request':36}{'median':>9}{'against none':>14}")
    for name, figures in costs.items():
        none = costs[name.replace("200", "no").removesuffix(", enters")]
        ratio = statistics.median(own / other for own, other in zip(figures, none, strict=True))
        print(f"{name:36}{statistics.median(figures):9.2f}{ratio:14.2f}")


if __name__ == "__main__":
    main()
