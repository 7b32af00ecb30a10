"""The tracking endpoints: for beacons, pictures and links; without cookies, from any page, whatever the body.

While the database is away /i, /v and /x answer 503, so that the SDK can send again; /c leads on where the process
knows the link, since people come first, and that click is counted as lost in /metrics.
"""

import base64
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.encoding import iri_to_uri

from accounts import metrics
from accounts.clock import now
from accounts.door import error_response, repeat
from accounts.errors import MethodNotAllowed
from adserver.tracking import Seen, destination, look_up, track

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>body{{font:18px/1.5 sans-serif;margin:20vh auto;max-width:28em;padding:0 1em}}</style>
<h1>{title}</h1><p>{text}</p></html>"""
STYLED = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "no-store"}
View = Callable[..., HttpResponse]


def count(seen: Seen | None, token: str, kind: str, meta: dict[str, Any]) -> None:
    """Records at most once, and counts how it went."""
    reason = repeat(lambda: track(seen, token, kind, meta, now()))
    metrics.tracked.labels(kind, reason or "recorded").inc()


def beacon(kind: str, *methods: str) -> View:
    """The endpoint of one kind. The answer does not tell whether it counted."""

    def view(request: HttpRequest, token: str) -> HttpResponse:
        try:
            response = answer(request, token)
        except Exception as error:
            response = error_response(error)
        response["Access-Control-Allow-Origin"] = "*"
        response["Cache-Control"] = "no-store"
        if response.has_header("Retry-After"):
            response["Access-Control-Expose-Headers"] = "Retry-After"  # else a page cannot read it
        return response

    def answer(request: HttpRequest, token: str) -> HttpResponse:
        if request.method == "OPTIONS":
            return preflight(methods)
        if request.method not in methods and not (request.method == "HEAD" and "GET" in methods):
            raise MethodNotAllowed(", ".join(methods))
        if request.method != "HEAD":
            count(repeat(lambda: look_up(token)), token, kind, request.META)
        if request.method == "GET" and "image/" in request.META.get("HTTP_ACCEPT", ""):
            return HttpResponse(PIXEL, content_type="image/gif")
        return no_content()

    return view


def no_content() -> HttpResponse:
    response = HttpResponse(status=204)
    del response["Content-Type"]
    return response


def preflight(methods: tuple[str, ...]) -> HttpResponse:
    response = no_content()
    response["Access-Control-Allow-Methods"] = ", ".join((*methods, "OPTIONS"))
    response["Access-Control-Allow-Headers"] = "content-type"
    response["Access-Control-Max-Age"] = "86400"
    return response


impression = beacon("i", "GET", "POST")
viewable = beacon("v", "POST")
dismiss = beacon("x", "POST")


def click(request: HttpRequest, token: str) -> HttpResponse:
    """Leads to the stored link of the creative, and nowhere else; also when its campaign ended."""
    if request.method not in ("GET", "HEAD"):
        response = page(405, "This is a link", "Open it with a click.")
        response["Allow"] = "GET, HEAD"
        return response
    try:
        seen = repeat(lambda: look_up(token))
    except Exception as error:
        away = error_response(error)
        response = page(away.status_code, "Not now", "We cannot look up this link. Try again in a moment.")
        response["Retry-After"] = "1"
        return response
    link = destination(seen, now()) if seen is not None else ""
    if seen is None or not link:
        metrics.tracked.labels("c", "token").inc()
        return page(404, "Page not found", "This link leads nowhere. It may have been cut off on its way to you.")
    if request.method == "GET":
        count_click(seen, token, request.META)
    return HttpResponse(
        status=302,
        headers={
            "Location": iri_to_uri(link),
            "Cache-Control": "no-store",
            "Access-Control-Allow-Origin": "*",
            "X-Robots-Tag": "noindex, nofollow",
        },
    )


def count_click(seen: Seen, token: str, meta: dict[str, Any]) -> None:
    try:
        count(seen, token, "c", meta)
    except Exception as error:
        error_response(error)  # logs it
        metrics.tracked.labels("c", "lost").inc()


def page(status: int, title: str, text: str) -> HttpResponse:
    return HttpResponse(PAGE.format(title=title, text=text), status=status, headers=STYLED)
