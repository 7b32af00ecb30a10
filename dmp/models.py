"""What devices do: event types, events, visitors, segments and who is in them.

Tables that hold people or what they do are "hot": their primary key starts with the person's key, they have no foreign
key in the database and no sequence, so that they can be spread over machines (see `segmenthub.scale`).
"""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import RegexValidator
from django.db import models

from accounts.models import Account, ValueType


class EventType(models.Model):
    """A kind of event that an account's platforms may send. Three standard ones exist in every account; those that
    start with `$` are the ad server's own."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="event_types")
    code = models.CharField(
        max_length=64,
        validators=[
            RegexValidator(r"^[A-Za-z][A-Za-z0-9_.:-]*$", "Start with a letter; then letters, digits, _ . : -")
        ],
    )
    description = models.CharField(max_length=255, blank=True)
    standard = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "code"], name="one_event_type_per_code")]

    def __str__(self) -> str:
        return self.code


class Property(models.Model):
    """A declared property of an event type: checked when the event comes in, usable in rules."""

    event_type = models.ForeignKey(EventType, models.CASCADE, related_name="properties")
    name = models.CharField(
        max_length=64, validators=[RegexValidator(r"^[A-Za-z_][A-Za-z0-9_.-]*$", "Letters, digits, _ . -")]
    )
    type = models.CharField(max_length=16, choices=ValueType.choices, default=ValueType.TEXT)
    many = models.BooleanField("many values", default=False)
    required = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "properties"
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["event_type", "name"], name="one_property_per_name")]

    def __str__(self) -> str:
        return self.name


class Person(models.Model):
    """What a visitor and a profile have in common. `key` is made from the account and the identifier, so that people
    of two accounts can never be the same row.

    `attributes` is {name: {"values": [...], "at": time written, "changed": time of the last other value, "source": who
    wrote it}}.
    `segments` holds the ids of the segments that the person is in; `pins_in` and `pins_out` those set by hand.
    """

    key = models.UUIDField(primary_key=True, editable=False)
    account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    created_at = models.DateTimeField()
    attributes = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    segments = ArrayField(models.BigIntegerField(), default=list)
    pins_in = ArrayField(models.BigIntegerField(), default=list)
    pins_out = ArrayField(models.BigIntegerField(), default=list)
    due_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Visitor(Person):
    """A device, known by the UUID4 that its SDK made. `first_seen` and `last_seen` are event times, null without
    events; what follows them is of the newest event. `profile` is the open link's profile, a copy that
    `cdp.identity` keeps under this row's lock."""

    visitor_id = models.UUIDField()
    first_seen = models.DateTimeField(null=True)
    last_seen = models.DateTimeField(null=True)
    platform = models.CharField(max_length=255, null=True)
    device = models.CharField(max_length=255, null=True)
    country = models.CharField(max_length=8, null=True)
    language = models.CharField(max_length=16, null=True)
    utm = models.JSONField(null=True)
    utm_at = models.DateTimeField(null=True)
    profile = models.UUIDField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "key"], name="visitor_of_account")]

    def __str__(self) -> str:
        return str(self.visitor_id)


class Event(models.Model):
    """Something a visitor did. Never updated. Partitioned by month of `time` (`dmp.partitions`).

    The documented properties have typed columns; all others are in `properties`. `identifier` is the key of the
    identifier that the event asserted, if any: links are computed from it. A `bot`'s event counts nowhere.
    """

    pk = models.CompositePrimaryKey("visitor", "time", "id")
    visitor = models.UUIDField()
    time = models.DateTimeField()
    id = models.UUIDField()
    account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    event = models.CharField(max_length=64)
    identifier = models.UUIDField(null=True)
    bot = models.BooleanField(default=False)
    platform = models.TextField(null=True)
    device = models.TextField(null=True)
    path = models.TextField(null=True)
    referrer = models.TextField(null=True)
    sku = models.TextField(null=True)
    price = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    brand = models.TextField(null=True)
    breadcrumb = models.TextField(null=True)
    category = models.TextField(null=True)
    order_id = models.TextField(null=True)
    order_total = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    purchased_items = ArrayField(models.TextField(), null=True)
    properties = models.JSONField(null=True)

    class Meta:
        db_table = "dmp_event"

    def __str__(self) -> str:
        return f"{self.event} at {self.time}"


class Once(models.Model):
    """What may be recorded once: an order for ever, an eventId until `expires_at`. The key is made from the account
    and the orderId or eventId; `event` is the one that was recorded."""

    key = models.UUIDField(primary_key=True)
    event = models.UUIDField()
    refund = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.key)


class Segment(models.Model):
    """A named audience. Without a rule it is static: only people pinned by hand or through the API are in it."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        LIVE = "live"
        PAUSED = "paused"

    account = models.ForeignKey(Account, models.CASCADE, related_name="segments")
    name = models.CharField(
        max_length=255, validators=[RegexValidator(r"^[^\x00-\x1f\x7f]+$", "No control characters.")]
    )
    description = models.TextField(blank=True)
    rule = models.JSONField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.LIVE, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "name"], name="one_segment_per_name")]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **kwargs: object) -> None:
        """A rule is kept as a draft: rules are not evaluated yet, and a draft says so."""
        self.status = self.Status.DRAFT if self.rule is not None else self.Status.LIVE
        super().save(*args, **kwargs)  # type: ignore[arg-type]


class Level(models.TextChoices):
    VISITOR = "visitor"
    PROFILE = "profile"


class Membership(models.Model):
    """A person's standing in a segment. Effective = the pin, else the rule."""

    class Pin(models.TextChoices):
        IN = "in"
        OUT = "out"

    pk = models.CompositePrimaryKey("person", "segment")
    person = models.UUIDField()
    segment = models.ForeignKey(Segment, models.DO_NOTHING, db_constraint=False, related_name="+")
    account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    level = models.CharField(max_length=8, choices=Level.choices)
    pinned = models.CharField(max_length=4, choices=Pin.choices, null=True)
    by_rule = models.BooleanField(default=False)
    entered_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)
    next_check_at = models.DateTimeField(null=True)
    revision = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.person} in {self.segment_id}"


class MembershipChange(models.Model):
    """History: a person entered or left a segment, when and why. Written in the transaction that made it so."""

    class Cause(models.TextChoices):
        EVENT = "event"
        CLOCK = "clock"
        MERGE = "merge"
        EDIT = "edit"
        PIN = "pin"

    pk = models.CompositePrimaryKey("person", "id")
    person = models.UUIDField()
    id = models.UUIDField(default=uuid.uuid4)
    segment = models.ForeignKey(Segment, models.DO_NOTHING, db_constraint=False, related_name="+")
    account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    entered = models.BooleanField()
    at = models.DateTimeField()
    cause = models.CharField(max_length=8, choices=Cause.choices)

    class Meta:
        db_table = "dmp_membership_change"
        indexes: ClassVar = [models.Index(fields=["segment", "at"], name="changes_of_segment")]

    def __str__(self) -> str:
        return f"{self.person} {'entered' if self.entered else 'left'} {self.segment_id}"
