"""Who may do what with which data: accounts, their people, platforms, attribute definitions and API tokens."""

import secrets
import uuid
from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, RegexValidator
from django.db import models, transaction

NEVER_IDENTIFIERS = (
    *("-1", "null", "none", "nil", "undefined", "nan", "true", "false", "anonymous", "guest", "unknown"),
    *("email", "id", "userid", "[object object]"),
)
ACCESS = {
    "profiles:read": "Read profiles",
    "profiles:write": "Write profiles",
    "visitors:read": "Read visitors",
    "visitors:write": "Write visitors",
    "segments:read": "List the members of segments",
    "events:import": "Import events",
    "explain": "Explain decisions",
}
no_control_characters = RegexValidator(r"^[^\x00-\x1f\x7f]+$", "Use no control characters.")


def never_identifiers() -> list[str]:
    return list(NEVER_IDENTIFIERS)


def identity_secret() -> str:
    return secrets.token_urlsafe(32)


def check_time_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"“{name}” is no time zone. Take a name such as Europe/Istanbul or UTC.")


def check_origin(text: str) -> None:
    """Refuses what no browser sends as `Origin`: the platform's own pages would be refused."""
    origin = text.rstrip("/").lower()
    try:
        parts = urlsplit(origin)
    except ValueError:
        parts = urlsplit("")
    whole = f"{parts.scheme}://{parts.netloc}" == origin
    if parts.scheme not in ("http", "https") or not parts.hostname or not whole or "*" in origin:
        raise ValidationError("Give scheme and host only, such as https://www.example.com.")


def check_texts(values: object) -> None:
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise ValidationError("Give a list of texts.")


class Account(models.Model):
    """A shop: everything else belongs to exactly one account. Named in the API by its `id`."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, help_text="What the SDK and servers send as “account”.")
    name = models.CharField(max_length=255)
    timezone = models.CharField(max_length=64, default="UTC", validators=[check_time_zone])
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    link_history = models.BooleanField(
        "link past behaviour",
        default=True,
        help_text="When a device becomes known, what it did before belongs to the profile too.",
    )
    keep_links = models.BooleanField(
        "keep devices linked",
        default=True,
        help_text="A known device stays its profile's when an event comes without a profileId. Off: until logout only.",
    )
    never_identifiers = ArrayField(
        models.CharField(max_length=255),
        default=never_identifiers,
        blank=True,
        help_text="Values that are never a profileId, in any case; so are values of zeros and dashes only.",
    )
    require_signed_profiles = models.BooleanField(
        default=False,
        help_text="A profileId links a device only when profileSignature proves that your server knows it.",
    )
    identity_secret = models.CharField(max_length=64, default=identity_secret, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    starters: ClassVar[list[Callable[["Account"], None]]] = []
    """What each layer gives a new account (its standard event types, ...); added to in the layers' `apps.py`."""

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        is_new = self._state.adding
        with transaction.atomic():
            super().save(*args, **kwargs)
            for start in self.starters if is_new else ():
                start(self)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class ConfigurationVersion(models.Model):
    """Counts the changes of an account's configuration. Written by a database trigger of each configuration table, so
    that no way of writing is missed; read by `accounts.snapshot`."""

    account = models.OneToOneField(Account, models.DO_NOTHING, primary_key=True, related_name="+", db_constraint=False)
    version = models.BigIntegerField(default=0)

    class Meta:
        db_table = "accounts_configuration_version"

    def __str__(self) -> str:
        return f"{self.account_id}: {self.version}"


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email__iexact=email)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_superuser=True, **fields)


