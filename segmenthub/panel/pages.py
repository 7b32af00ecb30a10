"""A page of our own inside the panel: behind a role, with the panel's frame around it."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.views import View

from accounts.access import Standing, in_account
from accounts.models import Account, Role


class Page(View):
    """GET shows `template` with what `context` gives, to those of at least `least`."""

    least: ClassVar[Role] = Role.VIEWER
    template: ClassVar[str]
    title: ClassVar[str] = ""

    standing: Standing

    @property
    def account(self) -> Account:
        return self.standing.account

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.standing = in_account(request)
        if not self.standing.may(self.least):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.show(request, **self.context(request, *args, **kwargs))

    def context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {}

    def show(self, request: HttpRequest, **shown: Any) -> HttpResponse:
        request.__dict__["current_app"] = admin.site.name
        context = {**admin.site.each_context(request), "title": self.title, **shown}
        return TemplateResponse(request, self.template, context)


def asked(request: HttpRequest, name: str) -> str:
    """A field of the address, without what PostgreSQL cannot compare."""
    return request.GET.get(name, "").replace("\x00", "").strip()
