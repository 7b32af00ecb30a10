"""A wrong setting stops the start and names itself: each case starts a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "PRODUCTION": "1",
    "DEBUG": "0",
    "SECRET_KEY": "a" * 60,
    "ALLOWED_HOSTS": "www.example.com",
    "EMAIL_URL": "smtp://mail.example.com",
    "UNSAFE_DATABASE": "0",
}


def start(**variables: str) -> str:
    """What a start with these variables says, "" when nothing is wrong."""
    code = "import django; django.setup()"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "segmenthub.settings", **variables}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def test_a_sensible_production_starts() -> None:
    assert start(**GOOD) == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""),
        ("DEBUG", "1"),
        ("ALLOWED_HOSTS", ""),
        ("ALLOWED_HOSTS", "*"),
        ("SEGMENTHUB_NOW_OFFSET", "9"),
        ("WEBHOOK_ALLOW_PRIVATE", "1"),
        ("UNSAFE_DATABASE", "1"),
    ],
)
def test_production_refuses_what_is_risky(name: str, value: str) -> None:
    assert name in start(**GOOD | {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "maybe"),
        ("DATABASE_URL", "nonsense"),
        ("REDIS_URL", "nonsense"),
        ("SNAPSHOT_SECONDS", "soon"),
        ("PUBLIC_RATE_PER_ADDRESS", "many"),
        ("SEGMENTHUB_NOW_OFFSET", "x"),
        ("TRUSTED_PROXIES", "proxy"),
        ("EVENT_RETENTION", "a year"),
    ],
)
def test_a_wrong_value_names_its_variable(name: str, value: str) -> None:
    assert name in start(**{name: value})


def test_the_example_lists_what_the_settings_read() -> None:
    read = set(re.findall(r'setting\(\s*"\w+", "([A-Z_]+)"', (ROOT / "segmenthub" / "settings.py").read_text()))
    told = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert told - read <= {"PROMETHEUS_MULTIPROC_DIR"}
    assert read <= told


def test_the_example_can_be_used_as_it_is() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    variables = dict(line.removeprefix("#").split("=", 1) for line in lines if re.match(r"#?[A-Z_]+=", line))
    kept = {name: value for name, value in variables.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    assert start(**kept) == ""
