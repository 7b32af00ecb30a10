"""The embedded PostgreSQL."""

import shutil
import signal
import tempfile
from pathlib import Path

import psutil

from segmenthub.embedded.place import EmbeddedError, Owner, postgres_binary, run
from segmenthub.embedded.server import Server

DATABASE = "segmenthub"
VERSION = "18"
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "pglz",
    "random_page_cost": "1.1",
    "jit": "off",  # compiling costs more than our short statements
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# What was answered is on disk: weakened for tests alone.
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class Postgres(Server):
    name = "postgres"
    program = "postgres"
    stop_signal = signal.SIGINT  # "fast": rolls back what is open and writes a checkpoint

    def command(self, owner: Owner) -> list[str]:
        settings = SETTINGS | dict.fromkeys(DURABLE, "on" if self.place.durable else "off")
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        sockets = ["-p", "5432", "-k", str(self.place.sockets)]
        return [*owner.prefix, postgres_binary("postgres"), "-D", str(self.home), *sockets, *options]

    def is_alive(self) -> bool:
        return (
            self.main_process() is not None
            and not self._status().startswith("stopping")
            and (self.place.sockets / ".s.PGSQL.5432").exists()
        )

    def is_ready(self) -> bool:
        # What pg_ctl waits for; unlike a connection it leaves nothing in the log.
        return self._status().startswith("ready") and self.main_process() is not None

    def main_process(self) -> psutil.Process | None:
        """The process that postmaster.pid names, if it works in our folder."""
        try:
            process = psutil.Process(int(self._pid_file()[0]))
            return process if process.cwd() == str(self.home) else None
        except (IndexError, ValueError, psutil.Error):
            return None

    def prepare(self, owner: Owner) -> None:
        for leftover in self.place.data.glob("postgres.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        version = self.home / "PG_VERSION"
        if not version.exists():
            self._initialise(owner)
        elif (found := version.read_text().strip()) != VERSION:
            raise EmbeddedError(
                f"{self.home} was made by PostgreSQL {found}, this is {VERSION}. "
                "Move the data with pg_dump of the old version, or choose another data folder."
            )

    def clear(self) -> None:
        # PostgreSQL believes a zombie's pid, or one that belongs to another program by now, and would not start.
        for path in [self.home / "postmaster.pid", *self.place.sockets.glob(".s.PGSQL.*")]:
            path.unlink(missing_ok=True)

    def finish(self) -> None:
        missing = f"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}')"
        connect = ["-h", str(self.place.sockets), "-p", "5432", "-U", "postgres", "-d", "postgres"]
        run(
            [postgres_binary("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", *connect],
            input=f"SELECT 'CREATE DATABASE {DATABASE}' {missing} \\gexec\n",
        )

    def _initialise(self, owner: Owner) -> None:
        """In a folder with a name of its own, renamed at the end: a killed start leaves nothing half made."""
        draft = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self.place.data))
        self.place.give(draft, owner)
        # The built-in locale sorts alike on every machine.
        locale = ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        sync = [] if self.place.durable else ["--no-sync"]
        run(
            [
                *owner.prefix,
                postgres_binary("initdb"),
                "-D",
                str(draft),
                "-U",
                "postgres",
                "-A",
                "trust",
                *locale,
                *sync,
            ],
            owner,
        )
        try:
            draft.rename(self.home)
        except OSError as error:
            raise EmbeddedError(f"{self.home} is in the way and holds no database: move it away.") from error

    def _status(self) -> str:
        return lines[7] if len(lines := self._pid_file()) > 7 else ""

    def _pid_file(self) -> list[str]:
        try:
            return (self.home / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []
