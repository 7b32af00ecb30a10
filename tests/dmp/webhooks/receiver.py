"""A webhook's server on this machine."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What came, and what is answered: the statuses in turn, the last one for ever."""

    port: int = 0
    scheme: str = "http"
    statuses: list[int] = field(default_factory=lambda: [200])
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    delay: float = 0.0
    drip: float = 0.0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.requests]


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    receiver = Receiver(scheme="https" if tls else "http")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append((self.path, {name.lower(): text for name, text in self.headers.items()}, body))
            time.sleep(receiver.delay)
            status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
            answer = b"x" * 5000
            head = f"HTTP/1.1 {status} Said\r\nLocation: /elsewhere\r\nContent-Length: {len(answer)}\r\n\r\n".encode()
            try:
                for letter in head if receiver.drip else ():
                    self.wfile.write(bytes([letter]))
                    time.sleep(receiver.drip)
                self.wfile.write(answer if receiver.drip else head + answer)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    ThreadingHTTPServer.daemon_threads = True
    listener = free_port()
    receiver.port = listener.getsockname()[1]
    server = ThreadingHTTPServer(("127.0.0.1", receiver.port), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = tls.wrap_socket(listener, server_side=True) if tls else listener
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.drip = receiver.delay = 0.0
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> socket.socket:
    """Listens at a port that webhooks may have."""
    for port in range(8900, 9000):
        try:
            return socket.create_server(("127.0.0.1", port), backlog=100)
        except OSError:
            continue
    raise RuntimeError("No port is free.")
