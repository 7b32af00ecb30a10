"""The panel's pages of campaigns with their creatives, placements and media."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.forms import Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextInputWidget

from accounts.access import Roles, in_account
from accounts.clock import now
from accounts.fields import Json, Lines
from accounts.models import Role
from accounts.panel import AccountAdmin, AccountForm, AccountStacked, column, named
from accounts.snapshot import Configuration
from adserver import lifecycle, media
from adserver.campaigns import problems
from adserver.conditions import parse_conditions
from adserver.delivery import delivery
from adserver.forms import CampaignForm, MediaForm
from adserver.models import AdSettings, Campaign, Creative, Media, Placement, check_network
from adserver.preview import link_to
from adserver.rivals import unshown
from dmp.segments.offer import offer
from dmp.segments.operands import RuleError
from dmp.segments.sentence import conditions_in_words
from dmp.segments.vocabulary import vocabulary

CAMPAIGNERS = Roles(view=Role.VIEWER, change=Role.MARKETER)
CHANGES_SHOWN = 20
WIDEST = 2400
"""The most pixels of a side of a picture that is uploaded for a creative."""


def pixels(side: int | None) -> int:
    """Of a picture: two for one of the page's, where its place has a size."""
    return min(2 * side, WIDEST) if side else WIDEST


class CreativeForm(forms.ModelForm):  # type: ignore[type-arg]
    stored: Media | None = None
    """The medium that an uploaded picture became."""

    content = Json(required=False, rows=6, help_text='JSON: what your site reads. HTML: {"html": "<a …>…</a>"}.')

    upload = forms.FileField(
        required=False,
        label="Or upload one",
        widget=UnfoldAdminFileFieldWidget,
        help_text="Made as small as its placement lets it be, and kept under Media.",
    )
    alt = forms.CharField(
        required=False,
        max_length=255,
        label="What the picture shows",
        widget=UnfoldAdminTextInputWidget,
        help_text="For those who cannot see it. Of an uploaded picture.",
    )

    def clean_content(self) -> Any:
        return self.cleaned_data["content"] or {}

    def clean(self) -> Any:
        """An uploaded picture becomes a medium of the account, and this creative an image of it."""
        found = super().clean() or self.cleaned_data
        file = found.get("upload")
        if file is None:
            return found
        campaign = self.instance.campaign
        place = campaign.placement
        width, height = (place.width, place.height) if place else (None, None)
        fit = pixels(width), pixels(height)
        try:
            stored = media.store(campaign.account, file, file.name[:255], found.get("alt", ""), fit)
        except forms.ValidationError as error:
            self.add_error("upload", error)
            return found
        self.stored = stored
        chosen = {self.add_prefix("media"): str(stored.pk), self.add_prefix("type"): Creative.Type.IMAGE}
        self.data = dict(self.data.items()) | chosen  # of a refused form: a browser does not send a file again
        return found | {"media": stored, "type": Creative.Type.IMAGE}


class CreativeInline(AccountStacked):
    model = Creative
    form = CreativeForm
    fields: ClassVar = [
        ("name", "type"),
        ("weight", "active"),
        "media",
        ("upload", "alt"),
        "content",
        "link",
        "preview",
    ]
    readonly_fields: ClassVar = ["preview"]
    verbose_name_plural = "Creatives: what is shown"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Creative]:
        rows: QuerySet[Creative] = super().get_queryset(request).select_related("media")
        return rows

    @column("preview")
    def preview(self, creative: Creative) -> SafeString:
        return render_to_string("panel/creative_preview.html", {"creative": creative})  # escaped by the template


