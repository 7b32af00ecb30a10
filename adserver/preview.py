"""A link to what a campaign shows, for those who have no login. It holds for a week, and nothing is counted."""

from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from adserver.live import content, macros
from adserver.macros import render
from adserver.models import Campaign, Creative

KEPT = timedelta(days=7)
SALT = "adserver.preview"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src * data:; style-src 'unsafe-inline'; font-src *;"
    " media-src *; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}


class Drawn(NamedTuple):
    """A creative as it is answered to somebody of whom nothing is known; `link` where a click would lead."""

    variant: str
    type: str
    content: Any
    link: str
    problem: str | None


def link_to(campaign: Campaign) -> str:
    return f"{settings.API_URL}/preview/{signing.dumps(campaign.pk, salt=SALT)}"


@require_safe
def show(request: HttpRequest, signed: str) -> HttpResponse:
    """What `link_to` leads to; 404 for one that was changed, is too old, or whose campaign is gone."""
    try:
        pk = signing.loads(signed, salt=SALT, max_age=KEPT)
    except signing.BadSignature:
        raise Http404 from None
    campaign = Campaign.objects.select_related("placement", "account").filter(pk=pk, account__status="active").first()
    if campaign is None:
        raise Http404
    rows = campaign.creatives.filter(active=True).select_related("media")
    shown = {"campaign": campaign, "creatives": [drawn(row) for row in rows]}
    return HttpResponse(render_to_string("preview.html", shown, request), headers=HEADERS)


def drawn(row: Creative) -> Drawn:
    problem = row.problem()
    if problem is not None:
        return Drawn(row.name, row.type, {}, "", problem)
    asked = macros(row)
    told, link = render(asked, {}) if asked else (content(row), row.link)
    return Drawn(row.name, row.type, told, link, None)
