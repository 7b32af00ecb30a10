"""Coming in: the invitation's first password, the account switcher, and the page of a locked login."""

from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from unfold.forms import AuthenticationForm
from unfold.widgets import BASE_INPUT_CLASSES

from accounts import invitations
from accounts.access import SESSION_KEY, find_account, may_enter
from accounts.models import User


class LoginForm(AuthenticationForm):  # type: ignore[misc]
    error_messages: ClassVar = {
        **AuthenticationForm.error_messages,
        "invalid_login": "This e-mail and password do not belong together. Check both; capitals count in the password.",
    }


@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Works in another account from now on, one that the user may enter."""
    account = find_account(request.POST.get("account", ""))
    assert isinstance(request.user, User)
    if account is None or not may_enter(request.user, account):
        messages.error(request, "There is no such account for you.")
    else:
        request.session[SESSION_KEY] = str(account.pk)
    return HttpResponseRedirect(reverse("panel:index"))


@sensitive_post_parameters()
@never_cache
@csrf_protect
def welcome(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Sets the first password of somebody who was invited; others are led to the login."""
    user = invitations.invited(uid, token)
    if user is None:
        messages.info(request, "This invitation has been used or is too old. Log in, or ask for a new invitation.")
        return HttpResponseRedirect(reverse("panel:login"))
    form = first_password(user, request.POST if request.method == "POST" else None)
    if form.is_valid():
        form.save()
        messages.success(request, "Your password is set. Log in with it.")
        return HttpResponseRedirect(reverse("panel:login"))
    response = TemplateResponse(request, "panel/welcome.html", {**context(request), "form": form, "invited": user})
    response["Referrer-Policy"] = "no-referrer"  # the address is a secret
    return response


def first_password(user: User, data: Any) -> SetPasswordForm:  # type: ignore[type-arg]
    form = SetPasswordForm(user, data)
    for field in form.fields.values():
        field.widget.attrs["class"] = " ".join(BASE_INPUT_CLASSES)
    return form


def locked_out(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """The answer to a login that was tried too often (settings.AXES_LOCKOUT_CALLABLE)."""
    return TemplateResponse(request, "panel/locked_out.html", context(request), status=429).render()


def context(request: HttpRequest) -> dict[str, Any]:
    from django.contrib import admin

    return {**admin.site.each_context(request), "title": "SegmentHub"}
