"""Forms of the panel that belong to the ad server."""

from typing import Any

from django import forms

from accounts.fields import Boxes, Json, Lines
from accounts.models import Account, Platform
from accounts.panel import AccountForm
from accounts.snapshot import Configuration
from adserver import lifecycle, media
from adserver.conditions import compile_conditions
from adserver.models import Campaign, Media
from dmp.models import EventType
from dmp.segments.operands import RuleError
from dmp.segments.vocabulary import vocabulary


class CampaignForm(AccountForm):
    paths = Lines(
        required=False,
        placeholder="/women/*",
        help_text="One on each line; * stands for anything. None: any page.",
        item=forms.CharField(max_length=1024),
    )
    exclude_paths = Lines(
        required=False,
        label="But not on",
        placeholder="/checkout*",
        help_text="One on each line; * stands for anything.",
        item=forms.CharField(max_length=1024),
    )

    conditions = Json(
        required=False,
        rows=4,
        label="And only if",
        help_text="What the event itself must say. What people did before belongs into a segment.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "conditions" in self.fields:
            self.fields["conditions"].widget.attrs["data-conditions"] = ""
        if "platforms" in self.fields and self.account is not None:
            self.offer(self.account)

    def clean_conditions(self) -> Any:
        tree = self.cleaned_data["conditions"]
        if tree is None or self.account is None:
            return None
        events = tuple(self.data.getlist("events")) if hasattr(self.data, "getlist") else ()
        known = vocabulary(Configuration(self.account, 0))
        try:
            compile_conditions(tree, known, tuple(code for code in events if code in known.events))
        except RuleError as error:
            raise forms.ValidationError(str(error)) from None
        return tree

    def clean_status(self) -> str:
        wanted: str = self.cleaned_data["status"]
        before = None if self.instance._state.adding else self.initial.get("status")
        if before and (problem := lifecycle.status_problem(before, wanted)):
            raise forms.ValidationError(problem)
        return wanted

    def offer(self, account: Account) -> None:
        campaign = self.instance
        platforms = [(code, code) for code in Platform.objects.filter(account=account).values_list("code", flat=True)]
        events = [(code, code) for code in EventType.objects.filter(account=account).values_list("code", flat=True)]
        none = "None ticked: any."
        self.fields["platforms"] = Boxes(platforms, stored=campaign.platforms, help_text=none)
        self.fields["devices"] = Boxes(Campaign.Device.choices, stored=campaign.devices, help_text=none)
        self.fields["events"] = Boxes(
            events, stored=campaign.events, label="After these events", help_text="None ticked: after any event."
        )
        for name in ("starts_at", "ends_at"):
            field = self.fields[name]
            field.help_text = f"{field.help_text} Time in {account.timezone}.".strip()


class MediaForm(AccountForm):
    """Uploads a picture, or changes the name and the alternative text of one."""

    class Meta:
        model = Media
        fields = ("file", "name", "alt")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" in self.fields:
            self.fields["name"].required = False
            self.fields["name"].help_text = "For yourself; the file's name when empty."
        if "alt" in self.fields:
            self.fields["alt"].label = "What the picture shows"
            self.fields["alt"].help_text = "For those who cannot see it."

    def clean_file(self) -> Any:
        """The picture is encoded anew here, so that what cannot be stored is told beside the field."""
        file = self.cleaned_data["file"]
        if "file" not in self.changed_data:
            return file
        self.picture = media.read(file)
        there = media.same(self.instance.account, self.picture)
        if there is not None and there.pk != self.instance.pk:
            raise forms.ValidationError(f"This picture is there already, as “{there}”. Use that one.")
        return file

    def clean_name(self) -> str:
        told: str = self.cleaned_data.get("name", "")
        file = self.cleaned_data.get("file") if "file" in self.changed_data else None
        return told or (file.name[:255] if file is not None else self.instance.name) or "picture"

    def _post_clean(self) -> None:
        super()._post_clean()
        if hasattr(self, "picture"):
            media.fill(self.instance, self.picture)
