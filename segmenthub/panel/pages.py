"""A page of our own inside the panel: behind a role, with the panel's frame around it."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views import View

from accounts.access import Standing, in_account
from accounts.models import Account, Role


class Page(View):
    """GET shows `template` with what `context` gives, to those of at least `least`."""

    least: ClassVar[Role] = Role.VIEWER
    template: ClassVar[str]
    title: ClassVar[str] = ""
    """`context` may give another, and `parents`: (name, address) of the pages above, outermost first."""

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
        request.__dict__["parents"] = shown.get("parents", ())
        context = {**admin.site.each_context(request), "title": self.title, **shown}
        return TemplateResponse(request, self.template, context)


def above(page: str, name: str, *, row: Model | None = None) -> list[tuple[str, str]]:
    """The pages above one of our own: a list of the menu, and the `row` of it that the page tells of."""
    parents = [(name, reverse(f"panel:{page}" if row is None else f"panel:{page}_changelist"))]
    return parents if row is None else [*parents, (str(row), reverse(f"panel:{page}_change", args=[row.pk]))]


def asked(request: HttpRequest, name: str) -> str:
    """A field of the address, without what PostgreSQL cannot compare."""
    return request.GET.get(name, "").replace("\x00", "").strip()
