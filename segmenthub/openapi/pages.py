"""`/openapi.json`, and `/docs`, the reference page that shows it."""

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from accounts.errors import encode
from segmenthub.middleware import only
from segmenthub.openapi import operations, tracking, webhooks
from segmenthub.openapi.rules import RULES
from segmenthub.openapi.samples import with_samples
from segmenthub.openapi.schemas import COMPONENTS

DESCRIPTION = """Query and manage metadata about your visitors, ingest events, and activate segments in real-time.

  * **DMP**: tracks all of your visitors' (devices) behaviours even if they are anonymous or not.
  * **CDP**: unifies multiple devices' behaviours of a known user.
  * **Ad Server**: returns campaigns by visitor interests to show best offers.

Each answer is one JSON object with the HTTP status and one sentence that says what to do; an error adds `errors`. A
body is a JSON object of at most 64 KiB, 8 levels and 1,000 values. `null`, an empty or a blank text in an optional
field means absent."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; worker-src blob:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Of the reference page: nothing comes from elsewhere."""


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    assert operations.DESCRIPTIONS  # registered by being imported
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    bearer = {"type": "http", "scheme": "bearer", "description": "An API token, in place of the field `token`."}
    return {
        "openapi": "3.1.0",
        "info": {"title": "SegmentHub API", "version": "1.0.0", "description": DESCRIPTION},
        "servers": [{"url": settings.API_URL}],
        "tags": [
            {"name": "Events", "description": "What visitors do, and the campaigns that they get."},
            {"name": "Profiles", "description": "Known users."},
            {"name": "Visitors", "description": "Devices, anonymous or not."},
            {"name": "Segments", "description": "Who is in an audience."},
            {"name": "Tracking", "description": "What became of a shown campaign."},
            {"name": "Webhooks", "description": "What your own servers are sent."},
        ],
        "paths": with_samples(paths | tracking.PATHS, settings.API_URL),
        "webhooks": webhooks.WEBHOOKS,
        "components": {
            "schemas": COMPONENTS | RULES | {"WebhookMessage": webhooks.MESSAGE},
            "securitySchemes": {"bearer": bearer},
        },
    }


@only("GET")
def openapi(request: HttpRequest) -> HttpResponse:
    return HttpResponse(encode(document()), content_type="application/json")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    response = render(request, "docs.html")
    response["Content-Security-Policy"] = POLICY
    return response
