"""One signed request to a webhook, within five seconds in all. It touches no database, so that threads may send."""

import hashlib
import hmac
import io
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.client import HTTPException, HTTPResponse
from typing import Any, NamedTuple

from dmp.webhooks.addresses import Refused, Target, addresses_of, target_of

SECONDS = 5.0
MOST_READ = 1024
ADDRESSES_TRIED = 2


class Answer(NamedTuple):
    """`status` of the answer, None without one; `error` says what went wrong, in a few words."""

    status: int | None
    error: str = ""

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def sign(secret: str, body: bytes, at: int) -> str:
    """The signature's header: `v1` is HMAC-SHA256 of "<at>.<body>" in hex."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """Posts JSON. Follows no redirect, and reads no more of the answer than its first KiB."""
    until = time.monotonic() + SECONDS
    try:
        target = target_of(url)
        with connected(target, until) as connection:
            connection.settimeout(left(until))
            connection.sendall(request(target, body, headers))
            return read(connection, until)
    except Refused as refused:
        return Answer(None, str(refused))
    except TimeoutError:
        return Answer(None, f"No answer within {SECONDS:.0f} seconds.")
    except ssl.SSLError as error:
        return Answer(None, f"TLS: {getattr(error, 'verify_message', '') or error.reason or error}.")
    except HTTPException as error:
        return Answer(None, f"The answer was no HTTP: {type(error).__name__}.")
    except OSError as error:
        return Answer(None, f"The connection failed: {error.strerror or error}.")


def left(until: float) -> float:
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


@contextmanager
def connected(target: Target, until: float) -> Iterator[socket.socket]:
    """A connection to an address that was checked just now; the host's name is for Host and TLS alone."""
    raw = connect(addresses_of(target, left(until))[:ADDRESSES_TRIED], target.port, until)
    with raw:
        raw.settimeout(left(until))
        if target.scheme == "http":
            yield raw
        else:
            with tls().wrap_socket(raw, server_hostname=target.host) as wrapped:
                yield wrapped


def connect(addresses: list[str], port: int, until: float) -> socket.socket:
    """Each address gets its share of the time left."""
    for number, address in enumerate(addresses):
        try:
            return socket.create_connection((address, port), left(until) / (len(addresses) - number))
        except OSError:
            if number == len(addresses) - 1:
                raise
    raise Refused("The host has no address.")


@cache
def tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def request(target: Target, body: bytes, headers: dict[str, str]) -> bytes:
    every = {
        "Host": target.authority,
        "User-Agent": "SegmentHub",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **headers,
    }
    lines = [f"POST {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in every.items()), "", ""]
    return "\r\n".join(lines).encode("ascii") + body


class Reader(io.RawIOBase):
    """What a socket receives until the time is over, however slowly it drips."""

    def __init__(self, connection: socket.socket, until: float) -> None:
        self.connection = connection
        self.until = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.connection.settimeout(left(self.until))
        return self.connection.recv_into(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        """As of a socket, which is what HTTPResponse asks for."""
        return io.BufferedReader(self, 1024)


def read(connection: socket.socket, until: float) -> Answer:
    response = HTTPResponse(Reader(connection, until), method="POST")  # type: ignore[arg-type]
    with response:
        response.begin()
        status = response.status
        if 200 <= status < 300:
            return Answer(status)
        if 300 <= status < 400:
            return Answer(status, "Redirects are not followed. Give the address that it leads to.")
        return Answer(status, shown(response))


def shown(response: HTTPResponse) -> str:
    """The beginning of a refusal's text, for the log."""
    try:
        text = response.read(MOST_READ).decode("utf-8", "replace")
    except (OSError, HTTPException):
        return ""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:200]
