"""The system checks of the database, on the real one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import Tags, run_checks
from django.db import connection

from segmenthub import checks

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]


def found() -> set[str]:
    return {str(message.id) for message in run_checks(tags=[Tags.database], databases=["default"])}


def switch(synchronous_commit: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL synchronous_commit TO {synchronous_commit}")


@pytest.fixture
def strict(settings: Any) -> None:
    settings.UNSAFE_DATABASE = False


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(("value", "wrong"), [("off", True), ("on", False), ("local", False)])
def test_a_commit_that_does_not_wait_is_an_error(value: str, wrong: bool) -> None:
    switch(value)
    assert ("segmenthub.E001" in found()) == wrong


@pytest.mark.usefixtures("strict")
def test_a_server_without_fsync_is_an_error() -> None:
    assert ("segmenthub.E002" in found()) == (checks.shown("default", "fsync") == "off")


def test_tests_may_do_without(settings: Any) -> None:
    settings.UNSAFE_DATABASE = True
    switch("off")
    assert found() == set()


def test_an_old_server_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "OLDEST", 99)
    assert "segmenthub.E003" in found()


def test_each_error_says_what_to_do() -> None:
    assert all("Set it to on" in str(error.hint) for error in checks.UNSAFE.values())


START = {
    "web": ["-c", "import segmenthub.wsgi"],
    "worker": ["-m", "celery", "--quiet", "--app=segmenthub.celery", "worker", "--concurrency=1", "--pool=solo"],
    "migrate": ["manage.py", "migrate"],
    "check": ["manage.py", "check", "--database", "default"],
}


@pytest.mark.parametrize("name", START)
def test_nothing_starts_on_a_database_that_loses_events(name: str) -> None:
    if checks.shown("default", "fsync") == "on":
        pytest.skip("The database given for the tests loses nothing.")
    done = subprocess.run(
        [sys.executable, *START[name]],
        cwd=ROOT,
        env=os.environ | {"UNSAFE_DATABASE": "0"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "segmenthub.E002" in done.stderr, done.stderr


def test_a_database_that_is_away_is_no_reason_not_to_start() -> None:
    away = {"UNSAFE_DATABASE": "0", "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing"}
    subprocess.run([sys.executable, *START["web"]], cwd=ROOT, env=os.environ | away, check=True, timeout=60)
