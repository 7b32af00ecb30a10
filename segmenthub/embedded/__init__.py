"""PostgreSQL and Valkey for a machine that has neither: started from Python wheels, data in one folder.

    with servers(Path(".data")):
        ...  # both answer at database_url(data_dir) and redis_url(data_dir)

The servers listen on Unix sockets in a short private folder, never on a port. What a killed run left behind (stale pid
files, orphans, zombies) is cleared at the next start. Needs no Django settings. The data folder holds `postgres/`,
`valkey/`, their logs, and lock files, all of them freed by the kernel on `kill -9`:

    start.lock     held while servers are started or stopped
    users.lock     shared by every command that uses the servers; the last one out stops them
    postgres.lock  inherited by the server, so held as long as one process of it lives, in whatever container
    valkey.lock    likewise
    migrate.lock   held while a command makes the tables
"""

import fcntl
import signal
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from segmenthub.embedded.place import EmbeddedError, Place, socket_dir
from segmenthub.embedded.postgres import DATABASE, Postgres
from segmenthub.embedded.server import Server
from segmenthub.embedded.valkey import Valkey

__all__ = [
    "BOTH",
    "EmbeddedError",
    "alone",
    "database_url",
    "ensure",
    "needed",
    "redis_url",
    "servers",
    "socket_dir",
    "stop_unused",
]

BOTH = ("postgres", "valkey")


def database_url(data_dir: Path) -> str:
    """`postgres://...` of the embedded database. The port is named so that a PGPORT around us changes nothing."""
    return f"postgres://postgres@/{DATABASE}?host={socket_dir(data_dir)}&port=5432"


def redis_url(data_dir: Path) -> str:
    """`unix://...` of the embedded Valkey, in the form of redis-py."""
    return f"unix://{socket_dir(data_dir)}/valkey.sock?db=0"


def needed(environment: Mapping[str, str]) -> list[str]:
    """Which of the two servers the environment does not name: those have to be embedded."""
    names = {"postgres": "DATABASE_URL", "valkey": "REDIS_URL"}
    return [server for server, variable in names.items() if not environment.get(variable)]


@contextmanager
def servers(
    data_dir: Path, *, keep: bool = False, durable: bool = True, only: Collection[str] = BOTH
) -> Iterator[None]:
    """The servers run inside this block: started, or found running. The last one out stops them unless `keep`.

    `durable=False` trades safety against a power failure for speed: for tests. `only` names the servers wanted.
    SIGTERM and SIGHUP end the block by SystemExit when nobody handles them. Raises EmbeddedError.
    """
    place = Place.of(data_dir, durable)
    with _signals_as_exit(), ExitStack() as stack:
        with place.locked("start.lock"):
            users = stack.enter_context(place.open("users.lock"))
            fcntl.flock(users, fcntl.LOCK_SH)
            stack.callback(_leave, place, users, keep)
            # From here on an interrupted start leaves by the same door; start.lock is free again by then.
            for server in _chosen(place, only):
                server.start()
        yield


def ensure(data_dir: Path, *, durable: bool = True, only: Collection[str] = BOTH) -> list[str]:
    """Starts again whichever of the servers has died; answers their names. Cheap (0.8 ms) when nothing has."""
    place = Place.of(data_dir, durable)
    dead = [server for server in _chosen(place, only) if not server.is_alive()]
    if dead:
        with place.locked("start.lock"):
            for server in dead:
                server.start()
    return [server.name for server in dead]


def alone(data_dir: Path, lock: str) -> AbstractContextManager[None]:
    """Of those who ask for this lock file of the data folder one at a time; the others wait."""
    return Place.of(data_dir).locked(lock)


def stop_unused(data_dir: Path) -> bool:
    """Stops the servers of a data folder unless a command uses them; answers whether they are down."""
    place = Place.of(data_dir)
    with place.locked("start.lock"), place.open("users.lock") as users:
        return _stop_if_last(place, users)


def _chosen(place: Place, names: Collection[str]) -> list[Server]:
    return [server for server in (Postgres(place), Valkey(place)) if server.name in names]


def _leave(place: Place, users: int, keep: bool) -> None:
    """Gives back the shared lock: under start.lock, else two that leave at once would both see the other one."""
    with place.locked("start.lock"):
        if not keep:
            _stop_if_last(place, users)
        fcntl.flock(users, fcntl.LOCK_UN)


def _stop_if_last(place: Place, users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    for server in reversed(_chosen(place, BOTH)):
        server.stop()
    with suppress(OSError):  # something else lies there
        place.sockets.rmdir()
    return True


@contextmanager
def _signals_as_exit() -> Iterator[None]:
    """A terminated command still stops its servers. Handlers that somebody has set stay."""
    numbers = [signal.SIGTERM, signal.SIGHUP] if threading.current_thread() is threading.main_thread() else []
    ours = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _exit)
    try:
        yield
    finally:
        for number in ours:
            if signal.getsignal(number) is _exit:
                signal.signal(number, signal.SIG_DFL)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
