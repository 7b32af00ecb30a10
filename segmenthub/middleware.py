"""The API answers first: its requests pass none of the panel's middlewares."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, resolve

from accounts import metrics
from accounts.body import discard_body
from accounts.door import error_response
from accounts.errors import MethodNotAllowed, NotFound

PAGES = ("/panel/", "/docs/", "/preview/", "/demo/", "/sdk/", "/static/", "/media/")
PAGE = ("/", "/panel", "/docs")
"""Where people look: everything else is the API and answers JSON."""


class ApiFirst:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if path.startswith("/panel") and settings.PANEL_URL and elsewhere(request):
            return NotFound().response()
        if path.startswith(PAGES) or path in PAGE:
            return self.get_response(request)
        return answer(request)


def elsewhere(request: HttpRequest) -> bool:
    """Whether a request for the panel came to another host than PANEL_URL's."""
    host: str = request.META.get("HTTP_HOST", "")
    own: str = urlsplit(settings.PANEL_URL).netloc
    return host.lower() != own.lower()


def answer(request: HttpRequest) -> HttpResponseBase:
    """The API's answer, counted; whatever happens it is the one envelope."""
    started = time.perf_counter()
    endpoint = "other"
    try:
        match = resolve(request.path_info, settings.ROOT_URLCONF)
        request.resolver_match = match
        endpoint = match.route
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    except Resolver404:
        response = NotFound().response()
    except Exception as error:
        response = error_response(error)
    discard_body(request)
    response["X-Content-Type-Options"] = "nosniff"
    if not response.streaming and response.status_code != 204:
        response["Content-Length"] = str(len(response.content))  # type: ignore[attr-defined]  # else sent in chunks
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would log each refusal as its own warning
    metrics.observe(endpoint, response.status_code, time.perf_counter() - started)
    return response


def only(method: str) -> Callable[[Callable[[HttpRequest], HttpResponse]], Callable[[HttpRequest], HttpResponse]]:
    """A plain view that takes one method (GET takes HEAD too)."""

    def wrap(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
        def checked(request: HttpRequest) -> HttpResponse:
            if request.method != method and not (method == "GET" and request.method == "HEAD"):
                raise MethodNotAllowed("GET, HEAD" if method == "GET" else method)
            return view(request)

        return checked

    return wrap
