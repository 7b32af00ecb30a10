"""What became of the campaigns: counts by the hour, reasons, progress towards goals, groups, conversions, changes.

Conversion and Mark are "hot" (see `segmenthub.scale`): one row belongs to one order or one person.
"""

import ipaddress
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models

from accounts.models import Account, User
from adserver.models.offers import Campaign, new_salt
from dmp.models import Segment


def check_network(text: str) -> None:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValidationError(f"“{text}” is no address or range. Write 203.0.113.7 or 203.0.113.0/24.") from None


def networks(help_text: str) -> ArrayField:  # type: ignore[type-arg]
    item = models.CharField(max_length=64, validators=[check_network])
    return ArrayField(item, default=list, blank=True, help_text=help_text)


class AdSettings(models.Model):
    """What holds for all campaigns of an account. No row means the defaults."""

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True, related_name="ad_settings")
    holdout_percent = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(50)],
        help_text="So many of a hundred people get no campaign at all: against them the effect of all is measured.",
    )
    salt = models.CharField(max_length=32, default=new_salt, editable=False)
    staff = models.ForeignKey(
        Segment,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Impressions and clicks of these people are not counted.",
    )
    staff_networks = networks("Nor are those from these addresses, such as your office's.")
    blocked_networks = networks("Address ranges of data centres: what comes from there is no customer.")

    class Meta:
        verbose_name = verbose_name_plural = "ad settings"

    def __str__(self) -> str:
        return "Ad settings"


class CampaignChange(models.Model):
    """History: who changed what of a campaign. `changes`: {field: [before, after]}; `user` is null for a file."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="changes")
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()
    changes = models.JSONField()

    class Meta:
        ordering: ClassVar = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.campaign} at {self.at}"


class CampaignStat(models.Model):
    """Counts of one UTC hour. `creative` and `placement` are ids, 0 for none; `device` "" for none.

    `eligible` and `served` are added by the processes that decide, as there is no row per offer; all others are
    recounted from events (`adserver.rollups`), so that doing it again changes nothing.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    hour = models.DateTimeField()
    campaign = models.ForeignKey(Campaign, models.RESTRICT, related_name="stats")
    creative = models.BigIntegerField(default=0)
    placement = models.BigIntegerField(default=0)
    device = models.CharField(max_length=16, default="", blank=True)
    eligible = models.BigIntegerField(default=0, db_default=0)
    served = models.BigIntegerField(default=0, db_default=0)
    impressions = models.BigIntegerField(default=0, db_default=0)
    viewable = models.BigIntegerField(default=0, db_default=0)
    clicks = models.BigIntegerField(default=0, db_default=0)
    landed = models.BigIntegerField(default=0, db_default=0)
    dismissed = models.BigIntegerField(default=0, db_default=0)
    invalid = models.BigIntegerField(default=0, db_default=0)
    click_conversions = models.BigIntegerField(default=0, db_default=0)
    view_conversions = models.BigIntegerField(default=0, db_default=0)
    revenue = models.DecimalField(max_digits=24, decimal_places=6, default=0, db_default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["campaign", "hour", "creative", "placement", "device"], name="one_stat_per_hour"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["account", "hour"], name="stats_of_account")]

    def __str__(self) -> str:
        return f"{self.campaign_id} at {self.hour}"


class CampaignReason(models.Model):
    """How often a campaign was not shown for a reason of `adserver.decision`, or a tracking call refused for one of
    `adserver.tracking` (these start with "invalid:"), in one UTC hour."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    hour = models.DateTimeField()
    campaign = models.ForeignKey(Campaign, models.RESTRICT, related_name="reasons")
    reason = models.CharField(max_length=32)
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["campaign", "hour", "reason"], name="one_reason_per_hour")
        ]
        indexes: ClassVar = [models.Index(fields=["account", "hour"], name="reasons_of_account")]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.reason}"


class Rollup(models.Model):
    """How far a pass of `adserver.rollups` is: what happened before `until` is counted."""

    name = models.CharField(primary_key=True, max_length=16)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.until}"


class Progress(models.Model):
    """How far a campaign with a goal or a daily cap is, exact: counted in the transaction of the impression or click.
    `today` belongs to `day`, a date in the account's time zone."""

    campaign = models.OneToOneField(Campaign, models.CASCADE, primary_key=True, related_name="progress")
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    impressions = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(default=0)
    day = models.DateField(null=True)
    today = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.impressions}"


class Reservation(models.Model):
    """A place near the end of a goal, kept for a token (`token` is the key made of it) until it is shown or expires."""

    token = models.UUIDField(primary_key=True)
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="+")
    expires_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["campaign", "expires_at"], name="reservations_of_campaign")]

    def __str__(self) -> str:
        return str(self.token)


class Pace(models.Model):
    """The chance with which a campaign with a goal takes part in a draw, made anew each minute. `flat`: made without
    a week of history. `forecast`: what its goal counts that it may still get until its end."""

    campaign = models.OneToOneField(Campaign, models.CASCADE, primary_key=True, related_name="pace")
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    probability = models.FloatField(default=1.0)
    forecast = models.FloatField(default=0)
    flat = models.BooleanField(default=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.probability:.3f}"


class Mark(models.Model):
    """The group of a person in the measurement of a campaign (0: of all campaigns of the account), as marked at the
    first decision that it won there, shown or held out. `unit` is the key of the visitor whose id draws hash."""

    pk = models.CompositePrimaryKey("unit", "campaign")
    unit = models.UUIDField()
    campaign = models.BigIntegerField()
    account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    control = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "campaign"], name="marks_of_campaign")]

    def __str__(self) -> str:
        return f"{self.unit} in {self.campaign}"


class Conversion(models.Model):
    """An order that a campaign led to, by a click, else by a viewable view. `key` is the order's key, as in
    `dmp.models.Once`: an order is recorded once in its account, so it converts once. A refund has a row of its own,
    with its negative revenue."""

    class Cause(models.TextChoices):
        CLICK = "click"
        VIEW = "view"

    pk = models.CompositePrimaryKey("visitor", "key")
    visitor = models.UUIDField()
    key = models.UUIDField()
    account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    order_id = models.TextField()
    campaign = models.BigIntegerField()
    creative = models.BigIntegerField(default=0)
    placement = models.BigIntegerField(default=0)
    device = models.CharField(max_length=16, default="", blank=True)
    cause = models.CharField(max_length=8, choices=Cause.choices)
    refund = models.BooleanField(default=False)
    revenue = models.DecimalField(max_digits=18, decimal_places=6, default=0)
    touched_at = models.DateTimeField()
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "at"], name="conversions_of_account"),
            models.Index(fields=["campaign", "at"], name="conversions_of_campaign"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id} by {self.campaign}"
