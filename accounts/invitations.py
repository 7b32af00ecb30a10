"""Invitations to the panel: a link that lets somebody without a password set one, once.

For somebody who has a password the same link only leads to the login, so that adding an e-mail that another account
knows gives nobody a way into its user, and shows nothing of it. Where e-mail is set up the link goes by e-mail alone.
"""

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.http import HttpRequest
from django.urls import reverse
from django.utils.encoding import force_bytes, force_str
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from accounts.models import Account, User


def link(request: HttpRequest, user: User) -> str:
    uid = urlsafe_base64_encode(force_bytes(user.email))
    path = reverse("panel:welcome", args=[uid, default_token_generator.make_token(user)])
    return (settings.PANEL_URL + path) if settings.PANEL_URL else request.build_absolute_uri(path)


def invited(uid: str, token: str) -> User | None:
    """The user who may set a first password by this link."""
    try:
        email = force_str(urlsafe_base64_decode(uid))
    except (ValueError, TypeError):
        return None
    user = User.objects.filter(email=email, is_active=True).first()
    if user is None or user.has_usable_password() or not default_token_generator.check_token(user, token):
        return None
    return user


def mail_works() -> bool:
    """Whether e-mail leaves this machine: set up by EMAIL_URL."""
    return bool(settings.EMAIL_BACKEND.rpartition(".")[0] == "django.core.mail.backends.smtp" and settings.EMAIL_HOST)


def send(request: HttpRequest, user: User, account: Account) -> bool:
    """Sends the invitation by e-mail; False where e-mail is not set up."""
    if not mail_works():
        return False
    if user.has_usable_password():
        where = settings.PANEL_URL or request.build_absolute_uri(reverse("panel:index"))
        text = f"You can work in the account “{account}” now. Log in as always: {where}"
    else:
        text = f"You can work in the account “{account}” now. Choose a password here: {link(request, user)}"
    send_mail(f"You are invited to {account}", text, None, [user.email])
    return True
