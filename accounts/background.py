"""Small duties that each process does beside its requests: reading configuration versions, writing counters.

One daemon thread per process, started by the first request, with a database connection of its own.
"""

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.db import connection

logger = logging.getLogger(__name__)
Duty = Callable[[], None]

_duties: list[tuple[float, Duty]] = []
_failing: set[Duty] = set()
_started_in = 0
_lock = threading.Lock()


def every(seconds: float, duty: Duty) -> None:
    """Registers `duty` to run each `seconds`, and once more when the process ends."""
    _duties.append((seconds, duty))


def start() -> None:
    """Starts this process's thread unless it runs. With SNAPSHOT_SECONDS=0 (tests) nothing runs beside the test."""
    global _started_in
    if _started_in == os.getpid() or not settings.SNAPSHOT_SECONDS:
        return
    with _lock:
        if _started_in != os.getpid():
            _started_in = os.getpid()
            threading.Thread(target=_run, name="background", daemon=True).start()
            atexit.register(_finish)


def runs() -> bool:
    """Whether this process's thread does its duties."""
    return _started_in == os.getpid()


def _run() -> None:
    due: dict[Duty, float] = {}
    while True:
        for seconds, duty in tuple(_duties):  # a module that is loaded later may bring another
            if due.setdefault(duty, time.monotonic() + seconds) <= time.monotonic():
                _do(duty)
                due[duty] = time.monotonic() + seconds
        time.sleep(max(0.05, min(due.values(), default=1.0) - time.monotonic()))


def _do(duty: Duty) -> None:
    try:
        duty()
        _failing.discard(duty)
    except Exception as error:  # the thread must outlive a database that is away
        if duty not in _failing:  # told once, not each second
            logger.warning("%s: %s", duty.__name__, str(error).strip().split("\n")[0])
        _failing.add(duty)
        connection.close()


def _finish() -> None:
    for _, duty in _duties:
        _do(duty)
