"""A shop's pages on another origin, and a road to the service that can be closed."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away is no error."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Site(Server):
    """Serves `pages`, by path, whatever the host; with `headers`."""

    def __init__(self) -> None:
        self.pages: dict[str, str | bytes] = {}
        self.headers: dict[str, str] = {}
        super().__init__(("127.0.0.1", 0), SiteHandler)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


class SiteHandler(Quiet):
    server: Site

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        page = self.server.pages.get(path, self.server.pages.get("*", b""))
        kinds = {"js": "text/javascript", "png": "image/png"}
        kind = kinds.get(path.rpartition(".")[2], "text/html; charset=utf-8")
        body = page.encode() if isinstance(page, str) else page
        self.answer(200 if page else 404, {"Content-Type": kind, **self.server.headers}, body)


class Road(Server):
    """Leads to the service, as long as it is open; keeps what was sent. `closed`: "down" takes no call, "lost" lets the
    call through and loses the answer, "busy" answers 503 and when to come again, "slow" takes a second."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target).netloc
        self.closed = ""
        self.retry_after = "2"
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.times: list[float] = []
        self.lock = threading.Lock()
        self.under_way = 0
        super().__init__(("127.0.0.1", 0), RoadHandler)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def events(self, code: str = "") -> list[dict[str, Any]]:
        return [body for path, body in self.calls if path == "/campaigns/query" and code in ("", body.get("event"))]

    def tracked(self, kind: str) -> list[str]:
        return [path for path, _ in self.calls if path.startswith(f"/{kind}/")]


class RoadHandler(Quiet):
    server: Road

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        road = self.server
        with road.lock:
            road.under_way += 1
            closed = road.closed
            if self.command == "POST" or self.path.startswith("/c/"):
                road.calls.append((self.path, json.loads(body) if body else {}))
                road.times.append(time.monotonic())
        try:
            self.take(body, closed)
        finally:
            with road.lock:
                road.under_way -= 1

    def take(self, body: bytes, closed: str) -> None:
        if closed == "down" and self.command != "GET":
            self.close_connection = True
            return
        if closed == "busy" and self.command == "POST":
            seen = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
            seen |= {"Retry-After": self.server.retry_after, "Content-Type": "application/json"}
            self.answer(503, seen, b'{"status":503}')
            return
        if closed == "slow" and self.command == "POST":
            time.sleep(1)
        status, headers, content = self.ask(body)
        if closed == "lost":
            self.close_connection = True
        else:
            self.answer(status, headers, content)

    def ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection(self.server.target, timeout=20)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        connection.request(self.command, self.path, body, {**headers, "Host": "localhost"})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        hop = ("connection", "transfer-encoding", "content-length", "keep-alive")
        kept = {name: value for name, value in response.getheaders() if name.lower() not in hop}
        return response.status, kept, content

    do_GET = do_POST = do_OPTIONS = do_HEAD = pass_on


@contextmanager
def running(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
