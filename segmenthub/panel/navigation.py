"""The menu, in the names of the public reference. What a role may not see is not there."""

from collections.abc import Callable
from typing import Any, NamedTuple

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from accounts.access import standing_of
from accounts.models import Role


class Item(NamedTuple):
    title: str
    icon: str
    page: str
    model: str = ""
    """"app.model" of a model's pages; else `least` is the role that may open the page."""
    least: Role = Role.ANALYST


MENU: dict[str, list[Item]] = {
    "": [
        Item("Overview", "home", "index", least=Role.VIEWER),
        Item("Reports", "monitoring", "reports", least=Role.VIEWER),
    ],
    "Campaigns": [
        Item("Campaigns", "campaign", "adserver_campaign_changelist", "adserver.campaign"),
        Item("Calendar", "calendar_month", "calendar", least=Role.VIEWER),
        Item("Test as a visitor", "person_search", "trial"),
        Item("Placements", "dashboard", "adserver_placement_changelist", "adserver.placement"),
        Item("Media", "image", "adserver_media_changelist", "adserver.media"),
        Item("Ad settings", "tune", "adserver_adsettings_changelist", "adserver.adsettings"),
    ],
    "Audiences": [
        Item("Segments", "groups", "dmp_segment_changelist", "dmp.segment"),
        Item("Visitors", "devices", "visitors"),
        Item("Profiles", "person", "profiles"),
        Item("Webhooks", "webhook", "dmp_webhook_changelist", "dmp.webhook"),
        Item("Sent messages", "outgoing_mail", "dmp_delivery_changelist", "dmp.delivery"),
    ],
    "Events": [
        Item("Event types", "category", "dmp_eventtype_changelist", "dmp.eventtype"),
        Item("Recorded events", "timeline", "events"),
    ],
    "Account": [
        Item("API Tokens", "key", "accounts_apitoken_changelist", "accounts.apitoken"),
        Item("Platforms", "language", "accounts_platform_changelist", "accounts.platform"),
        Item("Attributes", "label", "accounts_attribute_changelist", "accounts.attribute"),
        Item("Users", "manage_accounts", "accounts_member_changelist", "accounts.member"),
        Item("Refused requests", "block", "accounts_refusal_changelist", "accounts.refusal"),
        Item("Settings", "settings", "accounts_account_changelist", "accounts.account"),
    ],
}


def menu(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar as unfold reads it."""
    return [
        {"title": title, "separator": False, "items": [entry(request, item) for item in items]}
        for title, items in MENU.items()
    ]


def entry(request: HttpRequest, item: Item) -> dict[str, Any]:
    link = reverse(f"panel:{item.page}")
    return {
        "title": item.title,
        "icon": item.icon,
        "link": link,
        "permission": may_open(item),
        "active": lambda request: is_in(request, item.page, link),
    }


def is_in(request: HttpRequest, page: str, link: str) -> bool:
    """Whether a request is for this page of the menu, or for one below it."""
    above = [address for _, address in request.__dict__.get("parents", ())]
    return link in (request.path, *above) or (page != "index" and not above and request.path.startswith(link))


def may_open(item: Item) -> Callable[[HttpRequest], bool]:
    def check(request: HttpRequest) -> bool:
        standing = standing_of(request)
        if standing is None:
            return False
        return pages_of(item.model).has_view_permission(request) if item.model else standing.may(item.least)

    return check


def pages_of(label: str) -> Any:
    """The registered pages of "app.model"."""
    return next(page for model, page in admin.site._registry.items() if model._meta.label_lower == label)


def account_name(request: HttpRequest) -> str:
    standing = standing_of(request)
    return standing.account.name if standing else ""