class User(AbstractBaseUser):
    """A person who works in the panel. What they may do is their role in each account; an operator
    (`is_superuser`) may work in every account."""

    email = models.EmailField("e-mail", unique=True)
    name = models.CharField(max_length=255, blank=True)
    is_active = models.BooleanField(default=True)
    is_superuser = models.BooleanField("operator", default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = UserManager()
    USERNAME_FIELD = "email"

    class Meta:
        ordering: ClassVar = ["email"]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        self.email = self.email.strip().lower()

    @property
    def is_staff(self) -> bool:
        """The panel's own login asks for this name: each active user may enter; roles decide what is there."""
        return self.is_active

    # The panel decides by role (segmenthub.panel); Django's permission tables are not used.
    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_active and self.is_superuser

    def has_perms(self, perms: Sequence[str], obj: object = None) -> bool:
        return self.is_active and self.is_superuser

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active


class Role(models.TextChoices):
    """From most to least. Each may do what those after it may."""

    OWNER = "owner"
    ADMIN = "admin"
    MARKETER = "marketer"
    ANALYST = "analyst"
    VIEWER = "viewer"


class Member(models.Model):
    """A user's role in one account."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="members")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)

    class Meta:
        verbose_name = "user"
        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "user"], name="one_role_per_account")]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class Platform(models.Model):
    """A website or app that sends events, known by its code. Example: www.example.com"""

    class Type(models.TextChoices):
        WEB = "web"
        IOS = "ios"
        ANDROID = "android"
        SERVER = "server"

    account = models.ForeignKey(Account, models.CASCADE, related_name="platforms")
    code = models.CharField(max_length=255, validators=[no_control_characters])
    type = models.CharField(max_length=16, choices=Type.choices, default=Type.WEB)
    origins = ArrayField(
        models.CharField(max_length=255),
        default=list,
        blank=True,
        help_text="Origins that may send events from a browser, e.g. https://www.example.com. None: any.",
    )

    class Meta:
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "code"], name="one_platform_per_code")]

    def __str__(self) -> str:
        return self.code

    def clean(self) -> None:
        for nth, origin in enumerate(self.origins, 1):
            try:
                check_origin(origin)
            except ValidationError as error:
                told = f"“{origin}”: {error.message}"
                raise ValidationError({"origins": ValidationError(told, "item_invalid", {"nth": nth})}) from error


class ValueType(models.TextChoices):
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"


class Attribute(models.Model):
    """What a shop knows of its visitors and profiles. With `computed` (identity rule 15) the value comes from events
    and cannot be written."""

    class Merge(models.TextChoices):
        NEWEST = "newest"
        OLDEST = "oldest"
        NON_EMPTY = "nonEmpty", "non-empty"
        SUM = "sum"
        MAX = "max"
        UNION = "union"

    class Identifier(models.TextChoices):
        EMAIL = "email", "e-mail"
        PHONE = "phone"
        USER_ID = "userId", "user id"

    account = models.ForeignKey(Account, models.CASCADE, related_name="attributes")
    name = models.CharField(
        max_length=64,
        validators=[RegexValidator(r"^[A-Za-z][A-Za-z0-9_.-]*$", "Start with a letter; then letters, digits, _ . -")],
    )
    type = models.CharField(max_length=16, choices=ValueType.choices, default=ValueType.TEXT)
    many = models.BooleanField("many values", default=False)
    personal = models.BooleanField("personal data", default=False)
    identifier = models.CharField(
        max_length=16,
        choices=Identifier.choices,
        blank=True,
        help_text="Written by a token, it identifies the profile.",
    )
    merge = models.CharField("when profiles merge", max_length=16, choices=Merge.choices, default=Merge.NEWEST)
    computed = models.JSONField(null=True, blank=True, help_text="Empty: written through the API.")

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "name"], name="one_attribute_per_name")]

    def __str__(self) -> str:
        return self.name


class ApiToken(models.Model):
    """A secret of a shop's server. Only its SHA-256 is kept: the secret has 190 bits, so nothing slower is needed."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=255, validators=[no_control_characters])
    prefix = models.CharField(max_length=16, editable=False)
    digest = models.BinaryField(unique=True, editable=False)
    access = ArrayField(models.CharField(max_length=32, choices=list(ACCESS.items())), default=list, blank=True)
    read_attributes = models.JSONField(
        "readable attributes", default=list, blank=True, validators=[check_texts], help_text='Names, or "*" for all.'
    )
    write_attributes = models.JSONField(
        "writable attributes", default=list, blank=True, validators=[check_texts], help_text='Names, or "*" for all.'
    )
    rate_limit = models.PositiveIntegerField(
        null=True, blank=True, help_text="Requests a minute, as many at once. Empty: no limit."
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "API token"
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "name"], name="one_token_per_name")]

    def __str__(self) -> str:
        return self.name


class Refusal(models.Model):
    """How many requests of an account were refused in an hour, and why: what a marketer who forgot to register a
    platform must see. Written by `accounts.refusals`."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="refusals")
    hour = models.DateTimeField()
    endpoint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    field = models.CharField(max_length=64)
    code = models.CharField(max_length=32)
    sample = models.TextField(blank=True, validators=[MaxLengthValidator(255)], help_text="The newest message.")
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = "refused request"
        ordering: ClassVar = ["-hour", "-count"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "hour", "endpoint", "status", "field", "code"], name="one_count_per_refusal"
            )
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.field} {self.code}"
