"""For load balancers and operators: is the process alive, may it get requests, what did it count."""

import os

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from accounts.errors import Unavailable, envelope
from segmenthub.middleware import only

_migrated = False
"""Whether this process has seen all its migrations applied: from then on SELECT 1 is enough."""


@only("GET")
def live(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers at all."""
    return envelope(200, "Alive.")


@only("GET")
def ready(request: HttpRequest) -> HttpResponse:
    """200 when PostgreSQL answers and is migrated; Valkey is not needed. 503 else."""
    global _migrated
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    if not _migrated and (missing := unapplied()):
        raise Unavailable(f"{missing} migrations are not applied. Run `manage.py migrate`.")
    _migrated = True
    return envelope(200, "Ready.")


def unapplied() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@only("GET")
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text, of all processes where PROMETHEUS_MULTIPROC_DIR names their folder."""
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
