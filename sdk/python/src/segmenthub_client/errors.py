"""The errors of the client.

SegmentHubError              whatever goes wrong
├── Unreachable              no answer: name, connection, time-out; whether it was stored is unknown
└── ApiError                 any answer but 200, with what to do
    ├── BadRequest           400
    ├── Unauthorized         401
    ├── Forbidden            403
    ├── NotFound             404
    ├── MethodNotAllowed     405
    ├── UnsupportedMediaType 415
    ├── TooManyRequests      429  retry_after
    ├── ServerError          500
    └── Unavailable          503  nothing was stored: try again after retry_after
"""

import json
from collections.abc import Sequence
from typing import Any

from segmenthub_client.answers import Problem


class SegmentHubError(Exception):
    """Whatever goes wrong between here and the server."""


class Unreachable(SegmentHubError):
    """There was no answer, or none that could be read. Events are safe to send again with the same `event_id`."""


class ApiError(SegmentHubError):
    """`status` of HTTP, `message` that says what to do, `errors` by field, `retry_after` seconds or None."""

    def __init__(self, status: int, message: str, errors: Sequence[Problem], retry_after: int | None) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message
        self.errors = list(errors)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status, self.message, self.errors, self.retry_after)


class BadRequest(ApiError):
    pass


class Unauthorized(ApiError):
    pass


class Forbidden(ApiError):
    pass


class NotFound(ApiError):
    pass


class MethodNotAllowed(ApiError):
    pass


class UnsupportedMediaType(ApiError):
    pass


class TooManyRequests(ApiError):
    pass


class ServerError(ApiError):
    pass


class Unavailable(ApiError):
    pass


BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    415: UnsupportedMediaType,
    429: TooManyRequests,
    500: ServerError,
    503: Unavailable,
}


def error_of(status: int, retry_after: str | None, body: bytes) -> ApiError:
    """The error of an answer; a proxy on the way may have answered in another shape."""
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    told = told if isinstance(told, dict) else {}
    seconds = int(retry_after) if retry_after and retry_after.isdecimal() else None
    message = str(told.get("message") or f"The server answered {status}.")
    return BY_STATUS.get(status, ApiError)(status, message, told.get("errors") or [], seconds)
