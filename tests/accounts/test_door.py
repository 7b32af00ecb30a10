"""The door repeats what the database asks for again, three times at most, and stores one event."""

import psycopg
import pytest
from django.db import OperationalError

from accounts.door import error_response, repeat
from adserver import views
from dmp.models import Event


class Work:
    """Fails as often as told, then succeeds."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def wrapped(error):
    """As Django's own cursors raise it."""
    outer = OperationalError()
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize("error", [psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure])
@pytest.mark.parametrize("wrap", [lambda error: error, wrapped])
def test_a_deadlock_is_repeated(db, error, wrap):
    work = Work(wrap(error()), wrap(error()))
    assert (repeat(work), work.calls) == ("done", 3)


def test_after_three_deadlocks_it_is_503(db):
    work = Work(*[psycopg.errors.DeadlockDetected() for _ in range(3)])
    with pytest.raises(psycopg.errors.DeadlockDetected) as caught:
        repeat(work)
    assert (work.calls, error_response(caught.value).status_code) == (3, 503)


def test_any_other_error_is_not_repeated(db):
    work = Work(psycopg.errors.UndefinedTable())
    with pytest.raises(psycopg.errors.UndefinedTable):
        repeat(work)
    assert work.calls == 1


def test_what_was_stored_before_the_failure_is_not_stored_again(api, shop, monkeypatch):
    failures = Work(psycopg.errors.DeadlockDetected())
    recorded = views.query_campaigns

    def record(*args):
        result = recorded(*args)
        failures()
        return result

    monkeypatch.setattr(views, "query_campaigns", record)
    assert api("/campaigns/query", shop.event())[0] == 200
    assert (failures.calls, Event.objects.filter(account=shop.account).count()) == (2, 1)
