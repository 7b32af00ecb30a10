"""What marketers make: placements, campaigns with their creatives, and media, in the product's own words."""

import json
import re
import secrets
import unicodedata
from typing import Any, ClassVar
from urllib.parse import urlsplit

import msgspec
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction

from accounts.models import Account, Attribute
from adserver.macros import MacroError, compile_macros
from adserver.written import WRITTEN
from dmp.models import Segment

MAX_CONTENT = 64 * 1024
MOST_DAYS = 90
"""The longest time between a click or view and an order that goes back to it."""
EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}
"""The types of media, with the endings of their files."""
slug_like = RegexValidator(r"^[a-z0-9][a-z0-9_-]*\Z", "Use small letters, digits, - and _.")


def check_link(link: str) -> None:
    """A click leads to a page: nothing that a browser would run, and no host that only looks like the shop's."""
    try:
        parts = urlsplit(WRITTEN.sub("x", link))
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or re.search(r"[\s\x00-\x1f\x7f\\]", WRITTEN.sub("x", link)):
        raise ValidationError("Give a whole address that starts with https:// or http://, without spaces.")
    if not is_plain_host(parts.hostname or ""):
        raise ValidationError("The address's host is written unusually. Write it as browsers show it.")
    if parts.username is not None or parts.password is not None:
        raise ValidationError("Give the address without a user name and password.")
    if problem := macro_problem("image", None, link):
        raise ValidationError(problem)


def is_plain_host(host: str) -> bool:
    """Whether a host is what it looks like: no dots or letters that browsers read as other ones, nothing escaped."""
    if re.search("[%\u3002]", host) or unicodedata.normalize("NFKC", host) != host:
        return False
    try:
        host.encode("idna")
    except UnicodeError:  # an empty or too long part
        return False
    return True


def check_path(pattern: str) -> None:
    if not pattern.startswith(("/", "*")):
        raise ValidationError(f"“{pattern}” starts neither with / nor with *. Write /women/* or *shoes*.")
    if "?" in pattern or "#" in pattern:
        raise ValidationError(f"“{pattern}”: what follows ? or # is not looked at. Leave it out.")


