"""For load balancers and operators: is the process alive, may it get requests, what did it count."""

import os
from contextlib import suppress

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from accounts.clock import now
from accounts.errors import Unavailable, envelope
from dmp.segments.clock import oldest_due
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
    text = generate_latest(registry) + generate_latest(lag())
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def lag() -> CollectorRegistry:
    """How late the clock of the segments is, as the database tells; nothing when it does not."""
    registry = CollectorRegistry()
    with suppress(DatabaseError):
        due = oldest_due()
        name, told = "segmenthub_oldest_due_seconds", "Since when a person waits to be evaluated; 0: nobody does."
        late = max((now() - due).total_seconds(), 0) if due else 0
        Gauge(name, told, registry=registry).set(late)
    return registry
