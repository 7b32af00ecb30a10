"""Every path. What is not under `segmenthub.middleware.PAGES` is the API."""

from django.contrib import admin
from django.urls import include, path, re_path, register_converter
from django.urls.converters import StringConverter
from django.views.generic import RedirectView

from adserver import beacons, preview
from adserver.media import serve_media
from adserver.views import CampaignQuery
from cdp.views import ProfileAttributes, ProfileQuery, ProfileSegments, SegmentMembers
from dmp.views import VisitorAttributes, VisitorQuery, VisitorSegments
from segmenthub import health, sdk
from segmenthub.openapi import pages


class Rest(StringConverter):
    """All that follows, line breaks included: whatever is sent as a token has the answer of a bad one."""

    regex = r"[\s\S]*"


register_converter(Rest, "rest")
urlpatterns = [
    path("campaigns/query", CampaignQuery.as_view()),
    path("profiles/query", ProfileQuery.as_view()),
    path("profiles/attributes", ProfileAttributes.as_view()),
    path("profiles/segments", ProfileSegments.as_view()),
    path("segments/members", SegmentMembers.as_view()),
    path("visitors/query", VisitorQuery.as_view()),
    path("visitors/attributes", VisitorAttributes.as_view()),
    path("visitors/segments", VisitorSegments.as_view()),
    path("i/<rest:token>", beacons.impression),
    path("v/<rest:token>", beacons.viewable),
    path("x/<rest:token>", beacons.dismiss),
    path("c/<rest:token>", beacons.click),
    re_path(r"^media/(?P<path>[0-9a-f-]{36}/\w{64,80}\.(?:png|jpg|webp|gif))\Z", serve_media),
    path("preview/<rest:signed>", preview.show),
    path("sdk/<path:name>", sdk.serve),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", health.metrics),
    path("openapi.json", pages.openapi),
    path("docs", pages.docs),
    path("demo", RedirectView.as_view(url="/demo/")),
    path("demo/", include("segmenthub.demo.urls")),
    path("", RedirectView.as_view(url="/panel/")),
    path("panel", RedirectView.as_view(url="/panel/")),
    path("panel/", admin.site.urls),
]