@admin.register(Campaign)
class CampaignAdmin(AccountAdmin):
    form = CampaignForm
    roles = CAMPAIGNERS
    list_display: ClassVar = ["name", "state", "when", "placement", "tier", "weight", "audience"]
    list_filter: ClassVar = ["status"]
    list_select_related: ClassVar = ["placement"]
    search_fields: ClassVar = ["name", "slug"]
    autocomplete_fields: ClassVar = ["segments", "exclude_segments"]
    prepopulated_fields: ClassVar = {"slug": ["name"]}
    change_form_outer_before_template = "panel/campaign_before.html"
    change_form_after_template = "panel/campaign_conditions.html"
    inlines: ClassVar = [CreativeInline]
    fieldsets: ClassVar = [
        (None, {"fields": ["name", "slug", "status"]}),
        ("When", {"fields": ["starts_at", "ends_at"]}),
        ("To whom", {"fields": ["segments", "exclude_segments"]}),
        ("Where", {"fields": ["placement", "platforms", "devices", "events", "paths", "exclude_paths", "conditions"]}),
        ("When several fit", {"fields": ["tier", "weight", "label"]}),
        ("How often a person sees it", {"fields": [("cap", "cap_hours"), ("stop_after", "dismiss_days")]}),
        ("How much of it", {"fields": [("goal", "amount"), ("pacing", "daily_cap")]}),
        ("Measuring", {"fields": ["holdout_percent", ("click_days", "view_days"), "match"]}),
    ]
    empty_title = "No campaigns yet"
    empty_text = (
        "A campaign says what is shown to whom, where and when. Make one with a creative, set it live, and the next"
        " event of a visitor that it fits gets it."
    )

    class Media:
        js: ClassVar = [Script("segmenthub/rules/builder.js", type="module")]
        css: ClassVar = {"all": ["segmenthub/rules/rules.css"]}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who only reads is told the conditions in words."""
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        sets: Any = self.fieldsets
        return [
            (name, {"fields": ["in_words" if field == "conditions" else field for field in options["fields"]]})
            for name, options in sets
        ]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj is not None else dict(self.prepopulated_fields)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("segments")

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        campaign: Campaign | None = kwargs.get("obj")
        asked = campaign is not None and campaign.status == Campaign.Status.LIVE and request.method == "GET"
        context["problems"] = problems(campaign) if campaign is not None and asked else []
        context["unshown"] = unshown(campaign, now()) if campaign is not None and asked else ""
        context["delivery"] = delivery(campaign, now()) if campaign is not None and asked else None
        if kwargs.get("add") or self.has_change_permission(request, campaign):
            context["rule_offer"] = offer(vocabulary(Configuration(in_account(request).account, 0)))
        context["kept"] = kept_pictures(context)
        if campaign is not None:
            context["show_history"] = False  # what was changed stands on the page
            context["stage"] = lifecycle.stage(campaign, now())
            context["preview"] = link_to(campaign)
            changes = campaign.changes.select_related("user")[:CHANGES_SHOWN]
            context["changes"] = [(change, lifecycle.told(change)) for change in changes]
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[no-any-return]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["in_words", *(["slug"] if obj is not None and lifecycle.slug_is_fixed(obj) else [])]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """Archived ones are found by searching, and by the filter; the list is without them."""
        if not search_term and not any(name.startswith("status") for name in request.GET):
            queryset = queryset.exclude(status=Campaign.Status.ARCHIVED)
        return super().get_search_results(request, queryset, search_term)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.duplicate)
        return [path("<int:pk>/duplicate/", view, name="campaign_duplicate"), *super().get_urls()]

    def duplicate(self, request: HttpRequest, pk: int) -> HttpResponse:
        campaign = self.get_queryset(request).filter(pk=pk).first()
        if campaign is None:
            raise Http404
        if request.method != "POST" or not self.has_change_permission(request):
            raise PermissionDenied
        copy = lifecycle.duplicate(campaign, request.user)  # type: ignore[arg-type]  # the panel has users only
        messages.success(request, f"This is a draft like “{campaign}”.")
        return HttpResponseRedirect(reverse("panel:adserver_campaign_change", args=[copy.pk]))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or lifecycle.may_delete(obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        to_delete, counts, perms, protected = super().get_deleted_objects(objs, request)
        kept = [
            f"“{campaign}” was more than a draft: archive it" for campaign in objs if not lifecycle.may_delete(campaign)
        ]
        return to_delete, counts, set(), [*protected, *kept]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        form.before = lifecycle.state_of(obj) if change else {}
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Only now, with its creatives, can be told what changed, and whether a live campaign may ever show."""
        super().save_related(request, form, formsets, change)
        campaign: Campaign = form.instance
        lifecycle.note(campaign, form.before, request.user)  # type: ignore[arg-type]  # the panel has users only
        if campaign.status == Campaign.Status.LIVE and (found := problems(campaign)):
            messages.warning(request, f"“{campaign}” is live but cannot show. {' '.join(found)}")

    @column(
        "status",
        ordering="status",
        label={"live": "success", "draft": "", "paused": "warning", "archived": "", "ended": "", "scheduled": "info"},
    )
    def state(self, campaign: Campaign) -> tuple[str, str]:
        stage = lifecycle.stage(campaign, now())
        return stage, stage.capitalize()

    @column("when", ordering="starts_at")
    def when(self, campaign: Campaign) -> SafeString | str:
        if campaign.starts_at is None and campaign.ends_at is None:
            return "always"
        return render_to_string("panel/period.html", {"campaign": campaign})

    @column("and only if")
    def in_words(self, campaign: Campaign) -> str:
        if campaign.conditions is None:
            return "–"
        known = vocabulary(Configuration(campaign.account, 0))
        try:
            tree = parse_conditions(campaign.conditions, known, tuple(campaign.events))
        except RuleError as error:
            return str(error)
        return conditions_in_words(tree, campaign.account.zone)

    @column("to whom")
    def audience(self, campaign: Campaign) -> str:
        return named(campaign.segments.all(), most=2) or "everybody"


