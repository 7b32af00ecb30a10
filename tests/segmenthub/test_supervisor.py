"""The supervisor with children that are small shell scripts."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from segmenthub import supervisor as module
from segmenthub.supervisor import Failed, Supervisor


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    started = Supervisor(os.environ)
    yield started
    started.stop()


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def wait_until(condition: Callable[[], object], turn: Callable[[], None] = lambda: None) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited 10 seconds in vain"
        turn()
        time.sleep(0.02)


def test_a_dead_child_is_started_again(supervisor: Supervisor, tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    supervisor.add("web", shell(f"echo >> {starts}; test $(wc -l < {starts}) -gt 1 && sleep 60"))
    wait_until(lambda: starts.exists() and starts.read_text() == "\n\n", supervisor.look)


def test_what_a_dead_child_leaves_in_its_group_is_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    left = tmp_path / "left"
    supervisor.add("web", shell(f"sleep 61 & echo $! > {left}.new; mv {left}.new {left}; exit 1"))
    wait_until(left.exists)
    pid = int(left.read_text())
    wait_until(lambda: not alive(pid), supervisor.look)


def test_a_child_that_dies_too_often_fails(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEATHS", 2)
    supervisor.add("web", shell("exit 3"))
    with pytest.raises(Failed, match=r"web ended 3 times within 60 seconds \(ended with exit code 3\)"):
        wait_until(lambda: False, supervisor.look)


def test_stop_kills_a_child_that_does_not_listen(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.2)
    supervisor.add("web", shell("trap '' TERM; sleep 62 & wait; wait"))
    process = supervisor.children[0].process
    assert process is not None
    time.sleep(0.1)
    supervisor.stop()
    assert process.returncode == -9


def test_a_call_answers_its_output(supervisor: Supervisor) -> None:
    assert supervisor.call("demo", shell("echo '{}'")) == "{}"


def test_a_call_that_fails_says_what_it_said(supervisor: Supervisor) -> None:
    with pytest.raises(Failed, match=r"migrate ended with exit code 2\. no such table"):
        supervisor.call("migrate", shell("echo no such table; exit 2"))


def test_what_is_healed_counts_as_a_death(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEATHS", 1)
    supervisor = Supervisor(os.environ, heal=lambda: ["postgres"])
    supervisor.look()
    with pytest.raises(Failed, match="postgres"):
        supervisor.look()


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
