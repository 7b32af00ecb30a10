"""Celery, set so that a lost worker, message or Valkey costs time and never work.

The work list is in PostgreSQL; a message is a wake-up call, and beat calls again. Tasks may run twice.
"""

import os
import warnings
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import worker_init, worker_ready
from django.conf import settings

TASK_SECONDS = 1800  # the hard limit; longer work goes in slices

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "segmenthub.settings")
# A container, or a first try as root: the worker reads JSON only, so the pickles it warns of cannot come.
warnings.filterwarnings("ignore", category=SecurityWarning)


def broker_url(redis_url: str) -> str:
    """REDIS_URL, which has redis-py's form, in the form of kombu; they differ for Unix sockets.

    `unix:///run/valkey.sock?db=1` -> `redis+socket:///run/valkey.sock?virtual_host=1`
    """
    url = urlsplit(redis_url)
    if url.scheme != "unix":
        return redis_url
    options = parse_qs(url.query)
    database = options.get("db", ["0"])[0]
    credentials = f"{url.netloc.rpartition('@')[0]}@" if "@" in url.netloc else ""
    return f"redis+socket://{credentials}{url.path}?virtual_host={database}"


app = Celery("segmenthub")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    broker_url=broker_url(settings.REDIS_URL),
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        # A message of a killed worker comes back after this; its work has been swept by then.
        "visibility_timeout": 2 * TASK_SECONDS,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        # A frozen Valkey holds whoever publishes for five seconds, not for forty.
        "socket_timeout": 5,
        "socket_connect_timeout": 1,
    },
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0.1, "interval_max": 0.1},
    task_acks_late=True,
    task_reject_on_worker_lost=False,  # else a task that kills its worker does so for ever
    task_acks_on_failure_or_timeout=True,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_soft_time_limit=TASK_SECONDS - 60,
    task_time_limit=TASK_SECONDS,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_max_tasks_per_child=1000,
    worker_hijack_root_logger=False,
    timezone="UTC",
)
app.set_default()
app.autodiscover_tasks()


@worker_init.connect
def refuse_unsafe_database(**kwargs: object) -> None:
    from segmenthub import checks  # needs the apps ready

    checks.refuse_unsafe_database()


@worker_ready.connect
def tell_up(**kwargs: object) -> None:
    """`manage.py up` says that all is ready once tasks are taken."""
    if begun := os.environ.get("SEGMENTHUB_WORKER_BEGUN"):
        Path(begun).touch()
