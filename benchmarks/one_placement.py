"""One decision of one placement among 50 live campaigns, as EthicalAds makes it, counted in CPU and SQL statements.

The work is that of EthicalAds' decision endpoint with 50 live flights: somebody of a country, on a device, reads a
page; of the flights for that country and device one is drawn by weight for the one placement of the page, and its
creative answered with its links. Here countries are segments over `$country`, kept up to date by each request, and
the request also records the visitor's event, durable before the answer.

`RECORDED` was measured once with readthedocs/ethical-ad-server (Django and PostgreSQL, 50 live flights) on a machine of
two cores, its CPU counted in the same way, of server and database; this run does not measure it again.
"""

import http.client
import json
import os
import statistics
from pathlib import Path
from random import Random
from typing import Any

import psutil

from benchmarks.hot_path import ACCOUNT, HEADERS, PAGE_VIEW, VISITORS, cpu

RECORDED = 15, 30.9
"""SQL statements, and CPU milliseconds of server and database, of one decision of EthicalAds."""
ID = "7d4b1c9e-3f53-4c7e-9d7b-2f6f1b8a9c11"
COUNTRIES = ("de", "fr", "gb", "us", "ca", "br", "in", "jp", "au", "tr")
PLACE = "doc-sidebar"


def provision(folder: Path) -> None:
    from django.core.management import call_command

    chance = Random(50)  # noqa: S311
    devices = (["desktop"], ["mobile", "tablet"], [], [])
    campaigns = [
        {
            **{"slug": f"flight-{n}", "name": f"Flight {n}", "status": "live", "placement": PLACE, "dismiss_days": 0},
            **{"weight": chance.randint(1, 100), "segments": chance.sample(COUNTRIES, 5), "devices": devices[n % 4]},
            "creatives": [
                {"name": name, "content": {"title": "Ad", "text": "Try it"}, "link": f"https://shop.example/{n}/{name}"}
                for name in "AB"
            ],
        }
        for n in range(50)
    ]
    segments = [{"name": code, "rule": {"attribute": "$country", "eq": code}} for code in COUNTRIES]
    file = folder / "flights.json"
    account = {"account": {"id": ID, "name": "Flights"}, "placements": [{"code": PLACE}]}
    file.write_text(json.dumps({**ACCOUNT, **account, "segments": segments, "campaigns": campaigns}))
    with open(os.devnull, "w") as nowhere:
        call_command("provision", str(file), stdout=nowhere)


def asked() -> list[tuple[bytes, dict[str, str]]]:
    """A request of each visitor, with the header that tells its country."""
    event = PAGE_VIEW | {"account": ID}
    return [
        (
            json.dumps(event | {"visitorId": visitor, "device": ("desktop", "mobile")[n % 2]}).encode(),
            HEADERS | {"CF-IPCountry": COUNTRIES[n % len(COUNTRIES)].upper()},
        )
        for n, visitor in enumerate(VISITORS)
    ]


def compare(port: int, roots: list[psutil.Process], rounds: int, requests: int) -> None:
    costs = [measure(port, roots, requests) for _ in range(rounds + 1)][1:]  # the first round warms up
    statements, recorded = statements_of_one(), RECORDED[1]
    own = statistics.median(costs)
    print(f"\n{'one placement, 50 live campaigns':46}{'SQL statements':>16}{'CPU ms':>10}")
    print(f"{'a request, event recorded':46}{statements:16.2f}{own:10.2f}")
    print(f"{'EthicalAds (recorded once, not in this run)':46}{RECORDED[0]:16}{recorded:10.1f}")
    print(f"{recorded / own:.0f} times less CPU: of server, database and Valkey here, of server and database there.")


def measure(port: int, roots: list[psutil.Process], requests: int) -> float:
    """CPU milliseconds a request, each of which must answer one campaign."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    sent, before = asked(), cpu(roots)
    for number in range(requests):
        body, headers = sent[number % len(sent)]
        connection.request("POST", "/campaigns/query", body, headers)
        answer = connection.getresponse()
        check(answer.status, answer.read())
    connection.close()
    return 1000 * (cpu(roots) - before) / requests


def check(status: int, body: bytes) -> None:
    found: dict[str, Any] = json.loads(body)
    if status != 200 or len(found["campaigns"]) != 1:
        raise SystemExit(f"answered {status}: {found}")


def statements_of_one() -> float:
    """SQL statements a request, counted in this process by Django itself, once its configuration is loaded."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client, sent = Client(), asked()

    def post(body: bytes, headers: dict[str, str]) -> None:
        answer = client.post("/campaigns/query", body, content_type="application/json", headers=headers)
        check(answer.status_code, answer.content)

    post(*sent[0])
    with CaptureQueriesContext(connection) as counted:
        for one in sent:
            post(*one)
    return len(counted) / len(sent)
