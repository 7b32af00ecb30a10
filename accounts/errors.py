"""The errors that the API answers with.

ApiError                 any answer but 200
├── Malformed       400  the request is wrong: shape, field or value
├── Unauthorized    401  token missing or not valid
├── Forbidden       403  the token or origin may not do this
├── AccountNotFound 404  account unknown or suspended
├── NotFound        404  no such path
├── MethodNotAllowed 405
├── UnsupportedType 415
├── TooMany         429  over a limit; Retry-After
└── Unavailable     503  the database is away, nothing was stored; Retry-After
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from django.http import HttpResponse


class Problem(NamedTuple):
    """One entry of `errors`: the dotted place, one of the contract's codes, what to do."""

    field: str
    code: str
    message: str


class ApiError(Exception):
    status = 500
    message = "An unexpected error occurred on the server. Try again; if it stays, tell the operator."

    def __init__(self, message: str = "", problems: Sequence[Problem] = (), retry_after: int | None = None) -> None:
        super().__init__(message or self.message)
        self.message = message or self.message
        self.problems = list(problems)
        self.retry_after = retry_after

    def response(self) -> HttpResponse:
        response = envelope(self.status, self.message, errors=[problem._asdict() for problem in self.problems])
        if self.retry_after is not None:
            response["Retry-After"] = str(self.retry_after)
        return response


class Malformed(ApiError):
    status = 400

    @classmethod
    def field(cls, field: str, code: str, message: str) -> "Malformed":
        return cls(message, [Problem(field, code, message)])


class Unauthorized(ApiError):
    status = 401
    message = "The API token is missing or not valid. Send a token from Account > API Tokens as “token”."

    def __init__(self, code: str = "invalid", message: str = "") -> None:
        super().__init__(message)
        self.problems = [Problem("token", code, self.message)]


class Forbidden(ApiError):
    status = 403


class AccountNotFound(ApiError):
    status = 404
    message = "No such account, or it is suspended. Take the account's id from the panel."

    def __init__(self) -> None:
        super().__init__()
        self.problems = [Problem("account", "not_found", self.message)]


class NotFound(ApiError):
    status = 404
    message = "No such path. See /docs for the operations."


class MethodNotAllowed(ApiError):
    status = 405

    def __init__(self, allowed: str) -> None:
        super().__init__(f"This path takes {allowed} only.")
        self.allowed = allowed

    def response(self) -> HttpResponse:
        response = super().response()
        response["Allow"] = self.allowed
        return response


class UnsupportedType(ApiError):
    status = 415
    message = "Send the body as application/json, in UTF-8, without Content-Encoding."


class TooMany(ApiError):
    status = 429


class Unavailable(ApiError):
    status = 503
    message = "The service is not ready for a moment. Nothing was stored: try again after the seconds in Retry-After."

    def __init__(self, message: str = "") -> None:
        super().__init__(message, retry_after=1)


encode = msgspec.json.Encoder(decimal_format="number").encode


def envelope(status: int, message: str, **fields: Any) -> HttpResponse:
    """The one shape of every answer: {"status", "message", ...fields}."""
    body = encode({"status": status, "message": message, **fields})
    return HttpResponse(body, content_type="application/json", status=status)
