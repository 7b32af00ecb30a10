"""Refused requests, counted per account with their reason: in the process, written every ten seconds."""

import threading
from collections import Counter
from uuid import UUID

from django.db import connection

from accounts import background
from accounts.clock import now
from accounts.errors import ApiError
from accounts.models import Refusal

Key = tuple[UUID, str, int, str, str]

_counts: Counter[Key] = Counter()
_samples: dict[Key, str] = {}
_lock = threading.Lock()
MAX_KINDS = 10_000


def count(account: UUID, endpoint: str, error: ApiError) -> None:
    """Counts one refusal; of several problems the first names it."""
    problem = error.problems[0] if error.problems else None
    key = (account, endpoint, error.status, problem.field[:64] if problem else "", problem.code if problem else "")
    with _lock:
        if key in _counts or len(_counts) < MAX_KINDS:
            _counts[key] += 1
            _samples[key] = error.message[:255]


def write_refusals() -> None:
    """Adds what this process counted to the hour's rows."""
    with _lock:
        counts, samples = dict(_counts), dict(_samples)
        _counts.clear()
        _samples.clear()
    if not counts:
        return
    hour = now().replace(minute=0, second=0, microsecond=0)
    table = Refusal._meta.db_table
    with connection.cursor() as cursor:
        for (account, endpoint, status, field, code), number in sorted(counts.items(), key=str):
            cursor.execute(
                f"""INSERT INTO {table} AS r (account_id, hour, endpoint, status, field, code, sample, count)
                    SELECT %s, %s, %s, %s, %s, %s, %s, %s FROM accounts_account WHERE id = %s
                    ON CONFLICT (account_id, hour, endpoint, status, field, code)
                    DO UPDATE SET count = r.count + EXCLUDED.count, sample = EXCLUDED.sample""",  # noqa: S608
                (account, hour, endpoint, status, field, code)
                + (samples[account, endpoint, status, field, code], number, account),
            )


def clear() -> None:
    """Forgets what was counted and not yet written: for tests."""
    _counts.clear()
    _samples.clear()


background.every(10, write_refusals)
