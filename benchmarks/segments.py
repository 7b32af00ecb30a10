"""What segments cost: ten rules over an account, one person, changed people, and the clock.

    .venv/bin/python -m benchmarks.segments [--visitors 20000] [--events 500000] [--rounds 5] [--only rules] [--explain]

The compiled statements stand against DuckDB's over the same events, in the same interleaved run and on two threads;
DuckDB is no requirement of the project: `pip install duckdb` first, or its column is left out. Both
count on their own side, so that no transfer is measured; ours also finds when each answer can change, which DuckDB's
does not. One person and changed people stand against the read of a person by primary key. Figures are medians of
rounds, milliseconds; servers are the embedded ones, in a temporary folder. `--explain` prints the plans of the rules
that take more than twice as long as DuckDB.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from benchmarks.population import DUCKDB, RULES, SHOP, database, in_duckdb, instant, populate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=20_000)
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["rules"], help="the statements over the account alone")
    parser.add_argument("--explain", action="store_true")
    options = parser.parse_args()
    with database() as data:
        now = instant()
        started = time.perf_counter()
        file = populate(data, options.visitors, options.events, now)
        print(f"{options.visitors:,} visitors, {options.events:,} events ({time.perf_counter() - started:.0f} s)\n")
        over_the_account(in_duckdb(file), now, options.rounds, explain=options.explain)
        if options.only is None:
            of_people(now, options.rounds)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """(milliseconds, result)."""
    started = time.perf_counter()
    found = call()
    return 1000 * (time.perf_counter() - started), found


# The compiled statements


def over_the_account(duckdb: Any, now: datetime, rounds: int, *, explain: bool) -> None:
    from django.db import connection

    from dmp import sql
    from dmp.segments.compile.sources import of_account, settled
    from dmp.segments.levels import VISITORS
    from dmp.segments.many import SETTINGS

    with connection.cursor() as cursor:
        for setting, value in SETTINGS.items():
            cursor.execute(f"SET {setting} = '{value}'")
    source = settled(of_account(VISITORS, SHOP), now)
    statements = {name: counting(name, source, now) for name in RULES}
    ours: dict[str, list[float]] = {name: [] for name in RULES}
    theirs: dict[str, list[float]] = {name: [] for name in RULES}
    members: dict[str, tuple[int, int]] = {}
    for number in range(rounds + 1):
        for name, (text, values) in statements.items():
            spent, [(found,)] = timed(lambda text=text, values=values: sql.run(text, values, prepare=False))  # type: ignore[misc]
            other, also = timed(lambda name=name: count_in(duckdb, name, now)) if duckdb else (0.0, found)  # type: ignore[misc]
            members[name] = found, also
            if number:  # the first round warms up
                ours[name].append(spent)
                theirs[name].append(other)
    print(f"{'':26}{'members':>9}{'ms':>9}" + (f"{'DuckDB ms':>12}{'ratio':>8}" if duckdb else ""))
    for name in RULES:
        ratio = (
            statistics.median(own / other for own, other in zip(ours[name], theirs[name], strict=True)) if duckdb else 0
        )
        compared = f"{statistics.median(theirs[name]):12.1f}{ratio:8.1f}" if duckdb else ""
        differs = "" if members[name][0] == members[name][1] else f"  DuckDB counts {members[name][1]}"
        print(f"{name:26}{members[name][0]:9}{statistics.median(ours[name]):9.1f}{compared}{differs}")
        if explain and ratio > 2:
            plan(*statements[name])
    print()


def counting(name: str, source: Any, now: datetime) -> tuple[str, dict[str, Any]]:
    from zoneinfo import ZoneInfo

    from dmp.segments.compile import statement_of

    text = statement_of(read_rule(name), source, {}, ZoneInfo("UTC"), now)
    return f"SELECT count(*) FILTER (WHERE ok) FROM ({text} OFFSET 0) found", {}


def read_rule(name: str) -> Any:
    from accounts import snapshot
    from dmp.segments.parse import parse
    from dmp.segments.vocabulary import vocabulary

    configuration = snapshot.configuration(SHOP)
    assert configuration is not None
    return parse(RULES[name], vocabulary(configuration))


def count_in(duckdb: Any, name: str, now: datetime) -> int:
    text = f"SELECT count(*) FROM ({DUCKDB[name]})"
    values = {"now": now.isoformat()} if "$now" in text else {}
    return int(duckdb.execute(text, values).fetchone()[0])


def plan(text: str, values: dict[str, Any]) -> None:
    from dmp import sql

    for (row,) in sql.run(f"EXPLAIN (ANALYZE, BUFFERS, SETTINGS) {text}", values, prepare=False):
        print(f"    {row}")


# People


def of_people(now: datetime, rounds: int) -> None:
    from accounts import snapshot
    from dmp.models import Segment, Visitor
    from dmp.segments.build import build_now

    for name, rule in RULES.items():
        Segment.objects.create(account_id=SHOP, name=name, rule=rule)
    built, _ = timed(lambda: build_now(SHOP))
    snapshot.clear()
    keys = sorted(Visitor.objects.filter(account=SHOP).values_list("key", flat=True))
    print(f"ten segments built and served: {built / 1000:.1f} s")
    Random(2).shuffle(keys)
    one_person(keys, now, rounds)
    for people in (600, 6000):
        changed(keys[:people], rounds)
    due(keys[:2000], rounds)


def by_key(keys: Sequence[UUID]) -> None:
    from dmp import sql

    for key in keys:
        sql.run("SELECT key, attributes, segments, due_at FROM dmp_visitor WHERE key = %(key)s", {"key": key})


def one_person(keys: Sequence[UUID], now: datetime, rounds: int, people: int = 300) -> None:
    from accounts import snapshot
    from dmp.segments import reading
    from dmp.segments.active import active

    configuration = snapshot.configuration(SHOP)
    assert configuration is not None
    revisions = active.of(configuration).revisions
    events: list[int] = []

    def evaluate(key: UUID, some: Sequence[Any]) -> None:
        [person] = reading.read({"visitor": [key]}, reading.wanted(some, now), configuration.zone)
        events.append(len(person.facts.events))
        for revision in some:
            revision.ask(person.facts, now)

    for told, some in (("one rule", revisions[:1]), ("ten rules", revisions)):
        kinds: list[tuple[list[float], Callable[[UUID], Any]]] = [
            ([], lambda key: by_key([key])),
            ([], lambda key, some=some: evaluate(key, some)),  # type: ignore[misc]
        ]
        for _ in range(rounds + 1):
            for spent, call in kinds:
                spent.append(timed(lambda call=call: [call(key) for key in keys[:people]])[0] / people)  # type: ignore[misc]
        report(f"one person, {told}, {statistics.mean(events):.0f} events", kinds[1][0][1:], kinds[0][0][1:])
        events.clear()


def report(what: str, spent: Sequence[float], yardstick: Sequence[float]) -> None:
    ratio = statistics.median(own / other for own, other in zip(spent, yardstick, strict=True))
    both = f"{statistics.median(spent):9.3f} ms a person, {statistics.median(yardstick):.3f} by primary key"
    print(f"{what:44}{both}, ratio {ratio:.1f}")


VIEW = """INSERT INTO dmp_event (visitor, time, id, account_id, event, bot, platform, device, sku, brand)
    SELECT k, %(now)s, gen_random_uuid(), %(account)s, 'productView', false, 'www.example.com', 'mobile', '1', 'Brand 3'
    FROM unnest(%(keys)s::uuid[]) k"""


def changed(keys: Sequence[UUID], rounds: int, batch: int = 500) -> None:
    """Each person viewed a product; all rules are asked of all of them."""
    from accounts import snapshot
    from accounts.clock import now
    from dmp import sql
    from dmp.segments.refresh import refresh

    configuration = snapshot.configuration(SHOP)
    assert configuration is not None
    spent, yardstick = [], []

    def all_of_them() -> None:
        for start in range(0, len(keys), batch):
            refresh(configuration, {"visitor": sorted(keys[start : start + batch])}, now(), "event")

    for _ in range(min(rounds, 3)):
        sql.run(VIEW, {"now": now() - timedelta(seconds=1), "account": SHOP, "keys": list(keys)})
        spent.append(timed(all_of_them)[0] / len(keys))
        yardstick.append(timed(lambda: by_key(keys[:600]))[0] / len(keys[:600]))
    report(f"{len(keys)} changed people ({statistics.median(spent) * len(keys) / 1000:.1f} s)", spent, yardstick)


def due(keys: Sequence[UUID], rounds: int) -> None:
    """One membership of each of these people is due."""
    from accounts.clock import now
    from dmp import sql
    from dmp.segments.clock import tick

    while tick():
        pass
    rates = []
    for _ in range(min(rounds, 3)):
        at = {"keys": list(keys), "now": now()}
        sql.run(
            """UPDATE dmp_membership m SET next_check_at = %(now)s FROM (SELECT DISTINCT ON (person) person, segment_id,
                revision FROM dmp_membership WHERE person = ANY(%(keys)s) ORDER BY person, segment_id) f
                WHERE m.person = f.person AND m.segment_id = f.segment_id AND m.revision = f.revision""",
            at,
        )
        sql.run("UPDATE dmp_visitor SET due_at = %(now)s WHERE key = ANY(%(keys)s)", at)
        started, count = time.perf_counter(), 0
        while found := tick():
            count += found
        rates.append(count / (time.perf_counter() - started))
    print(f"{'timers through the clock, one process':44}{statistics.median(rates):9.0f} people a second")


if __name__ == "__main__":
    main()