def content_problem(content: Any) -> str | None:
    """What keeps a content from being stored and answered as JSON, in the user's words."""
    try:
        text = json.dumps(content, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
        msgspec.json.encode(content)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return "This cannot be sent as JSON: a number is too large, a text is no Unicode, or it is nested too deeply."
    if "\\u0000" in text.replace("\\\\", ""):
        return "A text holds a NUL character. Take it out."
    if size > MAX_CONTENT:
        return f"The content is {size // 1024 + 1} KiB; at most {MAX_CONTENT // 1024} KiB can be sent with each answer."
    return None


def macro_problem(type: str, content: Any, link: str) -> str | None:
    """What keeps macros from being filled safely, in the user's words."""
    try:
        compile_macros(type, content, link)
    except MacroError as error:
        return str(error)
    return None


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


def texts(length: int = 255, *checks: Any, name: str | None = None) -> ArrayField:  # type: ignore[type-arg]
    return ArrayField(
        models.CharField(max_length=length, validators=checks), verbose_name=name, default=list, blank=True
    )


def new_salt() -> str:
    return secrets.token_hex(8)


class Campaign(models.Model):
    """An offer: to whom, where, when, how often, how much and how it competes. An empty list means any.

    `conditions` is a rule's `where` over the current event. `salt` decides who is held out and who gets which creative:
    it never changes. `amount` belongs to `goal`; times are half-open.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        LIVE = "live"
        PAUSED = "paused"
        ARCHIVED = "archived"

    class Device(models.TextChoices):
        DESKTOP = "desktop"
        TABLET = "tablet"
        MOBILE = "mobile"

    class Goal(models.TextChoices):
        NONE = "none", "no goal"
        IMPRESSIONS = "impressions", "impressions"
        CLICKS = "clicks", "clicks"

    class Pacing(models.TextChoices):
        EVEN = "even", "even: spread until the end"
        ASAP = "asap", "asap: as fast as there are visitors"

    class StopAfter(models.TextChoices):
        NONE = "none", "nothing: go on"
        CLICK = "click", "a click"
        CONVERSION = "conversion", "a conversion"

    class Match(models.TextChoices):
        ANY = "any", "any purchase"
        PRODUCT = "product", "a purchase of what was shown"

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
    events = texts(64, name="after these events")
    paths = texts(1024, check_path)
    exclude_paths = texts(1024, check_path, name="but not on")
    segments = models.ManyToManyField(Segment, blank=True, related_name="campaigns", help_text="Any of these.")
    exclude_segments = models.ManyToManyField(
        Segment, verbose_name="but not in", blank=True, related_name="excluding_campaigns", help_text="None of these."
    )
    conditions = models.JSONField(
        "and only if", null=True, blank=True, help_text="What the event itself must be, such as a price of 50 or more."
    )
    goal = models.CharField(max_length=16, choices=Goal.choices, default=Goal.NONE)
    amount = models.PositiveIntegerField(
        "how many",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="How many; never one more is counted.",
    )
    pacing = models.CharField(max_length=8, choices=Pacing.choices, default=Pacing.EVEN)
    daily_cap = models.PositiveIntegerField(
        "at most a day",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Impressions a day, of all people together.",
    )
    cap = models.PositiveSmallIntegerField(
        "at most, per person",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="Impressions that one person gets at most.",
    )
    cap_hours = models.PositiveSmallIntegerField(
        "within hours",
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 90)],
        help_text="Within so many hours.",
    )
    stop_after = models.CharField(
        "stop for somebody after", max_length=16, choices=StopAfter.choices, default=StopAfter.NONE
    )
    dismiss_days = models.PositiveSmallIntegerField(
        "days after closing it",
        default=30,
        validators=[MaxValueValidator(365)],
        help_text="Not shown for so many days to who closed it; 0: shown again at once.",
    )
    holdout_percent = models.PositiveSmallIntegerField(
        "held out (%)",
        default=0,
        validators=[MaxValueValidator(50)],
        help_text="So many of a hundred people do not get it: against them its effect is measured.",
    )
    salt = models.CharField(max_length=32, default=new_salt, editable=False)
    click_days = models.PositiveSmallIntegerField(
        "a click counts for days", default=7, validators=[MinValueValidator(1), MaxValueValidator(MOST_DAYS)]
    )
    view_days = models.PositiveSmallIntegerField(
        "a view counts for days", default=1, validators=[MaxValueValidator(MOST_DAYS)]
    )
    match = models.CharField("what counts", max_length=8, choices=Match.choices, default=Match.ANY)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["tier", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "slug"], name="one_campaign_per_slug")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValidationError({"ends_at": "The end is not after the start."})
        if self.placement and self.placement.account_id != self.account_id:
            raise ValidationError({"placement": "This placement belongs to another account."})
        if (self.goal != self.Goal.NONE) != (self.amount is not None):
            text = "Say how many." if self.amount is None else "An amount needs a goal: impressions or clicks."
            raise ValidationError({"amount": text})


def media_path(media: "Media", name: str) -> str:
    """Never the uploader's name for a file: it may tell, or lie."""
    return f"{media.account_id}/{media.sha256}.{EXTENSIONS[media.type]}"


class Media(models.Model):
    """An uploaded picture, re-encoded by `adserver.media`. `sha256` is of the stored file."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="media")
    name = models.CharField(max_length=255)
    file = models.FileField(upload_to=media_path, max_length=255)
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

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """The file goes with the row, once that is sure."""
        storage, file = self.file.storage, str(self.file.name)
        deleted = super().delete(*args, **kwargs)
        transaction.on_commit(lambda: storage.delete(file))
        return deleted


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
    link = models.CharField(max_length=2048, blank=True, validators=[check_link], help_text="Where a click leads.")
    weight = models.PositiveSmallIntegerField(default=10, validators=[MinValueValidator(1), MaxValueValidator(100)])
    active = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["campaign", "name"], name="one_creative_per_name")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        campaign = getattr(self, "campaign", None)
        if self.media and campaign and self.media.account_id != campaign.account_id:
            raise ValidationError({"media": "This picture belongs to another account."})
        if problem := content_problem(self.content):
            raise ValidationError({"content": problem})
        if problem := self.content_fault():
            raise ValidationError({"media" if self.type == self.Type.IMAGE else "content": problem})
        if campaign:
            self.check_macros(campaign.account_id)

    def check_macros(self, account: Any) -> None:
        """Attributes that the account defines; in a link none that is personal: who clicks has proven nothing."""
        try:
            found = compile_macros(self.type, self.content, self.link)
        except MacroError:  # told by the checks of the link and the content
            return
        if found is None:
            return
        asked = found.content_names | found.link_names
        known = {row.name: row for row in Attribute.objects.filter(account=account, name__in=asked)}
        for field, names in (("content", found.content_names), ("link", found.link_names)):
            if missing := sorted(names - known.keys()):
                text = f"There is no attribute “{missing[0]}”. Define it under Account > Attributes."
                raise ValidationError({field: text})
        if private := sorted(name for name in found.link_names if known[name].personal or known[name].identifier):
            text = f"“{private[0]}” is personal: a link is opened without a proof of who opens it. Leave it out."
            raise ValidationError({"link": text})

    def products(self) -> frozenset[str]:
        """What a JSON creative says that it shows: `sku`, a text or number, or `skus`, a list of them."""
        content = self.content if self.type == self.Type.JSON and isinstance(self.content, dict) else {}
        listed = content.get("skus")
        told = [content.get("sku"), *(listed if isinstance(listed, list) else [])]
        return frozenset(str(sku) for sku in told if isinstance(sku, str | int))

    def problem(self) -> str | None:
        """What keeps the creative from being shown as its type promises, in the user's words; None when nothing."""
        return macro_problem("image", None, self.link) or self.content_fault()

    def content_fault(self) -> str | None:
        if self.type == self.Type.IMAGE:
            return None if self.media_id else "An image needs a picture. Choose one, or upload it under Media."
        if self.type == self.Type.HTML and not is_html(self.content):
            return 'HTML is written as {"html": "<a …>…</a>"}.'
        return content_problem(self.content) or macro_problem(self.type, self.content, "")


def is_html(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and content.keys() == {"html"}
        and isinstance(content["html"], str)
        and bool(content["html"].strip())
    )
