"""Keeps a handful of processes running: starts them again when they die, ends them all when it ends.

Each child leads a process group of its own, so Ctrl-C reaches the supervisor alone and what a killed child leaves
behind can be found. On Linux the kernel sends each child SIGTERM when the supervisor is killed.
"""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import IO, NoReturn

POLL_SECONDS = 0.2
STOP_SECONDS = 15.0  # requests and tasks in flight may end within this
DEATHS, WITHIN_SECONDS = 5, 60.0  # more deaths in less time: something is wrong that a restart does not cure
PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """A child cannot be kept running; the message says which and why."""


class Stopped(BaseException):
    """A signal asks for the end. No Exception: nobody may swallow it on the way."""


@dataclass
class Deaths:
    """Counts the deaths of one thing; says how long to wait before it is started again."""

    name: str
    times: deque[float] = field(default_factory=deque)

    def count(self, why: str) -> float:
        """Seconds to wait; raises Failed when there were too many."""
        now = time.monotonic()
        self.times.append(now)
        while self.times[0] < now - WITHIN_SECONDS:
            self.times.popleft()
        if len(self.times) > DEATHS:
            raise Failed(f"{self.name} ended {len(self.times)} times within {WITHIN_SECONDS:.0f} seconds ({why}).")
        return 0.1 * 2.0 ** (len(self.times) - 1)


@dataclass
class Child:
    name: str
    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    start_at: float = 0.0  # of time.monotonic(); not before


class Supervisor:
    """`heal` is called at every look and restarts what is not a child (the database); it answers names."""

    def __init__(
        self, environment: Mapping[str, str], heal: Callable[[], Sequence[str]] = list, signals: "Signals | None" = None
    ) -> None:
        self.environment = dict(environment)
        self.heal = heal
        self.signals = signals or Signals()
        self.children: list[Child] = []
        self.calls: list[subprocess.Popen[bytes]] = []
        self.deaths: dict[str, Deaths] = {}

    def add(self, name: str, command: Sequence[str]) -> None:
        """Starts a child that is to run until the end."""
        child = Child(name, command)
        self.children.append(child)
        self._start(child)

    def call(self, name: str, command: Sequence[str]) -> str:
        """Runs a program to its end, looking after the children meanwhile. Answers its output; raises Failed."""
        with tempfile.TemporaryFile() as output:
            process = self._spawn(command, stdout=output)
            self.calls.append(process)
            while process.poll() is None:
                self.look()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_SECONDS)
            self.calls.remove(process)
            output.seek(0)
            text = output.read().decode().strip()
        if process.returncode:
            raise Failed(f"{name} {_said(process.returncode)}. {text[-2000:]}".strip())
        return text

    def run(self) -> NoReturn:
        """Looks after the children until a signal comes (Stopped) or one cannot be kept running (Failed)."""
        while True:
            self.look()
            time.sleep(POLL_SECONDS)

    def look(self) -> None:
        """Restarts what has died; to be called a few times a second. Raises Stopped and Failed."""
        self.signals.check()
        for name in self.heal():
            self._count_death(name, "was found dead")
        for child in self.children:
            self._look_after(child)

    def stop(self) -> None:
        """Ends every child: SIGTERM, patience, then SIGKILL for its whole group."""
        running = [*self.calls, *(child.process for child in self.children if child.process)]
        for process in running:
            with suppress(ProcessLookupError):
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while any(process.poll() is None for process in running) and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in running:
            _kill_group(process)
        self.children.clear()
        self.calls.clear()

    def _look_after(self, child: Child) -> None:
        if child.process is None:
            if time.monotonic() >= child.start_at:
                self._start(child)
        elif (code := child.process.poll()) is not None:
            _kill_group(child.process)  # what it left would hold the port
            child.process = None
            child.start_at = time.monotonic() + self._count_death(child.name, _said(code))

    def _count_death(self, name: str, why: str) -> float:
        pause = self.deaths.setdefault(name, Deaths(name)).count(why)
        print(f"{name} {why}; it is started again.", file=sys.stderr, flush=True)
        return pause

    def _start(self, child: Child) -> None:
        child.process = self._spawn(child.command)

    def _spawn(self, command: Sequence[str], stdout: IO[bytes] | None = None) -> "subprocess.Popen[bytes]":
        supervisor = os.getpid()

        def prepare() -> None:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            if libc:
                libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != supervisor:  # killed between fork and prctl
                os._exit(1)

        return subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            env=self.environment,
            start_new_session=True,
            preexec_fn=prepare,
        )


libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Signals:
    """Within the block the first SIGINT, SIGTERM or SIGHUP becomes Stopped; more do not disturb the stopping.

    Set explicitly: a background job of a shell inherits SIGINT as ignored.
    """

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.came = False

    def check(self) -> None:
        """Raises Stopped again: Python drops an exception that a handler raises inside a callback, as around a fork."""
        if self.came:
            raise Stopped

    def __enter__(self) -> "Signals":
        self.before = {number: signal.signal(number, self._stop) for number in self.numbers}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> NoReturn:
        for each in self.numbers:
            signal.signal(each, signal.SIG_IGN)
        self.came = True
        raise Stopped


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    """Kills what is left of a child's group; its number is not given anew as long as a member lives."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _said(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
