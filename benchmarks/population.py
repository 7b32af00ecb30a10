"""A seeded shop in a database of its own: visitors and what they did, stored through COPY, and rules as shops write
them."""

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from benchmarks.hot_path import ACCOUNT
from segmenthub import embedded

SHOP = UUID(ACCOUNT["account"]["id"])  # type: ignore[index]
DAYS = 90
BRANDS = [f"Brand {number}" for number in range(40)]
CATEGORIES = ("shoes", "hats", "bags", "coats", "socks")
EVENT = (
    *("visitor", "time", "id", "account_id", "event", "bot", "platform", "device", "path"),
    *("sku", "price", "brand", "category", "order_id", "order_total"),
)
VISITOR = (
    *("key", "account_id", "created_at", "attributes", "segments", "pins_in", "pins_out", "visitor_id"),
    *("first_seen", "last_seen", "platform", "device"),
)
TOTAL = {"property": "orderTotal"}
RULES: dict[str, dict[str, Any]] = {
    "viewed 5 products": {"event": "productView", "within": "30d", "count": {"gte": 5}},
    "viewed a brand 3 times": {
        "event": "productView",
        "where": {"property": "brand", "eq": BRANDS[3]},
        "within": "30d",
        "count": {"gte": 3},
    },
    "spent 200": {"event": "purchase", "within": "60d", "sum": {**TOTAL, "gte": 200}},
    "lapsed": {
        "all": [
            {"event": "purchase", "within": {"from": "90d", "to": "30d"}},
            {"not": {"event": "purchase", "within": "30d"}},
        ]
    },
    "viewed, did not buy": {
        "all": [
            {"event": "productView", "where": {"property": "category", "eq": "shoes"}, "within": "30d"},
            {"not": {"event": "purchase", "within": "14d"}},
        ]
    },
    "abandoned": {
        "sequence": [{"event": "productView"}, {"event": "purchase", "within": "1d", "absent": True}],
        "within": "7d",
    },
    "viewed, bought in a day": {
        "sequence": [{"event": "productView"}, {"event": "purchase", "within": "1d"}],
        "within": "30d",
    },
    "last order over 100": {"event": "purchase", "last": {**TOTAL, "gte": 100}},
    "8 brands": {"event": "productView", "within": "30d", "unique": {"property": "brand", "gte": 8}},
    "active on 10 days": {"event": "*", "within": "30d", "unique": {"period": "day", "gte": 10}},
}
SINCE = "time > $now::timestamptz - interval '{} days' AND time <= $now::timestamptz"
BOUGHT, VIEWED = "event = 'purchase' AND NOT bot", "event = 'productView' AND NOT bot"
DUCKDB = {
    "viewed 5 products": f"""SELECT visitor FROM event WHERE {VIEWED} AND {SINCE.format(30)} GROUP BY 1
        HAVING count(*) >= 5""",
    "viewed a brand 3 times": f"""SELECT visitor FROM event WHERE {VIEWED} AND brand = '{BRANDS[3]}'
        AND {SINCE.format(30)} GROUP BY 1 HAVING count(*) >= 3""",
    "spent 200": f"""SELECT visitor FROM event WHERE {BOUGHT} AND {SINCE.format(60)} GROUP BY 1
        HAVING sum(order_total) >= 200""",
    "lapsed": f"""SELECT visitor FROM event WHERE {BOUGHT} AND {SINCE.format(90)} GROUP BY 1
        HAVING max(time) <= $now::timestamptz - interval '30 days'""",
    "viewed, did not buy": f"""SELECT visitor FROM event
        WHERE {VIEWED} AND category = 'shoes' AND {SINCE.format(30)}
        EXCEPT SELECT visitor FROM event WHERE {BOUGHT} AND {SINCE.format(14)}""",
    "abandoned": f"""SELECT DISTINCT visitor FROM (SELECT visitor, time FROM event WHERE {VIEWED} AND {SINCE.format(7)}
            AND time + interval '1 day' <= $now::timestamptz) a
        ANTI JOIN (SELECT visitor, time FROM event WHERE {BOUGHT} AND {SINCE.format(7)}) b
        ON b.visitor = a.visitor AND b.time > a.time AND b.time <= a.time + interval '1 day'""",
    "viewed, bought in a day": f"""SELECT DISTINCT visitor FROM (
            SELECT visitor, time FROM event WHERE {BOUGHT} AND {SINCE.format(30)}) b
        SEMI JOIN (SELECT visitor, time FROM event WHERE {VIEWED} AND {SINCE.format(30)}) a
        ON b.visitor = a.visitor AND b.time > a.time AND b.time <= a.time + interval '1 day'""",
    "last order over 100": f"""SELECT visitor FROM event WHERE {BOUGHT} AND time <= $now::timestamptz GROUP BY 1
        HAVING arg_max(order_total, time) >= 100""",
    "8 brands": f"""SELECT visitor FROM event WHERE {VIEWED} AND {SINCE.format(30)} GROUP BY 1
        HAVING count(DISTINCT brand) >= 8""",
    "active on 10 days": f"""SELECT visitor FROM event WHERE event[1] <> '$' AND NOT bot AND {SINCE.format(30)}
        GROUP BY 1
        HAVING count(DISTINCT date_trunc('day', time AT TIME ZONE 'UTC')) >= 10""",
}
"""The same rules, for visitors, as one would write them for DuckDB."""


