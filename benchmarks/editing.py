"""What those who are served notice while a live segment is edited, built anew, and a worker is killed at it.

    .venv/bin/python -m benchmarks.editing [--visitors 200000] [--events 5000000] [--clients 8] [--rate 4] [--edited 10]
        [--kill]

The real web server, worker and beat, as `manage.py up` starts them, in front of a database of their own. Clients post
page views at a steady rate before and while the edited of ten segments are built. Told are requests a second and
response times of both, and whether somebody who is in a segment before and after the edit was ever answered without
its campaign. `--kill`: the worker's children are ended by SIGKILL once, in the middle. Afterwards each segment's
members are compared with a count over all people.
"""

import argparse
import http.client
import json
import random
import statistics
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import psutil

from benchmarks.hot_path import HEADERS, PAGE_VIEW, answering, free_port
from benchmarks.population import RULES, SHOP, database, instant, populate
from segmenthub.up import commands

BEFORE = 30.0
WATCHED = "viewers"
"""In it before and after: who viewed a product in 90, then in 80 days."""


class Answered(NamedTuple):
    """When the request was due, how long its answer took from then (s), its status, and if the campaign was in it."""

    at: float
    took: float
    status: int
    shown: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=200_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rate", type=float, default=4, help="requests a second of each client")
    parser.add_argument("--edited", type=int, default=10, help="how many segments are edited at once")
    parser.add_argument("--kill", action="store_true")
    options = parser.parse_args()
    with database(snapshot_seconds=0.5) as data:
        populate(data, options.visitors, options.events, instant())
        sure = prepare()
        print(f"{options.visitors:,} visitors, {options.events:,} events; {len(sure)} people are watched", flush=True)
        run(data, free_port(), sure, options)


def prepare() -> list[UUID]:
    """The segments as they are before, a campaign for one of them, and visitors who are in it whatever happens."""
    from adserver.models import Campaign, Creative
    from dmp import sql
    from dmp.models import Segment
    from dmp.segments.build import build_now

    rules = {**RULES, WATCHED: {"event": "productView", "within": "90d"}}
    for name, rule in rules.items():
        Segment.objects.create(account_id=SHOP, name=name, rule=rule)
    build_now(SHOP)
    campaign = Campaign.objects.create(account_id=SHOP, name="Watched", slug="watched", status="live", dismiss_days=0)
    campaign.segments.add(Segment.objects.get(name=WATCHED))
    Creative.objects.create(campaign=campaign, name="A", content={"title": "x"})
    rows = sql.run(
        """SELECT v.visitor_id FROM dmp_visitor v WHERE v.account_id = %(account)s AND EXISTS (
            SELECT FROM dmp_event e WHERE e.visitor = v.key AND e.event = 'productView'
            AND e.time > now() - interval '30 days') LIMIT 2000""",
        {"account": SHOP},
    )
    return [visitor for (visitor,) in rows]


def run(data: Path, port: int, sure: list[UUID], options: argparse.Namespace) -> None:
    stop = threading.Event()
    answers: list[Answered] = []
    clients = [
        threading.Thread(target=client, args=(port, sure, options.rate, stop, answers, seed))
        for seed in range(options.clients)
    ]
    programs = commands(port, 2, data)
    processes = [subprocess.Popen(programs[name]) for name in ("worker", "beat", "web")]
    try:
        answering(port)
        time.sleep(8)  # the worker starts
        for thread in clients:
            thread.start()
        time.sleep(BEFORE)
        edited = time.perf_counter()
        edit(options.edited)
        killed, left = wait(psutil.Process(processes[0].pid), options)
        built = time.perf_counter()
        time.sleep(3)
    finally:
        stop.set()
        for thread in clients:
            thread.join(30)
        end(processes)
    done = f"{options.edited - left} of {options.edited} segments built and served"
    print(f"{done}: {built - edited:.1f} s{f', {killed} processes killed' if killed else ''}")
    tell("before", [one for one in answers if one.at < edited], BEFORE)
    tell("while built", [one for one in answers if edited <= one.at < built], built - edited)
    if left:
        raise SystemExit("not all segments were built in time")
    check()