CreativeInline.parent = CampaignAdmin


def kept_pictures(context: Any) -> list[Media]:
    """What was uploaded with a form that is shown again, as something else in it was refused."""
    formsets = [inline.formset for inline in context.get("inline_admin_formsets", ())]
    return [form.stored for formset in formsets for form in formset.forms if getattr(form, "stored", None)]


class AdSettingsForm(AccountForm):
    staff_networks = Lines(
        required=False,
        placeholder="203.0.113.0/24",
        help_text="Nor are those from these addresses, such as your office's. One on each line.",
        item=forms.CharField(max_length=64, validators=[check_network]),
    )
    blocked_networks = Lines(
        required=False,
        placeholder="198.51.100.0/24",
        help_text="Address ranges of data centres: what comes from there is no customer. One on each line.",
        item=forms.CharField(max_length=64, validators=[check_network]),
    )

    def clean(self) -> Any:
        if self.instance._state.adding and AdSettings.objects.filter(account=self.account).exists():
            raise forms.ValidationError("These settings are there already. Change them instead.")
        return super().clean()


@admin.register(AdSettings)
class AdSettingsAdmin(AccountAdmin):
    """One row for an account."""

    form = AdSettingsForm
    roles = CAMPAIGNERS
    list_display: ClassVar = ["name", "holdout_percent", "staff"]
    autocomplete_fields: ClassVar = ["staff"]
    fields: ClassVar = ["holdout_percent", "staff", "staff_networks", "blocked_networks"]
    empty_title = "Nothing set"
    empty_text = "Hold a part of your visitors out of all campaigns to measure them, and say whose clicks do not count."

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        row = self.get_queryset(request).first()
        if row is not None and self.has_view_permission(request):
            return HttpResponseRedirect(reverse("panel:adserver_adsettings_change", args=[row.pk]))
        return super().changelist_view(request, extra_context)

    @column("for")
    def name(self, row: AdSettings) -> str:
        return "all campaigns"


@admin.register(Placement)
class PlacementAdmin(AccountAdmin):
    roles = CAMPAIGNERS
    list_display: ClassVar = ["code", "name", "size", "active", "used"]
    list_filter: ClassVar = ["active"]
    search_fields: ClassVar = ["code", "name"]
    fields: ClassVar = ["code", "name", ("width", "height"), "active"]
    empty_title = "No placements yet"
    empty_text = (
        "A placement is a place in your pages or app where one campaign is shown, such as home-hero. Campaigns without"
        " a placement are data only."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).annotate(number=Count("campaigns"))  # type: ignore[no-any-return]

    @column("size")
    def size(self, placement: Placement) -> str:
        known = placement.width or placement.height
        return f"{placement.width or '?'} × {placement.height or '?'}" if known else "any"

    @column("campaigns", ordering="number")
    def used(self, placement: Any) -> int:
        return int(placement.number)


@admin.register(Media)
class MediaAdmin(AccountAdmin):
    form = MediaForm
    roles = CAMPAIGNERS
    list_display: ClassVar = ["picture", "name", "size", "weight", "created_at"]
    list_display_links: ClassVar = ["picture", "name"]
    search_fields: ClassVar = ["name", "alt"]
    empty_title = "No media yet"
    empty_text = "Upload the pictures that your creatives show: JPEG, PNG, GIF or WebP."

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["file", "name", "alt"] if obj is None else ["preview", "name", "alt", "size", "weight"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [] if obj is None else ["preview", "size", "weight"]

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:  # one by one, as the file goes with its row
            row.delete()

    @column("picture")
    def picture(self, media: Media) -> SafeString:
        return format_html('<img class="sh-thumb" src="{}" alt="{}" loading="lazy">', media.file.url, media.alt)

    @column("picture")
    def preview(self, media: Media) -> SafeString:
        return format_html('<img class="sh-picture" src="{}" alt="{}">', media.file.url, media.alt)

    @column("size")
    def size(self, media: Media) -> str:
        return f"{media.width} × {media.height}"

    @column("weight", ordering="bytes")
    def weight(self, media: Media) -> str:
        return f"{media.bytes / 1024:,.0f} KB"
