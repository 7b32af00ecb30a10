"""The yardstick: a bare DRF view with a serializer and no database, as a WSGI application of its own."""

from typing import Any

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
    INSTALLED_APPS=["rest_framework"],
    DATABASES={},
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class ProductView(serializers.Serializer[Any]):
    account = serializers.UUIDField()
    visitorId = serializers.UUIDField()
    profileId = serializers.CharField(max_length=255, required=False, allow_null=True)
    platform = serializers.CharField(max_length=255)
    device = serializers.ChoiceField(["desktop", "tablet", "mobile"], required=False, allow_null=True)
    event = serializers.CharField(max_length=64)
    path = serializers.CharField(max_length=8192, required=False, allow_null=True)
    referrer = serializers.CharField(max_length=8192, required=False, allow_null=True)
    sku = serializers.CharField(max_length=255, required=False, allow_null=True)
    price = serializers.DecimalField(max_digits=18, decimal_places=6, required=False, allow_null=True)
    brand = serializers.CharField(max_length=255, required=False, allow_null=True)
    breadcrumb = serializers.CharField(max_length=1024, required=False, allow_null=True)
    category = serializers.CharField(max_length=255, required=False, allow_null=True)


class Bare(APIView):
    def post(self, request: Request) -> Response:
        ProductView(data=request.data).is_valid(raise_exception=True)
        return Response({"status": 200, "message": "Campaigns executed successfully.", "campaigns": []})


urlpatterns = [path("campaigns/query", Bare.as_view())]
application = get_wsgi_application()