def end(processes: list[subprocess.Popen[bytes]]) -> None:
    """Ends them, those that tidy up for long too."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            for child in [*psutil.Process(process.pid).children(recursive=True), process]:
                child.kill()
            process.wait()


def client(port: int, sure: list[UUID], rate: float, stop: threading.Event, answers: list[Answered], seed: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    draw = random.Random(seed)
    due = time.perf_counter()
    while not stop.is_set():
        due += draw.expovariate(rate)
        time.sleep(max(0.0, due - time.perf_counter()))
        body = json.dumps(PAGE_VIEW | {"visitorId": str(draw.choice(sure))})
        connection.request("POST", "/campaigns/query", body, HEADERS)
        answer = connection.getresponse()
        content = answer.read()
        shown = b'"campaign":"watched"' in content
        answers.append(Answered(due, time.perf_counter() - due, answer.status, shown))


def edit(count: int) -> None:
    """The watched rule and others become other ones with nearly the same members."""
    from dmp.models import Segment

    for segment in sorted(Segment.objects.filter(account_id=SHOP), key=lambda one: one.name != WATCHED)[:count]:
        rule: Any = {"all": [segment.rule, {"event": "pageView", "within": "80d"}]}
        segment.rule = rule if segment.name != WATCHED else {"event": "productView", "within": "80d"}
        segment.save()


def wait(worker: psutil.Process, options: argparse.Namespace) -> tuple[int, int]:
    """Until all are served or it takes too long; ends the worker's children once, when the first parts are done.

    Gives how many processes were ended, and how many segments are still not served.
    """
    from dmp.models import BuildPart, Segment

    killed, left, ends = 0, options.edited, time.perf_counter() + 600 + options.events / 10_000
    while left and time.perf_counter() < ends:
        time.sleep(0.2)
        if options.kill and not killed and BuildPart.objects.exclude(done_at=None).count() >= 3:
            for child in worker.children():
                child.kill()
                killed += 1
        left = Segment.objects.filter(account_id=SHOP).exclude(status=Segment.Status.LIVE).count()
    return killed, left


def tell(what: str, answers: list[Answered], seconds: float) -> None:
    took = sorted(1000 * one.took for one in answers)
    centiles = statistics.quantiles(took, n=1000)
    missed = sum(not one.shown for one in answers)
    failed = sum(one.status != 200 for one in answers)
    print(
        f"{what:14}{len(took):6} requests, {len(took) / seconds:.1f} a second, {failed} failed:"
        f" p50 {centiles[499]:.1f}, p99 {centiles[989]:.1f}, worst {took[-1]:.1f} ms;"
        f" {sum(one > 50 for one in took)} over 50 ms; {missed} without the campaign"
    )


def check() -> None:
    from accounts import snapshot
    from accounts.clock import now
    from dmp import sql
    from dmp.models import Segment
    from dmp.segments import preview
    from dmp.segments.parse import parse
    from dmp.segments.vocabulary import vocabulary

    preview.COUNT_SECONDS = 600  # nobody waits at a page here
    configuration = snapshot.configuration(SHOP)
    assert configuration is not None
    configuration = snapshot.newer(configuration)
    wrong = 0
    for segment in Segment.objects.filter(account_id=SHOP):
        rule = parse(segment.rule, vocabulary(configuration))
        asked = preview.count(configuration, rule, now())[0].members
        [(stored,)] = sql.run(
            "SELECT count(*) FROM dmp_visitor WHERE account_id = %(account)s AND %(revision)s = ANY(segments)"
            " AND (due_at IS NULL OR due_at > now())",
            {"account": SHOP, "revision": segment.revision},
        )
        wrong += abs(asked - stored) > asked / 1000 + 20  # who is due at this moment is counted by one side only
    print(f"segments whose members differ from a count over all people: {wrong}")


if __name__ == "__main__":
    main()
