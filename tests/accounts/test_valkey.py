"""What Valkey answers, as `accounts.valkey` reads it."""

import time

import pytest
import redis
from django.conf import settings
from redis.exceptions import NoScriptError

from accounts import valkey


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (("SET", "test:a", "ä"), b"OK"),
        (("GET", "test:a"), "ä".encode()),
        (("GET", "test:none"), None),
        (("STRLEN", "test:a"), 2),
        (("SET", "test:a", ""), b"OK"),
        (("GET", "test:a"), b""),
    ],
)
def test_it_reads_each_kind_of_answer(command, answer):
    if command[0] != "SET":
        valkey.ask("SET", "test:a", "" if answer == b"" else "ä")
    assert valkey.ask(*command) == answer


def test_it_reads_an_answer_that_comes_in_parts():
    text = "x\r\n" * 100_000
    valkey.ask("SET", "test:long", text)
    assert valkey.ask("GET", "test:long") == text.encode()
    assert valkey.ask("GET", "test:none") is None


def test_a_script_that_is_not_known_is_sent():
    valkey.ask("SCRIPT", "FLUSH")
    with pytest.raises(NoScriptError):
        valkey.ask("EVALSHA", "0" * 40, 0)
    assert valkey.Script("return KEYS[1]")(["a"]) == b"a"


def test_a_connection_that_the_server_ended_is_made_anew():
    valkey.ask("PING")
    valkey._mine.connection._sock.shutdown(2)
    assert valkey.ask("PING") == b"PONG"


def test_a_frozen_server_is_waited_for_once(valkey_frozen):
    started = time.monotonic()
    for _ in range(20):
        with pytest.raises(valkey.Away):
            valkey.ask("GET", "test:a")
    assert time.monotonic() - started < 10 * valkey.SECONDS


@pytest.fixture
def other():
    """Another process's connection."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


def test_what_was_asked_ahead_is_as_of_then(other):
    valkey.ask("SET", "test:a", "before")
    valkey.ask_ahead("GET", "test:a")
    assert other.get("test:a") == b"before"  # the server has read both connections
    other.set("test:a", "after")
    assert [valkey.ask("GET", "test:a"), valkey.ask("GET", "test:a")] == [b"before", b"after"]


def test_what_is_changed_in_between_is_seen():
    valkey.ask("SET", "test:a", "before")
    valkey.ask_ahead("GET", "test:a")
    valkey.ask("SET", "test:a", "after")
    assert valkey.ask("GET", "test:a") == b"after"


def test_what_nobody_asked_for_after_all_is_asked_anew(other):
    valkey.ask("SET", "test:a", "before")
    valkey.ask_ahead("GET", "test:a")
    other.get("test:a")
    other.set("test:a", "after")
    valkey.ask_ahead("GET", "test:a")
    assert valkey.ask("GET", "test:a") == b"after"


def test_a_server_that_went_before_it_answered_is_asked_anew():
    valkey.ask("SET", "test:a", "there")
    valkey.ask_ahead("GET", "test:a")
    valkey._mine.connection._sock.shutdown(2)
    assert valkey.ask("GET", "test:a") == b"there"
