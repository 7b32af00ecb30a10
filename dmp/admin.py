"""The panel's pages of event types and segments. People and events have pages of their own (`segmenthub.panel`)."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.access import Roles
from accounts.admin.configuration import AttributeAdmin
from accounts.fields import Json
from accounts.models import Role
from accounts.panel import AccountAdmin, AccountForm, AccountTabular, column, named
from dmp import computed, sizes
from dmp.event_types import STANDARD
from dmp.models import EventType, Property, Segment

AttributeAdmin.checks.append(computed.problem)


class EventTypeForm(AccountForm):
    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if code.startswith("$"):
            raise ValidationError("Codes that start with $ are the ad server's own. Start with a letter.")
        return code


class PropertyFormSet(PaginationInlineFormSet):  # type: ignore[misc]
    """The documented properties of a standard event type stay as they are; others may be added."""

    def clean(self) -> None:
        super().clean()
        event_type: EventType = self.instance
        documented = STANDARD.get(event_type.code, ()) if event_type.standard else ()
        for form in self.initial_forms:
            name = form.initial.get("name")
            changed = {"name", "type", "many", "DELETE"} & set(form.changed_data)
            if name in documented and changed:
                raise ValidationError(f"“{name}” is documented for “{event_type.code}”: it keeps its name and type.")


class PropertyInline(AccountTabular):
    model = Property
    formset = PropertyFormSet
    verbose_name_plural = "Properties that its events may carry"


@admin.register(EventType)
class EventTypeAdmin(AccountAdmin):
    form = EventTypeForm
    roles = Roles(view=Role.ANALYST, change=Role.ADMIN)
    list_display: ClassVar = ["code", "kind", "description"]
    list_filter: ClassVar = ["standard"]
    search_fields: ClassVar = ["code", "description"]
    fields: ClassVar = ["code", "description"]
    inlines: ClassVar = [PropertyInline]
    empty_title = "No event types yet"
    empty_text = (
        "An event type is something that your visitors do, such as addToCart. Its code is what your site sends."
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["code"] if obj is not None else []  # recorded events keep the code that they came with

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        standard = isinstance(obj, EventType) and obj.standard
        return super().has_delete_permission(request, obj) and not standard

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        to_delete, counts, perms, protected = super().get_deleted_objects(objs, request)
        standard = [f"{row}: every account has it" for row in objs if row.standard]
        return to_delete, counts, set(), [*protected, *standard]

    @column("kind", ordering="standard", label={"standard": "info", "own": ""})
    def kind(self, event_type: EventType) -> str:
        return "standard" if event_type.standard else "own"


PropertyInline.parent = EventTypeAdmin


class SegmentForm(AccountForm):
    description = forms.CharField(required=False, widget=UnfoldAdminTextareaWidget({"rows": 2}))
    rule = Json(
        required=False,
        rows=8,
        help_text="Empty: the segment holds those that you or your server put in. A rule is kept as a draft: rules are"
        " evaluated from the next release on.",
    )

    def clean_rule(self) -> Any:
        rule = self.cleaned_data["rule"]
        if rule in (None, "", {}):
            return None
        if not isinstance(rule, dict):
            raise ValidationError('A rule is an object such as {"event": "purchase", "within": "30d"}.')
        return rule


@admin.register(Segment)
class SegmentAdmin(AccountAdmin):
    form = SegmentForm
    roles = Roles(view=Role.VIEWER, change=Role.MARKETER)
    list_display: ClassVar = ["name", "state", "members", "description", "created_at"]
    list_filter: ClassVar = ["status"]
    search_fields: ClassVar = ["name", "description"]
    fields: ClassVar = ["name", "description", "rule"]
    change_form_outer_before_template = "panel/segment_before.html"
    empty_title = "No segments yet"
    empty_text = (
        "A segment is a named audience, such as VIP. Make one, put people in by hand or through the API, and choose it"
        " in a campaign."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).annotate(size=sizes.members())  # type: ignore[no-any-return]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        to_delete, counts, perms, protected = super().get_deleted_objects(objs, request)
        used = [f"“{segment}” is used by {named(users)}" for segment in objs if (users := users_of(segment))]
        return to_delete, counts, perms, [*protected, *used]

    @column("state", ordering="status", label={"live": "success", "draft": "warning", "paused": "info"})
    def state(self, segment: Segment) -> tuple[str, str]:
        words = {"draft": "draft: has a rule"}.get(segment.status, segment.get_status_display())
        return segment.status, words

    @column("members")
    def members(self, segment: Any) -> str:
        return sizes.in_words(segment.size)


def users_of(segment: Segment) -> list[Model]:
    """What uses a segment, whichever layer above it is."""
    found: dict[Any, Model] = {}
    for relation in Segment._meta.related_objects:
        if relation.many_to_many:
            rows: Iterable[Any] = relation.related_model._default_manager.filter(Q(**{relation.field.name: segment.pk}))
            found.update({(relation.related_model, row.pk): row for row in rows})
    return list(found.values())
