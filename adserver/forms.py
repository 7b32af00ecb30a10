"""Forms of the panel that belong to the ad server."""

from typing import Any

from django import forms

from accounts.panel import AccountForm
from adserver import media
from adserver.models import Media


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
