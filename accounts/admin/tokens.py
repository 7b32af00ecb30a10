"""API tokens: made and rotated in a form, their secret shown once, on the answer to the form and nowhere else."""

import json
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from accounts.access import Roles, in_account
from accounts.clock import now
from accounts.fields import Boxes
from accounts.models import ACCESS, ApiToken, Attribute, Role
from accounts.panel import AccountAdmin, AccountForm, column
from accounts.tokens import create_token, revoke_token, rotate_token

READING: dict[str, tuple[str, dict[str, Any]]] = {
    "profiles:read": ("/profiles/query", {"profileId": "jane@example.com", "attributes": ["*"], "segments": ["*"]}),
    "visitors:read": (
        "/visitors/query",
        {"visitorId": "3f6c1f0e-3f1b-4c57-9d0a-0c6d9a0b7a51", "attributes": ["*"], "segments": ["*"]},
    ),
    "profiles:write": ("/profiles/attributes", {"profileId": "jane@example.com", "attributes": {"country": "TR"}}),
    "visitors:write": (
        "/visitors/attributes",
        {"visitorId": "3f6c1f0e-3f1b-4c57-9d0a-0c6d9a0b7a51", "attributes": {"country": "TR"}},
    ),
    "segments:read": ("/segments/members", {"segment": "VIP", "level": "profile"}),
}
"""A first request for each access, the gentlest first."""


def curl_line(account: UUID, secret: str, access: list[str]) -> str:
    """A request that can be pasted into a shell and works."""
    found = next((example for name, example in READING.items() if name in access), READING["profiles:read"])
    endpoint, fields = found
    body = json.dumps({"account": str(account), "token": secret, **fields})
    return f"curl {settings.API_URL}{endpoint} -H 'Content-Type: application/json' -d '{body}'"


class TokenForm(AccountForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "access" not in self.fields:
            return
        names = Attribute.objects.filter(account=self.account).values_list("name", "computed")
        every = ("*", "All attributes, also those that are made later")
        readable = [every, *((name, name) for name, _ in names)]
        writable = [every, *((name, name) for name, computed in names if computed is None)]
        token = self.instance
        self.fields["access"] = Boxes(
            ACCESS.items(), stored=token.access, required=True, help_text="What its holder may do: at least one."
        )
        self.fields["read_attributes"] = Boxes(readable, stored=token.read_attributes, label="Readable attributes")
        self.fields["write_attributes"] = Boxes(writable, stored=token.write_attributes, label="Writable attributes")

    def clean_rate_limit(self) -> int | None:
        limit: int | None = self.cleaned_data["rate_limit"]
        if limit == 0:
            raise forms.ValidationError("Give at least 1 request a minute, or leave it empty for no limit.")
        return limit


@admin.register(ApiToken)
class TokenAdmin(AccountAdmin):
    form = TokenForm
    roles = Roles(view=Role.ADMIN, change=Role.ADMIN)
    list_display: ClassVar = ["name", "state", "shown_prefix", "may", "rate_limit", "expires_at", "last_used_at"]
    search_fields: ClassVar = ["name", "prefix"]
    actions: ClassVar = ["revoke"]
    change_form_outer_before_template = "panel/token_before.html"
    fieldsets: ClassVar = [
        (None, {"fields": ["name", "access"]}),
        ("Attributes", {"fields": ["read_attributes", "write_attributes"]}),
        ("Limits", {"fields": ["rate_limit", "expires_at"]}),
    ]
    empty_title = "No API tokens yet"
    empty_text = (
        "A token lets a server of yours read and write visitors and profiles. Add one: its secret is shown once, with a"
        " line to try it. The events of your pages need no token."
    )

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/rotate/", wrap(require_POST(self.rotate_view)), name="accounts_apitoken_rotate"),
            path("<int:pk>/revoke/", wrap(require_POST(self.revoke_view)), name="accounts_apitoken_revoke"),
            *super().get_urls(),
        ]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
        else:
            obj.account = in_account(request).account
            obj.__dict__["secret"] = create_token(obj)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self.show_once(request, obj, obj.__dict__.pop("secret"))

    def show_once(self, request: HttpRequest, token: ApiToken, secret: str) -> HttpResponse:
        """The secret is in this answer only: it is stored nowhere, and no address shows it again."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"The secret of “{token.name}”",
            "token": token,
            "secret": secret,
            "curl": curl_line(token.account_id, secret, token.access),
            "tokens": reverse("panel:accounts_apitoken_changelist"),
        }
        response = TemplateResponse(request, "panel/token_secret.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def own_token(self, request: HttpRequest, pk: int) -> ApiToken:
        token: ApiToken | None = self.get_queryset(request).filter(pk=pk).first()
        if token is None:
            raise Http404
        if not self.has_change_permission(request, token):
            raise PermissionDenied
        return token

    def rotate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        token = self.own_token(request, pk)
        secret = rotate_token(token)
        self.log_change(request, token, "Rotated the secret.")
        return self.show_once(request, token, secret)

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        token = self.own_token(request, pk)
        revoke_token(token)
        self.log_change(request, token, "Revoked.")
        messages.success(request, f"“{token.name}” is revoked: requests with it are refused from now on.")
        return HttpResponseRedirect(reverse("panel:accounts_apitoken_changelist"))

    @admin.action(description="Revoke the selected tokens", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset:
            revoke_token(token)
            self.log_change(request, token, "Revoked.")
        messages.success(request, "Revoked: requests with these tokens are refused from now on.")

    @column("state", label={"valid": "success", "revoked": "danger", "expired": "warning"})
    def state(self, token: ApiToken) -> str:
        if token.revoked_at is not None:
            return "revoked"
        return "expired" if token.expires_at is not None and token.expires_at <= now() else "valid"

    @column("begins with")
    def shown_prefix(self, token: ApiToken) -> str:
        return f"{token.prefix}…"

    @column("access")
    def may(self, token: ApiToken) -> str:
        return ", ".join(ACCESS.get(name, name) for name in token.access) or "nothing"
