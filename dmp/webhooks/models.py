"""Webhooks and their messages. `dmp.models` imports them."""

import secrets
import uuid
from collections.abc import Collection
from typing import Any, ClassVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models

from accounts.clock import now
from accounts.models import Account
from dmp.webhooks.addresses import Refused, check_url


def new_secret() -> str:
    return f"whsec_{secrets.token_urlsafe(24)}"


class Webhook(models.Model):
    """An address that is told of a segment's changes, of all segments' without one. Changes before `since`, the last
    time that it was switched on, are not sent. The secret is kept as it is: each message is signed with it. A server
    that did not answer is left alone until `rest_until`, and asked one message at a time until it answers again."""

    class Level(models.TextChoices):
        VISITOR = "visitor", "visitors"
        PROFILE = "profile", "profiles"
        BOTH = "both", "visitors and profiles"

    account = models.ForeignKey(Account, models.CASCADE, related_name="webhooks")
    segment = models.ForeignKey(
        "dmp.Segment", models.RESTRICT, null=True, blank=True, related_name="webhooks", help_text="Empty: all segments."
    )
    url = models.CharField("URL", max_length=2000, help_text="Where messages are posted to, as JSON.")
    secret = models.CharField(max_length=64, default=new_secret, editable=False)
    on_enter = models.BooleanField("when somebody enters", default=True)
    on_leave = models.BooleanField("when somebody leaves", default=True)
    level = models.CharField("of", max_length=8, choices=Level.choices, default=Level.PROFILE)
    active = models.BooleanField(default=True, help_text="What happens while it is off is not sent later.")
    since = models.DateTimeField(editable=False)
    created_at = models.DateTimeField(editable=False)
    rest_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering: ClassVar = ["url", "pk"]

    def __str__(self) -> str:
        return self.url

    def clean(self) -> None:
        if not (self.on_enter or self.on_leave):
            raise ValidationError({"on_enter": "Choose entering, leaving or both."})

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        super().clean_fields(exclude=exclude)
        if "url" not in (exclude or ()):
            try:
                check_url(self.url)
            except Refused as refused:
                raise ValidationError({"url": str(refused)}) from refused

    def save(self, *args: Any, **kwargs: Any) -> None:
        at = now()
        if self._state.adding:
            self.created_at = self.since = at
        elif self.active and not type(self).objects.filter(pk=self.pk, active=True).exists():
            self.since = at
            if (fields := kwargs.get("update_fields")) is not None:
                kwargs["update_fields"] = {*fields, "since"}
        super().save(*args, **kwargs)


def webhooks_of(account: UUID, segment: str) -> models.QuerySet[Webhook]:
    """Those that tell of this segment alone."""
    return Webhook.objects.filter(account=account, segment__name=segment)


class Delivery(models.Model):
    """A message to a webhook, about a `person`; a test message is about none. A sender has it until `lease_until`."""

    class Status(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries", db_index=False)
    person = models.UUIDField(null=True, editable=False)
    payload = models.JSONField(editable=False)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.PENDING, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    next_try_at = models.DateTimeField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    answer = models.PositiveSmallIntegerField("last answer", null=True, editable=False)
    error = models.CharField("last error", max_length=255, blank=True, editable=False)
    created_at = models.DateTimeField(editable=False)
    delivered_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "dmp_webhook_delivery"
        verbose_name = "sent message"
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            models.Index(
                fields=["webhook", "next_try_at", "id"], name="deliveries_due", condition=models.Q(status="pending")
            ),
            models.Index(fields=["webhook"], name="deliveries_leased", condition=models.Q(lease_until__isnull=False)),
            models.Index(fields=["person"], name="deliveries_of_person"),
            models.Index(fields=["webhook", "created_at"], name="deliveries_of_webhook"),
            models.Index(fields=["created_at"], name="deliveries_by_age"),
        ]

    def __str__(self) -> str:
        return str(self.id)
