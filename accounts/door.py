"""The door of the API: one base view that checks each request in the contract's order, the first failure answers.

route and method -> content type -> size, JSON, shape -> account and token present -> account known -> token ->
access and limit -> the operation's own fields. Views behind it trust what they get.
"""

import logging
import re
import time
from collections.abc import Callable
from typing import Any, ClassVar, Never, TypeVar
from uuid import UUID

import psycopg
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import limits, metrics, refusals, snapshot
from accounts.body import read_object
from accounts.clock import now
from accounts.errors import (
    AccountNotFound,
    ApiError,
    Forbidden,
    Malformed,
    MethodNotAllowed,
    Problem,
    Unauthorized,
    Unavailable,
)
from accounts.models import ACCESS
from accounts.snapshot import Configuration
from accounts.tokens import Token, digest, mark_used, tokens

logger = logging.getLogger(__name__)
T = TypeVar("T")
UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
UUID4_TEXT = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII
)
TRIES = 3
REPEATABLE = ("40001", "40P01")  # serialization failure, deadlock: the whole transaction may be repeated
AWAY = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)
"""No connection, no time, no room, or a standby that is not yet the primary: nothing was stored, try again."""


class ApiView(APIView):
    """One documented operation. A subclass gives `access` (what its token must have; "" for a public one) and
    `answer(configuration, token, body)`, which may run again when the database asked for it."""

    access: ClassVar[str] = ""
    renderer_classes = (JSONRenderer,)
    default_response_headers: ClassVar[dict[str, str]] = {}  # REST framework would send `Allow` with every answer

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return JSONRenderer(), "application/json"  # Accept is ignored

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Never:
        raise MethodNotAllowed("POST")

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Never:
        raise MethodNotAllowed("POST")

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]  # DRF's stub is narrower
        return error_response(exc)

    def post(self, request: Request) -> HttpResponse:
        raw: HttpRequest = request._request
        body = read_object(raw)
        account = account_id(body)
        try:
            secret = self.token_text(raw, body)
            return repeat(lambda: self.pass_door(raw, body, account, secret))
        except ApiError as error:
            if snapshot.configuration(account) is not None:
                refusals.count(account, raw.path_info, error)
            raise

    def pass_door(self, request: HttpRequest, body: dict[str, Any], account: UUID, secret: str | None) -> HttpResponse:
        configuration = snapshot.configuration(account)
        if configuration is None or not configuration.active:
            raise AccountNotFound
        token = None
        if secret is not None:
            configuration, token = known_token(configuration, secret)
            if self.access and self.access not in token.access:
                raise Forbidden(
                    f"This token may not do this. Give it “{ACCESS[self.access]}” under Account > API Tokens.",
                    [Problem("token", "not_allowed", f"The token lacks the access {self.access}.")],
                )
            limits.check_token(token)
        return self.answer(request, configuration, token, body)

    def token_text(self, request: HttpRequest, body: dict[str, Any]) -> str | None:
        """The secret that was sent, in the body or as `Authorization: Bearer`; None where none is needed nor sent."""
        secret = body.get("token")
        if is_blank(secret):
            scheme, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
            if scheme.lower() != "bearer" or is_blank(secret):
                if self.needs_token(body):
                    raise Unauthorized("required")
                return None
        if not isinstance(secret, str):
            raise Unauthorized
        return secret.strip()

    def needs_token(self, body: dict[str, Any]) -> bool:
        return bool(self.access)

    def answer(
        self, request: HttpRequest, configuration: Configuration, token: Token | None, body: dict[str, Any]
    ) -> HttpResponse:
        raise NotImplementedError


def is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def account_id(body: dict[str, Any]) -> UUID:
    """`account` as a UUID in its usual form, any case, spaces around it allowed."""
    value = body.get("account")
    if is_blank(value):
        raise Malformed.field("account", "required", "Send “account”: the account's id from the panel.")
    if not isinstance(value, str) or not UUID_TEXT.fullmatch(value.strip()):
        raise Malformed.field("account", "invalid", "“account” is a UUID such as 7d4b1c9e-3f53-4c7e-9d7b-2f6f1b8a9c01.")
    return UUID(value.strip())


def known_token(configuration: Configuration, secret: str) -> tuple[Configuration, Token]:
    at = now()
    try:
        key = digest(secret)
    except UnicodeEncodeError:
        raise Unauthorized from None
    token = tokens.of(configuration).get(key)
    if token is None:
        configuration = snapshot.newer(configuration)
        token = tokens.of(configuration).get(key)
    if token is None or not token.valid(at):
        raise Unauthorized
    mark_used(token, at)
    return configuration, token


def repeat(work: Callable[[], T]) -> T:
    """Runs `work`, again where the database broke a deadlock or a kept connection turned out to be dead. Whatever
    `work` writes it must write the same way twice."""
    for _ in range(TRIES - 1):
        kept = connection.connection is not None
        try:
            return work()
        except (psycopg.Error, DatabaseError) as error:
            if getattr(database_error(error), "sqlstate", None) not in REPEATABLE and not (drop_dead() and kept):
                raise
    return work()


def database_error(error: BaseException | None) -> psycopg.Error | None:
    """The driver's error behind Django's."""
    while error is not None and not isinstance(error, psycopg.Error):
        error = error.__cause__
    return error


def drop_dead() -> bool:
    """Lets go of a connection that is dead, so that the next statement opens another; whether it was."""
    raw = connection.connection
    if connection.in_atomic_block or (raw is not None and not raw.closed and not raw.broken):
        return False
    connection.close()
    return True


_told_away_at = 0.0


def tell_away(error: BaseException) -> None:
    """Logs an outage once a second, not once a request."""
    global _told_away_at
    if time.monotonic() - _told_away_at > 1:
        _told_away_at = time.monotonic()
        logger.warning("database away: %s", str(error).strip().split("\n")[0])


def error_response(error: Exception) -> HttpResponse:
    """Any exception as the one envelope; what nobody expected is logged and answered 500."""
    if isinstance(error, ApiError):
        return error.response()
    cause = database_error(error)
    if isinstance(cause, AWAY):
        tell_away(cause)
        drop_dead()
        return Unavailable().response()
    logger.exception("unexpected error", exc_info=error)
    metrics.crashes.inc()
    return ApiError().response()
