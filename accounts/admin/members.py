"""Users of the account: invited by e-mail with a role. Whether an e-mail is known to another account never shows."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminEmailInputWidget

from accounts import invitations
from accounts.access import Roles, in_account, standing_of
from accounts.models import Account, Member, Role, User
from accounts.panel import AccountAdmin, AccountForm, column

ROLE_WORDS = {
    Role.OWNER: "Everything, also the account's settings and other owners",
    Role.ADMIN: "Users, API tokens, platforms, attributes and event types",
    Role.MARKETER: "Segments, campaigns, creatives, placements and media",
    Role.ANALYST: "Reads reports, visitors, profiles and events",
    Role.VIEWER: "Reads campaigns, segments and reports, no personal data",
}


class MemberForm(AccountForm):
    email = forms.EmailField(label="E-mail", max_length=254, widget=UnfoldAdminEmailInputWidget())
    role = forms.ChoiceField()

    may_make_owners: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "role" in self.fields:
            from unfold.widgets import UnfoldAdminRadioSelectWidget

            roles = [role for role in Role if role != Role.OWNER or self.may_make_owners]
            choices = [(role.value, f"{role.label}: {ROLE_WORDS[role]}") for role in roles]
            self.fields["role"] = forms.ChoiceField(
                choices=choices, initial=Role.MARKETER, widget=UnfoldAdminRadioSelectWidget(radio_style=2)
            )
        if not self.instance._state.adding:
            self.fields.pop("email", None)

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].strip().lower()
        if Member.objects.filter(account=self.account, user__email=email).exists():
            raise forms.ValidationError("This person is a user of the account already.")
        return email

    def clean_role(self) -> str:
        role: str = self.cleaned_data["role"]
        was_owner = not self.instance._state.adding and self.instance.role == Role.OWNER
        if was_owner and role != Role.OWNER and is_last_owner(self.instance):
            raise forms.ValidationError("The account needs an owner: make somebody else owner first.")
        return role


def is_last_owner(member: Member) -> bool:
    others = Member.objects.filter(account=member.account_id, role=Role.OWNER, user__is_active=True)
    return not others.exclude(pk=member.pk).exists()


@admin.register(Member)
class MemberAdmin(AccountAdmin):
    form = MemberForm
    roles = Roles(view=Role.ADMIN, change=Role.ADMIN)
    list_display: ClassVar = ["email", "shown_role", "may"]
    list_filter: ClassVar = ["role"]
    search_fields: ClassVar = ["user__email"]
    list_select_related: ClassVar = ["user"]
    ordering: ClassVar = ["user__email"]
    change_form_outer_before_template = "panel/member_before.html"
    empty_title = "No users yet"
    empty_text = "Add the people who work with this account, each with a role."

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["email", "role"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["email"] if obj is not None else []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        standing = standing_of(request)
        return type(form.__name__, (form,), {"may_make_owners": standing is not None and standing.may(Role.OWNER)})

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(require_POST(self.invite_view))
        return [path("<int:pk>/invite/", view, name="accounts_member_invite"), *super().get_urls()]

    # --- owners are for owners ---
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        standing = standing_of(request)
        if isinstance(obj, Member) and obj.role == Role.OWNER and not (standing and standing.may(Role.OWNER)):
            return False
        return super().has_change_permission(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        to_delete, counts, perms, protected = super().get_deleted_objects(objs, request)
        going = [member.pk for member in objs]
        owners = Member.objects.filter(account=in_account(request).account, role=Role.OWNER, user__is_active=True)
        if not owners.exclude(pk__in=going).exists():
            protected = [*protected, "The account needs an owner: make somebody else owner first."]
        return to_delete, counts, perms, protected

    # --- inviting ---
    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=["role"])
            return
        with transaction.atomic():
            obj.account = in_account(request).account
            obj.user = find_or_make(form.cleaned_data["email"])
            obj.save()

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self.show_invitation(request, obj)

    def invite_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        member = self.get_object(request, str(pk))
        if member is None or not self.has_change_permission(request, member):
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(pk))  # type: ignore[no-any-return]
        return self.show_invitation(request, member)

    def show_invitation(self, request: HttpRequest, member: Member) -> HttpResponse:
        account: Account = member.account
        sent = invitations.send(request, member.user, account)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Invite {member.user.email}",
            "member": member,
            "sent": sent,
            "link": "" if sent else invitations.link(request, member.user),
            "users": reverse("panel:accounts_member_changelist"),
        }
        response = TemplateResponse(request, "panel/invitation.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("user", "account")

    @column("e-mail", ordering="user__email")
    def email(self, member: Member) -> str:
        return member.user.email

    @column("role", ordering="role", label={"owner": "primary", "admin": "info"})
    def shown_role(self, member: Member) -> tuple[str, str]:
        return member.role, member.get_role_display()

    @column("may")
    def may(self, member: Member) -> str:
        return ROLE_WORDS[Role(member.role)]


def find_or_make(email: str) -> User:
    """The user of an e-mail; a new one cannot enter before setting a password by the invitation's link."""
    return User.objects.filter(email=email).first() or User.objects.create_user(email)
