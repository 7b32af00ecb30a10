"""What devices do: event types, events, visitors, segments and who is in them.

Tables that hold people or what they do are "hot": their primary key starts with the person's key, they have no foreign
key in the database and no sequence, so that they can be spread over machines (see `segmenthub.scale`).
"""

import uuid
from typing import Any, ClassVar

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
    `segments` holds the ids of the segments' revisions whose rule holds; `pins_in` and `pins_out` the ids of segments
    set by hand. `due_at` is the least `next_check_at` of the person's memberships: who reads the person from then on
    evaluates those first. `lease_until`: a worker is at it until then.
    """

    key = models.UUIDField(primary_key=True, editable=False)
    account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    created_at = models.DateTimeField()
    attributes = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    segments = ArrayField(models.BigIntegerField(), default=list)
    pins_in = ArrayField(models.BigIntegerField(), default=list)
    pins_out = ArrayField(models.BigIntegerField(), default=list)
    due_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)

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
        indexes: ClassVar = [
            models.Index(fields=["account", "key"], name="visitor_of_account"),
            models.Index(fields=["due_at"], name="visitors_due", condition=models.Q(due_at__isnull=False)),
        ]

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


EDITED = ("account", "name", "description", "rule")
"""The columns of a segment that people write."""


class Segment(models.Model):
    """A named audience. Without a rule it is static: only people pinned by hand or through the API are in it.

    The rule that is served is that of `revision`: an edit is built aside as a new one and then switched to
    (`dmp.segments.build`); until then the old one serves. `failure` says why a build failed. From `paused_at` on the
    segment keeps who was in, until a new revision is switched to (`dmp.segments.pausing`).
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        BUILDING = "building"
        LIVE = "live"
        PAUSED = "paused"
        FAILED = "failed"

    account = models.ForeignKey(Account, models.CASCADE, related_name="segments")
    name = models.CharField(
        max_length=255, validators=[RegexValidator(r"^[^\x00-\x1f\x7f]+$", "No control characters.")]
    )
    description = models.TextField(blank=True)
    rule = models.JSONField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.LIVE, editable=False)
    failure = models.TextField(blank=True, editable=False)
    paused_at = models.DateTimeField(null=True, editable=False)
    revision = models.BigIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "name"], name="one_segment_per_name")]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A rule that is not the one served makes the segment one to build; so does its removal. One that is paused
        stays so, and a draft with the same rule too. What builds write is left alone, so that a switch beside an edit
        is not lost."""
        if not self._state.adding and kwargs.get("update_fields") is None:
            kwargs["update_fields"] = EDITED
        if self._state.adding or (self.rule != self.served_rule() and not self.waits()):
            self.status = self.Status.LIVE if self.rule is None and self.revision is None else self.Status.BUILDING
            if (fields := kwargs.get("update_fields")) is not None:
                kwargs["update_fields"] = {*fields, "status"}
        super().save(*args, **kwargs)

    def waits(self) -> bool:
        """Whether it is built only when somebody says so."""
        if self.status == self.Status.DRAFT:
            return Segment.objects.filter(pk=self.pk, rule=self.rule, status=self.status).exists()
        return self.status == self.Status.PAUSED and self.rule is not None

    def served_rule(self) -> Any:
        served = Segment.objects.filter(pk=self.pk).values("revision")  # as it is now: a build may have switched
        return SegmentRevision.objects.filter(pk__in=served).values_list("rule", flat=True).first()


class SegmentRevision(models.Model):
    """A rule as it is or was evaluated; one that is paused is not, but its members stay. `references`: {name of a
    segment in the rule: [segment, its revision]}, `definitions`: {name of an attribute in the rule: how it is computed,
    null where it is written}, `zone` and `types` ({"attributes": {name: type}, "properties": {event: {name: [type,
    many]}}}) are those of what the rule names: all bound when the build began. `declined`: the same of a build
    that was cancelled, which is not begun again for that. Those of one `build` are switched to together."""

    class State(models.TextChoices):
        BUILDING = "building"
        LIVE = "live"
        PAUSED = "paused"
        RETIRED = "retired"

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="revisions")
    rule = models.JSONField()
    references = models.JSONField(default=dict)
    definitions = models.JSONField(default=dict)
    zone = models.CharField(max_length=64, default="UTC")
    types = models.JSONField(default=dict, db_default={})
    declined = models.JSONField(null=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.BUILDING)
    build = models.UUIDField()
    rank = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "dmp_segment_revision"
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.segment_id} revision {self.pk}"


class BuildPart(models.Model):
    """A piece of a build's work list: one revision at one level over a range of keys, `low` <= key < `high`. Done parts
    tell the progress; a part whose worker died is free again once its lease has run out."""

    build = models.UUIDField()
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    revision = models.BigIntegerField()
    rank = models.PositiveSmallIntegerField()
    level = models.CharField(max_length=8)
    low = models.UUIDField()
    high = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "dmp_build_part"
        indexes: ClassVar = [models.Index(fields=["build"], name="parts_of_build")]

    def __str__(self) -> str:
        return f"{self.level} of revision {self.revision} from {self.low}"


class Level(models.TextChoices):
    VISITOR = "visitor"
    PROFILE = "profile"


class Membership(models.Model):
    """A person's standing in a segment. Effective = the pin, else the rule. A pin's row has revision 0; the rule's
    rows have one for each revision that serves or is being built. While one is built, a row that says neither shows
    that an event has decided on the person already."""

    class Pin(models.TextChoices):
        IN = "in"
        OUT = "out"

    pk = models.CompositePrimaryKey("person", "segment", "revision")
    person = models.UUIDField()
    segment = models.ForeignKey(Segment, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    level = models.CharField(max_length=8, choices=Level.choices)
    pinned = models.CharField(max_length=4, choices=Pin.choices, null=True)
    by_rule = models.BooleanField(default=False)
    entered_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)
    next_check_at = models.DateTimeField(null=True)
    revision = models.BigIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["segment", "revision", "person"], name="members_of_segment"),
            models.Index(
                fields=["segment", "next_check_at"],
                name="memberships_due",
                condition=models.Q(next_check_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} in {self.segment_id}"


class MembershipChange(models.Model):
    """History: a person entered or left a segment, when and why. Written in the transaction that made it so; `untold`
    until the messages to webhooks are made of it."""

    class Cause(models.TextChoices):
        EVENT = "event"
        CLOCK = "clock"
        MERGE = "merge"
        LINK = "link"
        EDIT = "edit"
        PIN = "pin"

    pk = models.CompositePrimaryKey("person", "id")
    person = models.UUIDField()
    id = models.UUIDField(default=uuid.uuid4)
    segment = models.ForeignKey(Segment, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    level = models.CharField(max_length=8, choices=Level.choices)
    entered = models.BooleanField()
    at = models.DateTimeField()
    cause = models.CharField(max_length=8, choices=Cause.choices)
    untold = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "dmp_membership_change"
        indexes: ClassVar = [
            models.Index(fields=["segment", "at"], include=["level", "cause", "entered"], name="moves_of_segment"),
            models.Index(fields=["account", "at"], name="changes_untold", condition=models.Q(untold=True)),
        ]

    def __str__(self) -> str:
        return f"{self.person} {'entered' if self.entered else 'left'} {self.segment_id}"


import dmp.webhooks.models  # noqa: E402, F401  (a part of these models, in a module of its own)
