"""From the raw request to a checked JSON object: content type, size, JSON and shape, by the limits of the contract."""

import re
from contextlib import suppress
from decimal import Decimal
from math import isinf
from typing import Any

import msgspec
from django.core.handlers.wsgi import LimitedStream
from django.http import HttpRequest

from accounts.errors import Malformed, UnsupportedType

MAX_BYTES = 64 * 1024
MAX_DRAINED = 8 * 1024 * 1024
MAX_DEPTH = 8  # the root counts 1
MAX_VALUES = 1000
MAX_TEXT = 8192
MAX_KEY = 64
JSON_TYPE = re.compile(r'application/json\s*(;\s*charset\s*=\s*"?utf-?8"?\s*)?;?\s*', re.IGNORECASE)
SAFE_DEPTH = 500
"""So deep the decoder may go on the stack of any server's thread: from Python 3.12 on it ends the process at some 8,000
levels on 2 MiB, before it notices."""
TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[]}]', re.DOTALL)

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def read_object(request: HttpRequest) -> dict[str, Any]:
    """The request's JSON object; numbers with a fraction are exact Decimals. Raises UnsupportedType or Malformed."""
    check_type(request)
    try:
        body = read_body(request)
    except OSError:
        raise Malformed("The body broke off. Send all of it.") from None
    return parse_object(body)


def check_type(request: HttpRequest) -> None:
    content_type = request.META.get("CONTENT_TYPE", "")
    if content_type != "application/json" and not is_json(content_type):
        raise UnsupportedType
    if request.META.get("HTTP_CONTENT_ENCODING", "").strip():
        raise UnsupportedType


def is_json(content_type: str) -> bool:
    """In any spelling; of reasonable length, since what the pattern costs grows with its square."""
    return len(content_type) <= 200 and JSON_TYPE.fullmatch(content_type.strip()) is not None


def read_body(request: HttpRequest) -> bytes:
    """The raw bytes, chunked bodies too. One that is too large is read and thrown away, so that the client sees the
    answer instead of a broken connection."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdigit() and int(length) <= MAX_BYTES:
        body = request.body
        if len(body) < int(length):  # the client went away: what arrived may look whole
            raise Malformed("The body broke off. Send all of it.")
        return body
    stream = input_of(request)
    body = b""
    while len(body) <= MAX_BYTES and (more := stream.read(MAX_BYTES + 1 - len(body))):
        body += more
    if len(body) > MAX_BYTES:
        drain(stream, len(body))
        raise Malformed(f"The body is larger than {MAX_BYTES // 1024} KiB. Send less at once.")
    return body


def discard_body(request: HttpRequest) -> None:
    """Reads away a body that nobody wanted: the server would close the connection under a client that sends it."""
    sent = request.META.get("CONTENT_LENGTH") or request.META.get("HTTP_TRANSFER_ENCODING")
    if sent and sent != "0" and not request._read_started:  # type: ignore[attr-defined]
        with suppress(OSError):
            drain(input_of(request), 0)


def input_of(request: HttpRequest) -> Any:
    """The body as a stream. Django's own ends at once where the body is chunked."""
    request._read_started = True  # type: ignore[attr-defined]
    stream = request.META["wsgi.input"]
    length = request.META.get("CONTENT_LENGTH") or ""
    return LimitedStream(stream, int(length)) if length.isdigit() else stream


def drain(stream: Any, drained: int) -> None:
    """Reads on up to MAX_DRAINED bytes, of which `drained` are read."""
    while drained < MAX_DRAINED and (more := stream.read(MAX_BYTES)):
        drained += len(more)


def parse_object(body: bytes) -> dict[str, Any]:
    """The object in `body`, within the limits of the contract; Malformed says which was passed."""
    if body.count(b"{") + body.count(b"[") > SAFE_DEPTH and is_too_deep(body):
        raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.")
    try:
        value = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError, ValueError) as error:
        raise Malformed(f"The body is not valid JSON: {error}.") from None
    if type(value) is not dict:
        raise Malformed("Send one JSON object.")
    check_shape(value, suspicious=b"\\u0000" in body or len(body) > MAX_TEXT)
    return value


def is_too_deep(body: bytes) -> bool:
    """Whether brackets outside of texts are nested deeper than MAX_DEPTH."""
    depth = 0
    for token in TOKEN.finditer(body):
        kind = body[token.start()]
        if kind in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif kind in b"]}":
            depth -= 1
    return False


def check_shape(root: dict[str, Any], *, suspicious: bool = True) -> None:
    """Depth, number of values, lengths and ranges. `suspicious`: texts may be too long or hold NUL."""
    count = 0
    level: list[Any] = [root]
    for _depth in range(MAX_DEPTH):
        below: list[Any] = []
        for container in level:
            if type(container) is dict:
                check_keys(container, suspicious)
                container = container.values()
            count += len(container)
            if count > MAX_VALUES:
                raise Malformed(f"The body holds more than {MAX_VALUES} values.")
            for value in container:
                kind = type(value)
                if kind is dict or kind is list:
                    below.append(value)
                elif kind is not str:
                    check_number(value)
                elif suspicious:
                    check_text(value)
        if not below:
            return
        level = below
    raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.")


def check_keys(container: dict[str, Any], suspicious: bool) -> None:
    for key in container:
        if len(key) > MAX_KEY:
            raise Malformed(f"A key is longer than {MAX_KEY} characters.")
        if suspicious and "\0" in key:
            raise Malformed("A key holds a NUL character.")


def check_text(value: str) -> None:
    if len(value) > MAX_TEXT:
        raise Malformed(f"A text is longer than {MAX_TEXT} characters.")
    if "\0" in value:
        raise Malformed("A text holds a NUL character.")


def check_number(value: Any) -> None:
    """Refuses what PostgreSQL's numeric or a double could not hold; lets true, false and null pass."""
    if type(value) is int:
        if not -(2**63) <= value < 2**63:
            raise Malformed("A whole number does not fit into 64 bits.")
    elif type(value) is Decimal:
        check_decimal(value)


def check_decimal(value: Decimal) -> None:
    if not value.is_finite() or (value.adjusted() > 307 and isinf(float(value))):
        raise Malformed("A number is not finite, or too large.")
    if value and value.adjusted() < -307:
        raise Malformed("A number is too close to 0.")
    if len(value.as_tuple().digits) > 400:
        raise Malformed("A number has too many digits.")
