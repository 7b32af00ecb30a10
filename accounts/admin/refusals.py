"""Refused requests: what a marketer who forgot to register a platform must see."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from unfold.paginator import InfinitePaginator

from accounts.access import Roles
from accounts.models import Refusal, Role
from accounts.panel import AccountAdmin, column


@admin.register(Refusal)
class RefusalAdmin(AccountAdmin):
    roles = Roles(view=Role.ANALYST, change=Role.OWNER)
    list_display: ClassVar = ["hour", "endpoint", "answer", "field", "sample", "count"]
    list_filter: ClassVar = ["endpoint", "status", "field"]
    search_fields: ClassVar = ["sample", "field", "endpoint"]
    list_display_links = None
    actions = None
    paginator = InfinitePaginator
    show_full_result_count = False
    empty_title = "No refused requests"
    empty_text = "Good: each request was understood. One that is refused shows up here within seconds, with its reason."

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @column("answer", ordering="status", label={"4": "warning", "5": "danger"})
    def answer(self, refusal: Refusal) -> tuple[str, str]:
        return str(refusal.status)[:1], f"{refusal.status} {refusal.code}".strip()
