"""The hot door: POST /campaigns/query."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from accounts import limits
from accounts.addresses import client_address, country
from accounts.clock import now
from accounts.door import ApiView
from accounts.errors import Forbidden, Problem, encode
from accounts.snapshot import Configuration
from accounts.tokens import Token
from adserver.query import Query, explain_campaigns, query_campaigns
from adserver.tracking import is_prefetch
from cdp.identifiers import asserted, signed
from dmp.agents import agent
from dmp.attributes import consent_changes
from dmp.incoming import platforms, read_event
from dmp.values import present, wrong

MESSAGE = "Campaigns executed successfully."
ANSWER = b'{"status":200,"message":"' + MESSAGE.encode() + b'","campaigns":'
PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "content-type, authorization",
    "Access-Control-Max-Age": "86400",
}


class CampaignQuery(ApiView):
    """Records an event and answers with the campaigns for its person."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = (
            preflight() if request.method == "OPTIONS" else super().dispatch(request, *args, **kwargs)
        )
        response["Access-Control-Allow-Origin"] = "*"
        if response.has_header("Retry-After"):
            response["Access-Control-Expose-Headers"] = "Retry-After"  # else a page cannot read it
        return response

    query: Query | None = None

    def needs_token(self, body: dict[str, Any]) -> bool:
        return body.get("explain") is True

    def answer(
        self, request: HttpRequest, configuration: Configuration, token: Token | None, body: dict[str, Any]
    ) -> HttpResponse:
        limits.check_address(client_address(request.META) if settings.PUBLIC_RATE_PER_ADDRESS else "")
        explain = wants_explanation(body, token)
        if self.query is None:  # the same event when the database asks for it again: it is stored once
            configuration, self.query = read_query(request, configuration, body)
        if explain:
            elements, reasons = explain_campaigns(configuration, self.query, self.query.event.time)
            return answered(elements, b',"explain":' + encode(reasons))
        return answered(query_campaigns(configuration, self.query, self.query.event.time))


def preflight() -> HttpResponse:
    response = HttpResponse(status=204, headers=PREFLIGHT)
    del response["Content-Type"]
    return response


def read_query(request: HttpRequest, configuration: Configuration, body: dict[str, Any]) -> tuple[Configuration, Query]:
    """The event of a request with what it asserts; the configuration comes back as from `read_event`."""
    meta = request.META
    if origin := meta.get("HTTP_ORIGIN"):
        check_origin(configuration, body.get("platform"), origin)
    known = agent(meta.get("HTTP_USER_AGENT", ""))
    unseen = known.bot or is_prefetch(meta)
    configuration, event = read_event(configuration, body, now(), device=known.device, bot=unseen)
    if origin:
        check_origin(configuration, event.platform, origin)  # the platform may be newer than the configuration was
    event.language = language(meta.get("HTTP_ACCEPT_LANGUAGE", ""))
    event.country = country(meta)
    query = Query(event, asserted(configuration, body), consent_changes(body.get("consent")))
    query.signed = query.name is not None and signed(
        configuration, str(body["profileId"]).strip(), body.get("profileSignature")
    )
    if query.name is None and configuration.require_signed_profiles and present(body.get("profileId")):
        event.properties = {**(event.properties or {}), "profileId": body["profileId"]}
    return configuration, query


def answered(elements: list[dict[str, Any]], more: bytes = b"") -> HttpResponse:
    campaigns = encode(elements) if elements else b"[]"
    return HttpResponse(ANSWER + campaigns + more + b"}", content_type="application/json")


def wants_explanation(body: dict[str, Any], token: Token | None) -> bool:
    wanted = body.get("explain")
    if not present(wanted) or wanted is False:
        return False
    if wanted is not True:
        raise wrong("explain", "wrong_type", "takes true or false")
    if token is None or "explain" not in token.access:
        message = "This token may not explain decisions. Allow it under Account > API Tokens."
        raise Forbidden(message, [Problem("token", "not_allowed", message)])
    return True


def check_origin(configuration: Configuration, platform: Any, origin: str) -> None:
    """A platform that lists origins takes events from pages of these only."""
    allowed = platforms.of(configuration).get(platform.strip()) if isinstance(platform, str) else None
    if allowed and origin.rstrip("/").lower() not in allowed:
        message = f"The platform “{platform}” takes no events from {origin[:255]}. Add it to the platform's origins."
        raise Forbidden(message, [Problem("platform", "not_allowed", message)])


def language(accepted: str) -> str | None:
    """The language that a person likes best: the primary subtag of the first entry of Accept-Language."""
    tag = accepted.split(",", 1)[0].split(";", 1)[0].split("-", 1)[0].strip().lower()
    return tag if 2 <= len(tag) <= 3 and tag.isascii() and tag.isalpha() else None
