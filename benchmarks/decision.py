"""What a decision costs: the core with 50, 200 and 1,000 live campaigns, and POST /campaigns/query with 50 or none.

    .venv/bin/python -m benchmarks.decision [--rounds 6] [--requests 1000]

The core: microseconds of one decision in this process, 5 placements, half the campaigns for segments, a third on paths,
caps for all, some paced or held out; no database, no Valkey. The requests: CPU of the server's and the database's
process trees and of Valkey, in milliseconds a request, in one interleaved run of accounts that differ in their
campaigns only; "capped" ones ask Valkey what the person saw. Last, the same work as EthicalAds' decision endpoint.
"""

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import psutil

from adserver.board import HOUR, Board, Campaign, Creative, Past
from adserver.decision import Context, choose
from benchmarks import one_placement
from benchmarks.hot_path import ACCOUNT, PAGE_VIEW, VISITORS, measure, server
from benchmarks.population import database

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SEGMENTS, PEOPLE = 200, 4_000
SPACE = UUID("7d4b1c9e-3f53-4c7e-9d7b-2f6f1b8a9c10")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--requests", type=int, default=1000, help="of each kind in a round")
    options = parser.parse_args()
    print(f"{'core, us a decision':30}{'p50':>8}{'p99':>8}")
    for number in (50, 200, 1000):
        spent = sorted(core(number))
        print(
            f"{number:>6,} campaigns{'':14}{spent[len(spent) // 2]:8.0f}{spent[len(spent) * 99 // 100]:8.0f}",
            flush=True,
        )
    with database(snapshot_seconds=0.5) as data:
        for name in ACCOUNTS:
            provision(data, name)
        one_placement.provision(data)
        roots = [process(data / "postgres" / "postmaster.pid"), valkey(data)]
        with server("segmenthub.wsgi:application", dict(os.environ)) as (web, port):
            compare(port, [web, *roots], options.rounds, options.requests)
            one_placement.compare(port, [web, *roots], options.rounds, options.requests)


def core(number: int) -> Iterator[float]:
    """Microseconds of each of many decisions."""
    chance = random.Random(1)
    board = Board(campaign(n, chance) for n in range(number))
    for n in range(PEOPLE):
        past = {
            chance.randint(1, number): Past([NOW.timestamp() - hours * HOUR for hours in (30, 3, 1)]) for _ in range(10)
        }
        context = Context(
            now=NOW,
            platform="web",
            device="mobile",
            event="pageView",
            path=f"/category-{chance.randint(0, 50)}/product-{n}",
            segments=frozenset(chance.sample(range(SEGMENTS), 10)),
            unit=str(n),
            past=lambda past=past: past,  # type: ignore[misc]
        )
        started = time.perf_counter_ns()
        choose(board, context, chance.random)
        yield (time.perf_counter_ns() - started) / 1000


def campaign(n: int, chance: random.Random) -> Campaign:
    def some(share: float, value: Any, otherwise: Any) -> Any:
        return value if chance.random() < share else otherwise

    return Campaign(
        id=n + 1,
        slug=f"campaign-{n}",
        placement_id=n % 5 + 1,
        placement=f"placement-{n % 5}",
        placement_active=True,
        tier=chance.randint(1, 9),
        weight=chance.randint(1, 100),
        label=some(0.5, chance.choice("ab"), ""),
        starts_at=some(0.5, NOW - timedelta(days=chance.randint(0, 30)), None),
        ends_at=some(0.5, NOW + timedelta(days=chance.randint(-3, 30)), None),
        platforms=some(0.3, frozenset({"web"}), frozenset()),
        devices=some(0.3, frozenset({"mobile"}), frozenset()),
        events=some(0.5, frozenset({"pageView"}), frozenset()),
        paths=some(0.3, (f"/category-{chance.randint(0, 50)}/*",), ()),
        exclude_paths=some(0.2, ("*checkout*",), ()),
        segments=some(0.5, frozenset(chance.sample(range(SEGMENTS), 3)), frozenset()),
        exclude_segments=some(0.2, frozenset(chance.sample(range(SEGMENTS), 1)), frozenset()),
        creatives=tuple(Creative(2 * n + m, name, "json", {}, "", 10) for m, name in enumerate("AB")),
        cap=3,
        stop_after=some(0.3, "click", "none"),
        dismiss_days=30,
        holdout_percent=some(0.2, 10, 0),
        salt=str(n),
        pace=some(0.2, 0.5, 1.0),
    )


ACCOUNTS = ("no campaigns", "50 campaigns", "50 capped campaigns")


def account_of(name: str) -> str:
    return str(uuid5(SPACE, name))


def provision(data: Any, name: str) -> None:
    from django.core.management import call_command

    limits = {"cap": 1000, "cap_hours": 24, "stop_after": "click"} if "capped" in name else {"dismiss_days": 0}
    campaigns = [
        {
            **{"slug": f"c{n}", "name": f"Campaign {n}", "status": "live", "placement": f"p{n % 5}", "tier": n % 9 + 1},
            **{"weight": n + 1, "paths": [f"/women/{'*' if n % 3 else 'boots'}"], "events": ["pageView"]},
            **limits,
            "creatives": [{"name": "A", "content": {"title": "Sale"}, "link": "https://shop.example/sale"}],
        }
        for n in range(50 if "50" in name else 0)
    ]
    file = data / "campaigns.json"
    file.write_text(
        json.dumps(
            {
                **ACCOUNT,
                "account": {"id": account_of(name), "name": name},
                "placements": [{"code": f"p{n}"} for n in range(5)],
                "campaigns": campaigns,
            }
        )
    )
    with open(os.devnull, "w") as nowhere:
        call_command("provision", str(file), stdout=nowhere)


def process(file: Any) -> psutil.Process:
    return psutil.Process(int(file.read_text().split()[0]))


def valkey(data: Any) -> psutil.Process:
    return next(
        found for found in psutil.process_iter() if "valkey" in found.name() and found.cwd().startswith(str(data))
    )


def compare(port: int, roots: list[psutil.Process], rounds: int, requests: int) -> None:
    sent = {
        name: [
            json.dumps(PAGE_VIEW | {"account": account_of(name), "visitorId": visitor}).encode() for visitor in VISITORS
        ]
        for name in ACCOUNTS
    }
    costs: dict[str, list[float]] = {name: [] for name in ACCOUNTS}
    for number in range(rounds + 1):
        for name, bodies in sent.items():
            cost, _ = measure(port, roots, bodies, requests)
            if number:  # the first round warms up
                costs[name].append(cost)
    print(f"\n{'request, CPU ms':30}{'median':>8}{'against none':>14}")
    for name, figures in costs.items():
        ratio = statistics.median(own / none for own, none in zip(figures, costs[ACCOUNTS[0]], strict=True))
        print(f"{name:30}{statistics.median(figures):8.2f}{ratio:14.2f}")


if __name__ == "__main__":
    main()
