"""What PostgreSQL and Valkey have in common when they are started, found again and stopped."""

import fcntl
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from contextlib import suppress

import psutil

from segmenthub.embedded.place import EmbeddedError, Owner, Place, clean_environment, socket_dir

START_SECONDS = 300.0  # recovery replays the log first; a server that ends instead is noticed at once
STOP_SECONDS = 60.0
POLL_SECONDS = 0.02
LOG_BYTES = 16_000_000  # a longer log is begun anew at a start

# Servers started by this process: the dead ones must be waited for, else they stay as zombies.
_children: list["subprocess.Popen[bytes]"] = []


class Server(ABC):
    """One server of a data folder. Its processes are known by their working directory, which no other program has;
    a zombie has none, and a pid alone may belong to a stranger by now."""

    name: str
    program: str
    stop_signal: signal.Signals

    def __init__(self, place: Place) -> None:
        self.place = place
        self.home = (place.data / self.name).resolve()
        self.log = place.data / f"{self.name}.log"

    @abstractmethod
    def command(self, owner: Owner) -> list[str]:
        """Starts the server in the foreground."""

    @abstractmethod
    def is_alive(self) -> bool:
        """Whether the server lives and can be reached, be it busy or still starting. Cheap."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it answers."""

    @abstractmethod
    def main_process(self) -> psutil.Process | None:
        """The one that takes the signal to stop."""

    @abstractmethod
    def prepare(self, owner: Owner) -> None:
        """Makes the server's folder before the first start."""

    def clear(self) -> None:  # noqa: B027 - Valkey clears its own
        """Removes the files that a dead server left; no process of it lives by now."""

    def finish(self) -> None:  # noqa: B027
        """What has to be done once the server answers."""

    def start(self) -> None:
        """Returns when the server answers; finds a running one. The caller holds start.lock."""
        _reap()
        process = None if self.is_alive() else self._launch()
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            alive = process.poll() is None if process else bool(self.processes())
            if not alive or time.monotonic() > deadline:
                raise EmbeddedError(f"{self.name} did not start. {self._end_of_log()}")
            time.sleep(POLL_SECONDS)
        self.finish()

    def stop(self) -> None:
        """Returns when no process of the server lives. The caller holds start.lock."""
        with self.place.open(f"{self.name}.lock") as lock:
            if self._is_gone(lock, 0):
                return
            if main := self.main_process():
                _send([main], self.stop_signal)
                if self._is_gone(lock, STOP_SECONDS):
                    return
            # Orphans, or a server that does not listen. The log replays what they leave undone.
            for number, patience in ((signal.SIGQUIT, 1.0), (signal.SIGKILL, 5.0)):
                _send(self.processes(), number)
                if self._is_gone(lock, patience):
                    return
        raise EmbeddedError(
            f"{self.home} is used by processes that cannot be seen from here, perhaps in another container. "
            "Stop them first, or choose another data folder."
        )

    def processes(self) -> list[psutil.Process]:
        """All living processes of this server, of whatever run."""
        found = psutil.process_iter(["name", "cwd"])
        return [p for p in found if p.info["cwd"] == str(self.home) and p.info["name"].startswith(self.program)]

    def _launch(self) -> "subprocess.Popen[bytes]":
        owner = self.place.owner()
        self.prepare(owner)
        self.stop()  # what is still there cannot be used: orphans of a killed server, or one whose socket was deleted
        self.clear()
        socket_dir(self.place.data)  # the last one out may have removed it since we looked
        self.place.give(self.home, owner)
        self.place.give(self.place.sockets, owner)
        fresh = os.O_TRUNC if self.log.exists() and self.log.stat().st_size > LOG_BYTES else 0
        with (
            self.place.open(f"{self.name}.lock") as lock,
            self.place.open(self.log.name, os.O_WRONLY | os.O_APPEND | fresh) as log,
        ):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            process = subprocess.Popen(  # noqa: S603
                self.command(owner),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                env=clean_environment(),
                pass_fds=(lock,),
                start_new_session=True,  # Ctrl-C reaches the launcher alone, which stops its other children first
                **owner.popen_arguments(),
            )
        _children.append(process)
        return process

    def _is_gone(self, lock: int, seconds: float) -> bool:
        """Whether the last process that inherited the lock, or can be seen, ended within the time."""
        deadline = time.monotonic() + seconds
        while True:
            _reap()
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not self.processes():
                    return True
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)

    def _end_of_log(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"The end of {self.log}:", *lines[-8:]])


def _reap() -> None:
    _children[:] = [child for child in _children if child.poll() is None]


def _send(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)
