"""What every page of the panel that edits a model has in common: it shows and takes the objects of one account only.

Each layer's `admin.py` builds on these classes. What a role may see or change stands in `roles` of each class.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, TypeVar

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Field, Model, QuerySet, UniqueConstraint
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst
from unfold.admin import ModelAdmin, StackedInline, TabularInline
from unfold.decorators import display

from accounts.access import Roles, Standing, in_account, standing_of
from accounts.models import Account, Role

Shown = TypeVar("Shown", bound=Callable[..., Any])


def column(
    description: str, *, ordering: str | None = None, label: Mapping[str, str] | None = None
) -> Callable[[Shown], Shown]:
    """unfold's `display`, typed. `label` gives a value its colour."""
    return display(description=description, ordering=ordering, label=label)  # type: ignore[no-any-return]


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form of something that belongs to an account: what must be unique in the account is checked here, as the
    account itself is no field of the form."""

    account: ClassVar[Account | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.account is not None and self.instance._state.adding and has_account(self._meta.model):
            self.instance.account = self.account

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        for constraint in self.instance._meta.constraints:
            if isinstance(constraint, UniqueConstraint) and "account" in constraint.fields:
                self.check_unique([name for name in constraint.fields if name != "account"])

    def check_unique(self, names: list[str]) -> None:
        if not names or not all(name in self.cleaned_data for name in names):
            return
        values = {name: getattr(self.instance, name) for name in names}
        same = type(self.instance)._default_manager.filter(account=self.instance.account_id, **values)
        if same.exclude(pk=self.instance.pk).exists():
            noun = self.instance._meta.verbose_name
            self.add_error(names[-1], f"Another {noun} has this {names[-1]} already. Choose another one.")


def has_account(model: type[Model]) -> bool:
    return any(field.name == "account" for field in model._meta.fields)


class OwnObjects:
    """Offers and takes only objects of the account, also in drop-downs."""

    def formfield_for_foreignkey(self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", own(db_field, request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", own(db_field, request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]


def own(db_field: "Field[Any, Any]", request: HttpRequest) -> QuerySet[Any]:
    """What a relation may offer: rows of the account, and nothing where a model has none."""
    related: Any = db_field.related_model
    standing = standing_of(request)
    if standing is None or not has_account(related):
        return related._default_manager.none()  # type: ignore[no-any-return]
    return related._default_manager.filter(account=standing.account)  # type: ignore[no-any-return]


class AccountAdmin(OwnObjects, ModelAdmin):  # type: ignore[misc]
    """The pages of a model whose rows belong to an account."""

    form = AccountForm
    roles: ClassVar[Roles] = Roles(Role.OWNER, Role.OWNER)
    exclude: ClassVar[Any] = ["account"]
    list_per_page = 50
    list_filter_submit = True
    warn_unsaved_form = True
    compressed_fields = True
    empty_title = "Nothing here yet"
    empty_text = ""
    """What an empty list says; `empty_text` tells what the thing is for and what to do next."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.of_account(super().get_queryset(request), standing_of(request))

    def of_account(self, rows: QuerySet[Any], standing: Standing | None) -> QuerySet[Any]:
        return rows.none() if standing is None else rows.filter(account=standing.account)

    # --- roles ---
    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        standing = standing_of(request)
        return standing is not None and standing.may(self.roles.view)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        standing = standing_of(request)
        return standing is not None and standing.may_change(self.roles.change)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return AccountAdmin.has_change_permission(self, request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only the list's own filters: any other lookup would be a way to guess what a page does not show."""
        filters = self.get_list_filter(request) if request else self.list_filter
        names = [item[0] if isinstance(item, list | tuple) else item for item in filters]
        return any(isinstance(name, str) and lookup.split("__")[0] == name for name in names)

    # --- what is saved ---
    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        standing = standing_of(request)
        return type(form.__name__, (form,), {"account": standing.account if standing else None})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.account = in_account(request).account
        elif not self.get_queryset(request).filter(pk=obj.pk).exists():
            raise PermissionDenied
        super().save_model(request, obj, form, change)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        shown = {"title": capfirst(self.opts.verbose_name_plural), **(extra_context or {})}
        return super().changelist_view(request, shown)  # type: ignore[no-any-return]


class InlineRoles:
    """Rows inside a page follow the page: who may change the parent may change them."""

    parent: ClassVar[type[AccountAdmin]]
    extra = 0
    admin_site: Any

    def allowed(self, request: HttpRequest, *, change: bool) -> bool:
        standing = standing_of(request)
        if standing is None:
            return False
        roles = self.parent.roles
        return standing.may_change(roles.change) if change else standing.may(roles.view)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allowed(request, change=False)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allowed(request, change=True)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allowed(request, change=True)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allowed(request, change=True)


class AccountTabular(InlineRoles, OwnObjects, TabularInline):  # type: ignore[misc]
    """The heads of its columns are all the labels that the fields of its rows have on the page."""

    def formfield_for_dbfield(self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.widget.attrs["aria-label"] = capfirst(field.label)
        return field


class AccountStacked(InlineRoles, OwnObjects, StackedInline):  # type: ignore[misc]
    pass


def named(rows: Iterable[models.Model], most: int = 5) -> str:
    """The names of some rows in one sentence's words: “A”, “B” and 3 more."""
    names = [f"“{row}”" for row in rows]
    shown = names[:most]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
