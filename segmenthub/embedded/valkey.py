"""The embedded Valkey. It holds only what can be rebuilt, but a queue that survives a restart saves the waiting."""

import signal
import socket
from pathlib import Path

import psutil

from segmenthub.embedded.place import Owner, valkey_binary
from segmenthub.embedded.server import Server


class Valkey(Server):
    name = "valkey"
    program = "valkey"
    stop_signal = signal.SIGTERM

    @property
    def socket(self) -> Path:
        return self.place.sockets / "valkey.sock"

    def command(self, owner: Owner) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.home),
            "appendonly": "yes" if self.place.durable else "no",
            "save": "",
            "daemonize": "no",
        }
        return [valkey_binary(), *(part for name, value in options.items() for part in (f"--{name}", value))]

    def is_alive(self) -> bool:
        return self._ask(b"") is not None

    def is_ready(self) -> bool:
        return self._ask(b"PING\r\n") == b"+PONG\r\n"

    def main_process(self) -> psutil.Process | None:
        return next(iter(self.processes()), None)

    def prepare(self, owner: Owner) -> None:
        self.home.mkdir(exist_ok=True)

    def _ask(self, command: bytes) -> bytes | None:
        """The answer to a command; None when nobody listens. A server that is busy, or frozen, is not dead: b""."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket))
                connection.sendall(command)
                return connection.recv(64) if command else b""
        except (FileNotFoundError, ConnectionError):
            return None
        except OSError:
            return b""
