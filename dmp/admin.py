"""The panel's pages of event types and segments. People and events have pages of their own (`segmenthub.panel`)."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import Script
from django.http import HttpRequest
from django.urls import reverse
from django.utils.timezone import localtime
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.access import Roles, in_account
from accounts.admin.configuration import AttributeAdmin, AttributeForm
from accounts.fields import Json
from accounts.models import Account, Attribute, Role
from accounts.panel import AccountAdmin, AccountForm, AccountTabular, column, named
from accounts.snapshot import Configuration, configuration
from dmp import sizes
from dmp.event_types import STANDARD
from dmp.models import EventType, Property, Segment
from dmp.segments.build import progress
from dmp.segments.offer import offer
from dmp.segments.operands import RuleError
from dmp.segments.parse import parse, parse_computed
from dmp.segments.references import check_references, segments_asking, segments_naming, users_of
from dmp.segments.sentence import computed_in_words, sentence
from dmp.segments.vocabulary import vocabulary

COLORS = {"draft": "", "live": "success", "building": "info", "paused": "warning", "failed": "danger"}


def read_computed(account: Account, raw: object) -> tuple[str, bool]:
    """The type of a computed attribute's values, and whether they may be many. Raises ValidationError."""
    try:
        found = parse_computed(raw, vocabulary(Configuration(account, 0)))
    except RuleError as error:
        raise ValidationError(f"{error.place}: {error.message}" if error.place else error.message) from error
    return found.type, found.kind == "lastList"


def told(attribute: Attribute) -> str:
    """A computed attribute in words; empty where it cannot be read any more."""
    found = configuration(attribute.account_id)
    try:
        return computed_in_words(parse_computed(attribute.computed, vocabulary(found)), found.zone) if found else ""
    except RuleError as error:
        return f"It cannot be computed: {error}"


AttributeForm.readers.append(read_computed)
AttributeAdmin.offers.append(lambda account: offer(vocabulary(Configuration(account, 0))))
AttributeAdmin.tellers.append(told)
AttributeAdmin.users.append(lambda attribute: segments_asking(attribute.account_id, attribute.name))


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
        rows=14,
        label="Who is in",
        help_text="Empty: the segment holds those that you or your server put in.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "rule" in self.fields:
            self.fields["rule"].widget.attrs["data-rule"] = self.instance.name or ""

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        before = self.initial.get("name")
        if before and name != before and (users := segments_naming(self.instance.account_id, before)):
            raise ValidationError(f"The rules of {named(users)} name it “{before}”. Take it out of them first.")
        return name

    def clean_rule(self) -> Any:
        rule = self.cleaned_data["rule"]
        if rule in (None, "", {}):
            return None
        if self.account is not None:
            try:
                parse(rule, vocabulary(Configuration(self.account, 0)))
            except RuleError as error:
                raise ValidationError(str(error)) from error
        return rule

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        name, rule = cleaned.get("name"), cleaned.get("rule")
        if name and rule and self.account is not None:
            try:
                check_references(name, rule, rules_of(self.account.pk, without=self.instance.pk))
            except RuleError as error:
                self.add_error("rule", str(error))
        return cleaned


@admin.register(Segment)
class SegmentAdmin(AccountAdmin):
    form = SegmentForm
    roles = Roles(view=Role.VIEWER, change=Role.MARKETER)
    list_display: ClassVar = ["name", "state", "members", "description", "created_at"]
    list_filter: ClassVar = ["status"]
    search_fields: ClassVar = ["name", "description"]
    fields: ClassVar = ["name", "description", "rule"]
    readonly_fields: ClassVar = ["in_words"]
    list_before_template = "panel/segments_before.html"
    change_form_outer_before_template = "panel/segment_before.html"
    change_form_after_template = "panel/segment_rule.html"
    empty_title = "No segments yet"
    empty_text = (
        "A segment is a named audience, such as VIP. Say in a rule who is in, or put people in by hand or through the"
        " API, and choose it in a campaign."
    )

    class Media:
        js: ClassVar = [Script("segmenthub/rules/builder.js", type="module")]
        css: ClassVar = {"all": ["segmenthub/rules/rules.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).annotate(size=sizes.members())  # type: ignore[no-any-return]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        reads_only = obj is not None and not self.has_change_permission(request, obj)
        return ["name", "description", "in_words"] if reads_only else list(self.fields)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        account, segment = in_account(request).account, kwargs.get("obj")
        if kwargs.get("add") or self.has_change_permission(request, segment):
            known = vocabulary(Configuration(account, 0))
            context["rule_offer"] = offer(known, without=segment.name if segment else "")
        if segment is not None:
            context["progress"] = progress(segment)
            context["edited"] = segment.rule != segment.served_rule()
        context["users"] = [link_to(user, request) for user in users_of(account.pk, segment.name)] if segment else []
        return super().render_change_form(request, context, *args, **kwargs)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        to_delete, counts, perms, protected = super().get_deleted_objects(objs, request)
        in_use = ((segment, users_of(segment.account_id, segment.name)) for segment in objs)
        used = [f"“{segment}” is used by {named(users)}" for segment, users in in_use if users]
        return to_delete, counts, perms, [*protected, *used]

    @column("state", ordering="status", label=COLORS)
    def state(self, segment: Segment) -> tuple[str, str]:
        if segment.status == Segment.Status.BUILDING:
            return segment.status, f"Building {progress(segment)} %"
        if segment.status == Segment.Status.PAUSED and segment.paused_at:
            return segment.status, f"Paused as of {localtime(segment.paused_at):%-d %b %Y %H:%M}"
        return segment.status, segment.get_status_display()

    @column("members")
    def members(self, segment: Any) -> str:
        return sizes.in_words(segment.size)

    @column("in words")
    def in_words(self, segment: Segment) -> str:
        """The rule as a sentence, for those who only read."""
        if segment.rule is None:
            return "Those that were put in by hand or through the API"
        try:
            return sentence(parse(segment.rule, vocabulary(Configuration(segment.account, 0))), segment.account.zone)
        except RuleError as error:
            return str(error)


def link_to(row: Model, request: HttpRequest) -> dict[str, Any]:
    """What kind it is; its name and page for those who may see it."""
    if not admin.site._registry[type(row)].has_view_permission(request, row):
        return {"noun": row._meta.verbose_name}
    page = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return {"name": str(row), "noun": row._meta.verbose_name, "link": reverse(page, args=[row.pk])}


def rules_of(account: UUID, *, without: int | None) -> dict[str, Any]:
    """The rules of an account's other segments by their names."""
    return dict(Segment.objects.filter(account=account).exclude(pk=without or 0).values_list("name", "rule"))
