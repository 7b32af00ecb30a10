"""Who is behind the devices: profiles, the identifiers that name them, and their links to visitors."""

from typing import ClassVar

from django.db import models

from accounts.models import Account, Attribute
from dmp.models import Person


class Profile(Person):
    """A person known to the shop. Its key is the key of its first identifier and never changes; `name` is that
    identifier as it was given. A merged profile keeps its row and points to the survivor. `bucket`, the visitorId of
    its first device, is what groups and draws hash: it survives merges."""

    name = models.CharField(max_length=255)
    bucket = models.UUIDField(null=True)
    merged_into = models.UUIDField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "key"], name="profile_of_account"),
            models.Index(fields=["due_at"], name="profiles_due", condition=models.Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.name


class Identifier(models.Model):
    """One name of a profile. `key` is made from account, type and normalised value: unique by construction.
    `blocked_at`: it joined too many new devices within an hour and links nothing since (identity rule 11)."""

    key = models.UUIDField(primary_key=True)
    account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    type = models.CharField(max_length=16, choices=Attribute.Identifier.choices)
    value = models.CharField(max_length=255)
    profile = models.UUIDField()
    created_at = models.DateTimeField()
    blocked_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["profile"], name="identifiers_of_profile"),
            # The panel finds a profile by how its identifier begins.
            models.Index(
                fields=["account", "value"],
                name="identifier_of_account",
                opclasses=["uuid_ops", "varchar_pattern_ops"],
            ),
        ]

    def __str__(self) -> str:
        return self.value


class Link(models.Model):
    """From `since` on the visitor belongs to `profile` (to nobody where null), until the next link of the visitor."""

    class Cause(models.TextChoices):
        EVENT = "event"
        LIMIT = "limit", "device limit"

    pk = models.CompositePrimaryKey("visitor", "since")
    visitor = models.UUIDField()
    since = models.DateTimeField()
    profile = models.UUIDField(null=True)
    cause = models.CharField(max_length=8, choices=Cause.choices, default=Cause.EVENT)

    def __str__(self) -> str:
        return f"{self.visitor} since {self.since}"


class Device(models.Model):
    """A profile's side of its links: each visitor that is or was linked to it, so that a profile's devices are read by
    its own key. `linked_at` is the arrival of the first link; `imported` ones do not count for identity rule 11."""

    pk = models.CompositePrimaryKey("profile", "visitor")
    profile = models.UUIDField()
    visitor = models.UUIDField()
    identifier = models.UUIDField()
    open = models.BooleanField(default=True)
    linked_at = models.DateTimeField()
    imported = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.visitor} of {self.profile}"
