"""Form fields of the panel that unfold does not have: lists as lines, as boxes to tick, and JSON that can be read."""

import json
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget


class Lines(forms.CharField):
    """A list of texts, one on each line."""

    def __init__(self, *, item: forms.Field | None = None, placeholder: str = "", **kwargs: Any) -> None:
        self.item = item or forms.CharField()
        attrs = {"rows": 3, "placeholder": placeholder, "spellcheck": "false"}
        super().__init__(widget=UnfoldAdminTextareaWidget(attrs), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        lines = [line.strip() for line in str(value or "").splitlines()]
        return list(dict.fromkeys(line for line in lines if line))

    def run_validators(self, value: Any) -> None:
        for line in value:
            try:
                self.item.clean(line)
            except ValidationError as error:
                raise ValidationError([f"“{line}”: {message}" for message in error.messages]) from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(list(initial or []) != self.to_python(data))


class Boxes(forms.MultipleChoiceField):
    """Any of some values, as boxes to tick. What is stored but no longer offered stays to be seen and unticked."""

    def __init__(self, choices: Iterable[tuple[str, str]], *, stored: Iterable[str] = (), **kwargs: Any) -> None:
        offered = list(choices)
        known = {value for value, _ in offered}
        offered += [(value, f"{value} (no longer there)") for value in stored if value not in known]
        widget = UnfoldAdminCheckboxSelectMultipleWidget()
        super().__init__(choices=offered, widget=widget, required=kwargs.pop("required", False), **kwargs)


class PrettyJson(json.JSONEncoder):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "indent": 2, "ensure_ascii": False})


class Json(forms.JSONField):
    """JSON shown indented, in letters of one width; the editor of `panel.js` marks mistakes while typing."""

    def __init__(self, *, rows: int = 8, **kwargs: Any) -> None:
        attrs = {"rows": rows, "class": "json-editor", "spellcheck": "false"}
        kwargs.setdefault("encoder", PrettyJson)
        super().__init__(widget=UnfoldAdminTextareaWidget(attrs), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if value is None:
            return ""
        return super().prepare_value(value)

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except (ValidationError, ValueError, RecursionError) as error:  # too long a number, too deep a list
            raise ValidationError(json_mistake(value)) from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            return super().bound_data(data, initial)
        except (ValueError, RecursionError):
            return InvalidJSONInput(data)


def json_mistake(text: str) -> str:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"This is no JSON yet: line {error.lineno}, column {error.colno}: {error.msg}."
    except (ValueError, RecursionError):
        pass
    return "This is no JSON."
