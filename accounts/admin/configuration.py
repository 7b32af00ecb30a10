"""Settings of the account, platforms and attributes."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import Script
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.access import Roles, Standing, in_account, standing_of
from accounts.fields import Json, Lines
from accounts.models import Account, Attribute, Platform, Role, ValueType, check_origin, check_time_zone
from accounts.panel import AccountAdmin, AccountForm, column, named

TIME_ZONES = (
    *("UTC", "Europe/Istanbul", "Europe/London", "Europe/Berlin", "Europe/Paris", "Europe/Madrid", "Europe/Athens"),
    *("Europe/Moscow", "Africa/Cairo", "Africa/Lagos", "Africa/Johannesburg", "Asia/Dubai", "Asia/Riyadh"),
    *("Asia/Karachi", "Asia/Kolkata", "Asia/Singapore", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney"),
    *("America/Sao_Paulo", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
)


class AccountSettings(AccountForm):
    never_identifiers = Lines(
        required=False,
        label="Names of nobody",
        help_text="One on each line: values that are never a profileId, in any case; so are values of zeros and dashes"
        " only.",
        item=forms.CharField(max_length=255),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "timezone" in self.fields:
            stored = self.instance.timezone
            names = [*TIME_ZONES, *([stored] if stored not in TIME_ZONES else [])]
            self.fields["timezone"] = forms.ChoiceField(
                choices=[(name, name.replace("_", " ")) for name in names],
                widget=UnfoldAdminSelectWidget(),
                validators=[check_time_zone],
                label="Time zone",
                help_text="The days of rules and reports begin at midnight here.",
            )


@admin.register(Account)
class AccountsAdmin(AccountAdmin):
    """An owner sees the own account as its settings; an operator sees all accounts."""

    form = AccountSettings
    roles = Roles(view=Role.ADMIN, change=Role.OWNER)
    exclude: ClassVar = []
    list_display: ClassVar = ["name", "state", "timezone", "id", "created_at"]
    search_fields: ClassVar = ["name", "id__exact"]
    change_form_outer_before_template = "panel/account_before.html"
    fieldsets: ClassVar = [
        (None, {"fields": ["name", "id", "timezone", "status"]}),
        (
            "Who is who",
            {
                "fields": ["link_history", "keep_links", "require_signed_profiles", "never_identifiers"],
                "description": "How devices and profiles are brought together.",
            },
        ),
    ]

    def of_account(self, rows: QuerySet[Any], standing: Standing | None) -> QuerySet[Any]:
        if standing is None or standing.operator:
            return rows
        return rows.filter(pk=standing.account.pk)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_operator(request) or super().has_view_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_operator(request) or super().has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_operator(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # a shop's data go by an erasure, not by a click

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["id"] if is_operator(request) else ["id", "status"]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        standing = standing_of(request)
        if standing is not None and not standing.operator and self.has_view_permission(request):
            return HttpResponseRedirect(reverse("panel:accounts_account_change", args=[standing.account.pk]))
        return super().changelist_view(request, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=[name for name in form.changed_data if name in form.cleaned_data])
        else:
            obj.save()

    @column("status", label={"active": "success", "suspended": "danger"})
    def state(self, account: Account) -> tuple[str, str]:
        return account.status, account.get_status_display()


def is_operator(request: HttpRequest) -> bool:
    return bool(request.user.is_active and getattr(request.user, "is_superuser", False))


class PlatformForm(AccountForm):
    origins = Lines(
        required=False,
        placeholder="https://www.example.com",
        help_text="One on each line. Only pages of these origins may send events from a browser. None: any.",
        item=forms.CharField(max_length=255, validators=[check_origin]),
    )


@admin.register(Platform)
class PlatformAdmin(AccountAdmin):
    form = PlatformForm
    roles = Roles(view=Role.ANALYST, change=Role.ADMIN)
    list_display: ClassVar = ["code", "type", "listed"]
    list_filter: ClassVar = ["type"]
    search_fields: ClassVar = ["code"]
    fields: ClassVar = ["code", "type", "origins"]
    change_form_outer_before_template = "panel/platform_before.html"
    empty_title = "No platforms yet"
    empty_text = (
        "A platform is a website or an app that sends events. Add one: its code, such as www.example.com, is what the"
        " site sends as “platform”. Until then its events are refused."
    )

    @column("allowed origins")
    def listed(self, platform: Platform) -> str:
        return ", ".join(platform.origins) or "any"


ReadComputed = Callable[[Account, object], tuple[str, bool]]
"""(account, definition) -> the type of its values and whether there may be many. Raises ValidationError."""


HELP = {
    "many": "It may have several values at once, such as favourite brands.",
    "personal": "A name, an e-mail or the like: creatives say it only where your server's signature proves who it is.",
    "merge": "Which value stays when two profiles turn out to be one person.",
}


class AttributeForm(AccountForm):
    computed = Json(
        required=False,
        rows=5,
        label="Computed from events",
        help_text="Empty: written through the API. Else what is taken of which events: "
        '{"as": "sum", "event": "purchase", "property": "orderTotal", "within": "90d"}. “as” is count, sum, avg, min,'
        " max, first, last, lastList (with “limit”), uniqueCount, mostFrequent or timeSinceLast (seconds); “where” and"
        " “within” are written as in the rules of segments.",
    )

    readers: ClassVar[list[ReadComputed]] = []
    """Added to by the layer that computes attributes (`dmp.admin`)."""
    may_be_plain: ClassVar[bool] = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "computed" in self.fields:
            self.fields["computed"].widget.attrs["data-computed"] = ""
        for name, text in HELP.items():
            if name in self.fields:
                self.fields[name].help_text = text
        if "type" in self.fields:
            words = {ValueType.BOOLEAN: "Yes or no", ValueType.DATETIME: "Date and time"}
            self.fields["type"].choices = [(code, words.get(code, code.label)) for code in ValueType]  # type: ignore[attr-defined]

    def clean_computed(self) -> Any:
        computed = self.cleaned_data["computed"]
        return None if computed in (None, "", {}) else computed

    def clean(self) -> dict[str, Any]:
        """The values have the type and the number that the definition gives them."""
        cleaned = super().clean() or self.cleaned_data
        computed = cleaned.get("computed")
        if computed is None and "computed" in cleaned and not self.may_be_plain:
            self.add_error("computed", "Say what is taken of which events: other attributes are an admin's to define.")
        if computed is None or self.account is None:
            return cleaned
        if cleaned.get("identifier"):
            self.add_error("identifier", "A computed value identifies nobody.")
        for read in self.readers:
            try:
                type, many = read(self.account, computed)
            except ValidationError as error:
                self.add_error("computed", error)
                return cleaned
            if self.instance._state.adding:
                cleaned |= {"type": type, "many": many}
            elif (type, many) != (self.instance.type, self.instance.many):
                told = f"{type}, {'many values' if many else 'one value'}"
                self.add_error(
                    "computed", f"This gives {told}, which “{self.instance}” is not: make another attribute."
                )
        return cleaned


@admin.register(Attribute)
class AttributeAdmin(AccountAdmin):
    """A marketer defines what is computed from events; what is written through the API, and what every account has,
    is an admin's."""

    form = AttributeForm
    roles = Roles(view=Role.ANALYST, change=Role.MARKETER)
    list_display: ClassVar = ["name", "kind", "personal_data", "identifies", "origin"]
    list_filter: ClassVar = ["type", "personal"]
    search_fields: ClassVar = ["name"]
    fields: ClassVar = ["name", "type", "many", "personal", "identifier", "merge", "computed"]
    empty_title = "No attributes yet"
    empty_text = (
        "An attribute is something that you know of your visitors and profiles, such as country or loyalty tier."
    )

    change_form_after_template = "panel/attribute_computed.html"
    offers: ClassVar[list[Callable[[Account], dict[str, Any]]]] = []
    """What the form of a computed attribute offers; added to by the layer that computes them, like the next two."""
    tellers: ClassVar[list[Callable[[Attribute], str]]] = []
    users: ClassVar[list[Callable[[Attribute], Iterable[Model]]]] = []
    """What uses an attribute."""

    class Media:
        js: ClassVar = [Script("segmenthub/rules/computed.js", type="module")]
        css: ClassVar = {"all": ["segmenthub/rules/rules.css"]}

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        anybodys = obj is None or (obj.computed is not None and not is_standard(obj))
        return super().has_change_permission(request, obj) and (anybodys or is_admin(request))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.may_be_plain = is_admin(request)
        return form

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        attribute = kwargs.get("obj")
        may_change = kwargs.get("add") or self.has_change_permission(request, attribute)
        if may_change and not (attribute and is_standard(attribute)):
            context["rule_offer"] = next((offer(in_account(request).account) for offer in self.offers), None)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return []
        if is_standard(obj):
            return ["name", "type", "many", "explained", "merge", "identifier"]
        return ["name", "type", "many"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = list(self.fields)
        if obj is not None and is_standard(obj):
            return ["name", "type", "many", "personal", "explained"]
        return fields

    @column("type", ordering="type")
    def kind(self, attribute: Attribute) -> str:
        return f"{attribute.get_type_display()}, many" if attribute.many else attribute.get_type_display()

    @column("personal data", ordering="personal", label={"personal": "warning"})
    def personal_data(self, attribute: Attribute) -> str:
        return "personal" if attribute.personal else ""

    @column("identifies by", ordering="identifier")
    def identifies(self, attribute: Attribute) -> str:
        return attribute.get_identifier_display() or "–"

    @column("where it comes from")
    def origin(self, attribute: Attribute) -> str:
        return in_words(attribute)

    @column("where it comes from")
    def explained(self, attribute: Attribute) -> str:
        return in_words(attribute)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or not is_standard(obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        to_delete, counts, perms, protected = super().get_deleted_objects(objs, request)
        standard = [f"{row}: every account has it" for row in objs if is_standard(row)]
        in_use = ((row, [user for users in self.users for user in users(row)]) for row in objs)
        used = [f"“{row}” is used by {named(users)}" for row, users in in_use if users]
        return to_delete, counts, perms, [*protected, *standard, *used]


def is_admin(request: HttpRequest) -> bool:
    standing = standing_of(request)
    return standing is not None and standing.may_change(Role.ADMIN)


def is_standard(attribute: Attribute) -> bool:
    return isinstance(attribute.computed, dict) and "standard" in attribute.computed


STANDARD_WORDS = {
    "lastViewedProducts": "The ten products viewed last, newest first",
    "lastPurchasedProducts": "The ten products bought last, newest first",
    "favoriteCategory": "The category of most product views",
    "favoriteBrand": "The brand of most product views",
    "totalOrders": "How many orders were placed; refunds do not count",
    "totalRevenue": "The sum of all orders less refunds",
    "averageOrderValue": "Total revenue divided by total orders",
    "firstSeen": "When the first event came",
    "lastSeen": "When the newest event came",
}


def in_words(attribute: Attribute) -> str:
    """Where the values of an attribute come from, as a sentence."""
    computed = attribute.computed
    if not computed:
        return "Written through the API"
    if "standard" in computed:
        return STANDARD_WORDS.get(computed["standard"], str(computed["standard"]))
    return next((told for tell in AttributeAdmin.tellers if (told := tell(attribute))), "Computed from events")
