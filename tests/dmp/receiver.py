"""A webhook's server on this machine."""

import json
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
    statuses: list[int] = field(default_factory=lambda: [200])
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    delay: float = 0.0
    drip: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.requests]


@contextmanager
def serving() -> Iterator[Receiver]:
    receiver = Receiver()

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

    server = free_server(Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.drip = receiver.delay = 0.0
        server.shutdown()
        server.server_close()
        thread.join()


def free_server(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """At a port that webhooks may have."""
    ThreadingHTTPServer.daemon_threads = True
    for port in range(8900, 9000):
        try:
            return ThreadingHTTPServer(("127.0.0.1", port), handler)
        except OSError:
            continue
    raise RuntimeError("No port is free.")