@contextmanager
def database(*, snapshot_seconds: float = 0) -> Iterator[Path]:
    """Embedded servers in a temporary folder, migrated, with the account; Django is set up for them."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # the database's user must reach it
        data = Path(folder)
        (data / "static").mkdir()
        with embedded.servers(data):
            os.environ |= {
                "DATABASE_URL": embedded.database_url(data),
                "REDIS_URL": embedded.redis_url(data),
                "SEGMENTHUB_DATA_DIR": str(data),
                "DEBUG": "false",
                "SNAPSHOT_SECONDS": str(snapshot_seconds),  # 0: no thread beside what is measured
                "DJANGO_SETTINGS_MODULE": "segmenthub.settings",
            }
            subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True)
            provision = data / "account.json"
            provision.write_text(json.dumps(ACCOUNT))
            subprocess.run([sys.executable, "manage.py", "provision", str(provision)], check=True, stdout=-3)
            import django

            django.setup()
            yield data
            from django.db import connection

            connection.close()
            logging.disable()  # the thread that looks for changes says that the servers are gone


def populate(data: Path, visitors: int, events: int, now: datetime, seed: int = 1) -> Path:
    """Stores the shop; gives the file of its events, tab-separated."""
    from django.db import connection

    people, done = data / "visitors.tsv", data / "events.tsv"
    write(people, done, visitors, events, now, Random(seed))
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    for table, columns, file in (("dmp_visitor", VISITOR, people), ("dmp_event", EVENT, done)):
        with connection.connection.cursor() as cursor:
            statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
            with cursor.copy(statement) as copy, file.open("rb") as source:
                while block := source.read(1 << 20):
                    copy.write(block)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) dmp_event")
        cursor.execute("VACUUM (ANALYZE) dmp_visitor")
    return done


def write(people: Path, done: Path, visitors: int, events: int, now: datetime, random: Random) -> None:
    """A few visitors do much, most little: the number of events falls off exponentially."""
    from dmp.keys import visitor_key

    mean = events / visitors
    with people.open("w") as persons, done.open("w") as lines:
        left = events
        for number in range(visitors):
            visitor_id = UUID(int=random.getrandbits(128), version=4)
            key = visitor_key(SHOP, visitor_id)
            count = min(left, max(1, round(random.expovariate(1 / mean)))) if number < visitors - 1 else left
            count = min(count, 50 * round(mean))
            left -= count
            times = sorted(
                (now - timedelta(seconds=random.random() * DAYS * 86400) for _ in range(count)), reverse=True
            )
            device = random.choice(("mobile", "mobile", "desktop"))
            for at in times:
                lines.write(line(random, key, at, device))
            ends = f"{times[-1].isoformat()}\t{times[0].isoformat()}" if times else "\\N\t\\N"
            persons.write(
                f"{key}\t{SHOP}\t{now.isoformat()}\t{{}}\t{{}}\t{{}}\t{{}}\t{visitor_id}\t{ends}\twww.example.com\t{device}\n"
            )


def line(random: Random, key: UUID, at: datetime, device: str) -> str:
    kind = random.random()
    start = f"{key}\t{at.isoformat()}\t{UUID(int=random.getrandbits(128))}\t{SHOP}"
    if kind < 0.7:
        return f"{start}\tpageView\tf\twww.example.com\t{device}\t/{CATEGORIES[int(kind * 7)]}" + "\t\\N" * 6 + "\n"
    if kind < 0.95:
        product = int(random.random() * 5000)
        more = f"{product}\t{product % 300}.5\t{BRANDS[product % 40]}\t{CATEGORIES[product % 5]}\t\\N\t\\N"
        return f"{start}\tproductView\tf\twww.example.com\t{device}\t/p/{product}\t{more}\n"
    order = f"{random.getrandbits(64):x}\t{int(random.random() ** 2 * 30000) / 100}"
    return f"{start}\tpurchase\tf\twww.example.com\t{device}\t/bought\t\\N\t\\N\t\\N\t\\N\t{order}\n"


def in_duckdb(file: Path) -> Any:
    """The events in DuckDB; None where it is not installed."""
    try:
        import duckdb
    except ImportError:
        return None
    kinds = {"visitor": "UUID", "id": "UUID", "account_id": "UUID", "time": "TIMESTAMPTZ", "bot": "BOOLEAN"}
    kinds |= {"price": "DECIMAL(18, 6)", "order_total": "DECIMAL(18, 6)"}
    columns = ", ".join(f"'{name}': '{kinds.get(name, 'VARCHAR')}'" for name in EVENT)
    base = duckdb.connect()
    base.execute("SET TimeZone = 'UTC'")
    base.execute("SET threads = 2")
    base.execute(
        f"""CREATE TABLE event AS FROM read_csv('{file}', delim = '\t', header = false, quote = '', escape = '',
            nullstr = '\\N', columns = {{{columns}}})"""
    )
    return base


def instant() -> datetime:
    """One that all parts of a run share."""
    return datetime.now(UTC).replace(microsecond=0)
