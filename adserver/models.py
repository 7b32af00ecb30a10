"""What people get: placements, campaigns with their creatives, and media. Field names are the product's own words."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from accounts.models import Account
from dmp.models import Segment

slug_like = RegexValidator(r"^[a-z0-9][a-z0-9_-]*$", "Use small letters, digits, - and _.")


class Placement(models.Model):
    """A place in a shop's pages or app where one campaign is shown."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="placements")
    code = models.CharField(max_length=64, validators=[slug_like])
    name = models.CharField(max_length=255, blank=True)
    width = models.PositiveIntegerField("width (px)", null=True, blank=True)
    height = models.PositiveIntegerField("height (px)", null=True, blank=True)
    active = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "code"], name="one_placement_per_code")]

    def __str__(self) -> str:
        return self.code


def texts(length: int = 255) -> ArrayField:  # type: ignore[type-arg]
    return ArrayField(models.CharField(max_length=length), default=list, blank=True)


class Campaign(models.Model):
    """An offer: to whom, where, when and how it competes. An empty list means any."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        LIVE = "live"
        PAUSED = "paused"
        ARCHIVED = "archived"

    class Device(models.TextChoices):
        DESKTOP = "desktop"
        TABLET = "tablet"
        MOBILE = "mobile"

    account = models.ForeignKey(Account, models.CASCADE, related_name="campaigns")
    name = models.CharField(max_length=255)
    slug = models.CharField(max_length=64, validators=[slug_like], help_text="What the site reads as “campaign”.")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.DRAFT)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Not shown from this instant on.")
    placement = models.ForeignKey(
        Placement,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="campaigns",
        help_text="One campaign is shown in a placement. None: data only, always returned when it matches.",
    )
    tier = models.PositiveSmallIntegerField(
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(9)],
        help_text="1 is served first; 9 is the house's own, when nothing else fits.",
    )
    weight = models.PositiveSmallIntegerField(
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="The chance against others of the same tier.",
    )
    label = models.CharField(max_length=64, blank=True, help_text="At most one campaign of a label in a response.")
    platforms = texts()
    devices = ArrayField(models.CharField(max_length=16, choices=Device.choices), default=list, blank=True)
    events = texts(64)
    paths = texts(1024)
    exclude_paths = texts(1024)
    segments = models.ManyToManyField(Segment, blank=True, related_name="campaigns", help_text="Any of these.")
    exclude_segments = models.ManyToManyField(
        Segment, blank=True, related_name="excluding_campaigns", help_text="None of these."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["tier", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "slug"], name="one_campaign_per_slug")]

    def __str__(self) -> str:
        return self.name


class Media(models.Model):
    """An uploaded picture, re-encoded. `sha256` is of the stored file."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="media")
    name = models.CharField(max_length=255)
    file = models.FileField(upload_to="media", max_length=255)
    type = models.CharField(max_length=32, editable=False)
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    alt = models.CharField(max_length=255, blank=True, help_text="What the picture shows, for those who cannot see it.")
    bytes = models.PositiveIntegerField(editable=False)
    sha256 = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "media"
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "sha256"], name="one_medium_per_content")]

    def __str__(self) -> str:
        return self.name


class Creative(models.Model):
    """What is shown: several creatives of a campaign share its chances by weight."""

    class Type(models.TextChoices):
        IMAGE = "image"
        HTML = "html", "HTML"
        JSON = "json", "JSON"

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="creatives")
    name = models.CharField(max_length=64)
    type = models.CharField(max_length=8, choices=Type.choices, default=Type.JSON)
    content = models.JSONField(default=dict, blank=True, help_text='HTML: {"html": "..."}. JSON: what your site reads.')
    media = models.ForeignKey(Media, models.PROTECT, null=True, blank=True, related_name="creatives")
    link = models.URLField(max_length=2048, blank=True)
    weight = models.PositiveSmallIntegerField(default=10, validators=[MinValueValidator(1), MaxValueValidator(100)])
    active = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["campaign", "name"], name="one_creative_per_name")]

    def __str__(self) -> str:
        return self.name
