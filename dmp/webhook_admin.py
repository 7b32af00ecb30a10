"""The panel's pages of webhooks and of the messages that were sent to them. `dmp.apps` loads them."""

import json
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.text import Truncator
from django.views.decorators.http import require_POST
from unfold.paginator import InfinitePaginator

from accounts.access import Roles, Standing, standing_of
from accounts.clock import now
from accounts.models import Role
from accounts.panel import AccountAdmin, column
from dmp.webhooks.deliver import send_again
from dmp.webhooks.models import Delivery, Webhook, new_secret
from dmp.webhooks.outbox import test_message


@admin.register(Webhook)
class WebhookAdmin(AccountAdmin):
    roles = Roles(view=Role.ANALYST, change=Role.MARKETER)
    list_display: ClassVar = ["url", "told_of", "when", "level", "state", "created_at"]
    list_filter: ClassVar = ["active"]
    list_select_related: ClassVar = ["segment"]
    search_fields: ClassVar = ["url"]
    fields: ClassVar = ["url", "segment", "level", "on_enter", "on_leave", "active"]
    actions: ClassVar = ["send_test"]
    change_form_outer_before_template = "panel/webhook_before.html"
    empty_title = "No webhooks yet"
    empty_text = (
        "A webhook tells a server of yours who enters and leaves a segment, within seconds. Add one: each message is"
        " signed with its secret, which is shown once."
    )

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/rotate/", wrap(require_POST(self.rotate_view)), name="dmp_webhook_rotate"),
            path("<int:pk>/test/", wrap(require_POST(self.test_view)), name="dmp_webhook_test"),
            *super().get_urls(),
        ]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Its messages go with it, however many they are."""
        return [str(row) for row in objs], {self.opts.verbose_name_plural: len(objs)}, set(), []

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self.show_once(request, obj)

    def show_once(self, request: HttpRequest, webhook: Webhook) -> HttpResponse:
        """No other page shows the secret."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"The secret of {webhook}",
            "webhook": webhook,
            "secret": webhook.secret,
            "docs": f"{settings.API_URL}/docs",
            "webhooks": reverse("panel:dmp_webhook_changelist"),
        }
        response = TemplateResponse(request, "panel/webhook_secret.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def own_webhook(self, request: HttpRequest, pk: int) -> Webhook:
        webhook: Webhook | None = self.get_queryset(request).filter(pk=pk).first()
        if webhook is None:
            raise Http404
        if not self.has_change_permission(request, webhook):
            raise PermissionDenied
        return webhook

    def rotate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        webhook = self.own_webhook(request, pk)
        webhook.secret = new_secret()
        webhook.save(update_fields=["secret"])
        self.log_change(request, webhook, "Rotated the secret.")
        return self.show_once(request, webhook)

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.test(request, [self.own_webhook(request, pk)])

    @admin.action(description="Send a test message", permissions=["change"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> HttpResponse:
        return self.test(request, list(queryset))

    def test(self, request: HttpRequest, webhooks: list[Webhook]) -> HttpResponse:
        on = [webhook for webhook in webhooks if webhook.active]
        for webhook in on:
            test_message(webhook, now())
        if len(on) < len(webhooks):
            messages.warning(request, "A webhook that is off is sent nothing. Switch it on first.")
        if on:
            messages.success(request, "The test message is on its way. Its answer stands here within seconds.")
        return HttpResponseRedirect(reverse("panel:dmp_delivery_changelist"))

    @column("segment", ordering="segment__name")
    def told_of(self, webhook: Webhook) -> str:
        return webhook.segment.name if webhook.segment else "all segments"

    @column("told when somebody")
    def when(self, webhook: Webhook) -> str:
        return " or ".join(word for word, on in (("enters", webhook.on_enter), ("leaves", webhook.on_leave)) if on)

    @column("state", ordering="active", label={"on": "success", "off": "warning"})
    def state(self, webhook: Webhook) -> str:
        return "on" if webhook.active else "off"


@admin.register(Delivery)
class DeliveryAdmin(AccountAdmin):
    """Read only, but for sending again."""

    roles = Roles(view=Role.ANALYST, change=Role.MARKETER)
    list_display: ClassVar = ["created_at", "what", "who", "to", "state", "attempts", "answered"]
    list_filter: ClassVar = ["status"]
    list_select_related: ClassVar = ["webhook"]
    search_fields: ClassVar = ["id__exact"]
    fields: ClassVar = [
        *("id", "webhook", "message", "status", "attempts", "said", "created_at", "next_try_at", "delivered_at"),
    ]
    readonly_fields: ClassVar = ["said", "message"]
    actions: ClassVar = ["send_again"]
    paginator = InfinitePaginator
    show_full_result_count = False
    empty_title = "No messages"
    empty_text = (
        "What your webhooks are told stands here for 30 days, with the answers of your server. Add one under"
        " Audiences > Webhooks."
    )

    def of_account(self, rows: QuerySet[Any], standing: Standing | None) -> QuerySet[Any]:
        return rows.none() if standing is None else rows.filter(webhook__account=standing.account)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_send_permission(self, request: HttpRequest) -> bool:
        standing = standing_of(request)
        return standing is not None and standing.may_change(self.roles.change)

    @admin.action(description="Send again", permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        if count := send_again(queryset, now()):
            messages.success(request, f"{count} message{'s are' if count > 1 else ' is'} sent again within seconds.")
        else:
            messages.warning(request, "These are on their way: a pending message is tried again by itself.")

    @column("state", ordering="status", label={"delivered": "success", "pending": "info", "failed": "danger"})
    def state(self, delivery: Delivery) -> tuple[str, str]:
        return delivery.status, delivery.get_status_display()

    @column("last answer", ordering="answer")
    def said(self, delivery: Delivery) -> str:
        return " ".join([str(delivery.answer or ""), delivery.error]).strip() or "none yet"

    @column("last answer", ordering="answer")
    def answered(self, delivery: Delivery) -> str:
        """Of a long one the beginning, so that a row stays a row."""
        return Truncator(self.said(delivery)).chars(48)

    @column("webhook", ordering="webhook__url")
    def to(self, delivery: Delivery) -> str:
        return Truncator(str(delivery.webhook)).chars(36)

    @column("what")
    def what(self, delivery: Delivery) -> str:
        return f"{delivery.payload.get('event', '')} {delivery.payload.get('segment', '')}"

    @column("who")
    def who(self, delivery: Delivery) -> str:
        return str(delivery.payload.get("profileId") or delivery.payload.get("visitorId") or "")

    @column("message")
    def message(self, delivery: Delivery) -> str:
        return json.dumps(delivery.payload, ensure_ascii=False)
