"""The panel's site: who gets in, in which account and time zone, and which pages there are beside the models'."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from unfold.sites import UnfoldAdminSite

from accounts.access import Standing, standing_of
from accounts.models import Role
from accounts.panel import AccountAdmin
from segmenthub.panel import (
    calendar,
    computed,
    dashboard,
    entry,
    events,
    forecast,
    history,
    overlap,
    people,
    reports,
    rules,
    segments,
    states,
    trial,
    why,
)

View = Callable[..., HttpResponse]
WITHOUT_ACCOUNT = {"logout", "password_change", "password_change_done", "jsi18n", "accounts_account_add", "switch"}
"""What somebody without any account may open."""


class PanelSite(UnfoldAdminSite):  # type: ignore[misc]
    site_title = "SegmentHub"
    site_header = "SegmentHub"
    index_title = "Overview"
    login_form = entry.LoginForm

    def __init__(self, name: str = "panel") -> None:
        super().__init__(name)

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Takes only pages that know accounts: those that libraries register (groups, login attempts) do not."""
        if admin_class is not None and issubclass(admin_class, AccountAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        return super().admin_view(in_account_and_zone(self, view), cacheable)  # type: ignore[no-any-return]

    def get_urls(self) -> list[Any]:
        own = [
            ("switch/", entry.switch, "switch"),
            ("events/", events.EventsPage, "events"),
            ("visitors/", people.VisitorsPage, "visitors"),
            ("visitors/<uuid:key>/", people.VisitorPage, "visitor"),
            ("profiles/", people.ProfilesPage, "profiles"),
            ("profiles/<uuid:key>/", people.ProfilePage, "profile"),
            ("why/<str:level>/<uuid:key>/<int:pk>/", why.WhyPage, "why"),
            ("segments/<int:pk>/", segments.MembersPage, "segment"),
            ("segments/<int:pk>/state/", states.StatePage, "segment_state"),
            ("segments/<int:pk>/history/", history.HistoryPage, "segment_history"),
            ("segments/overlap/", overlap.OverlapPage, "segment_overlap"),
            ("reports/", reports.ReportsPage, "reports"),
            ("campaigns/<int:pk>/report/", reports.CampaignReportPage, "campaign_report"),
            ("campaigns/<int:pk>/forecast/", forecast.ForecastPage, "campaign_forecast"),
            ("campaigns/calendar/", calendar.CalendarPage, "calendar"),
            ("campaigns/test/", trial.TrialPage, "trial"),
            ("attributes/computed/", computed.ComputedPage, "computed"),
            ("segments/rule/", rules.RulePage, "rule"),
            ("campaigns/conditions/", rules.ConditionsPage, "conditions"),
            ("segments/rule/size/", rules.SizePage, "rule_size"),
            ("segments/rule/people/", rules.ExamplesPage, "rule_people"),
        ]
        return [
            path("welcome/<str:uid>/<str:token>/", entry.welcome, name="welcome"),
            *(path(route, self.admin_view(as_view(page)), name=name) for route, page, name in own),
            *(route for route in super().get_urls() if getattr(route, "name", "") != "view_on_site"),  # no row has one
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        standing = standing_of(request)
        return {
            **super().each_context(request),
            "standing": standing,
            "suspended": standing is not None and not standing.active,
            "may_read_people": standing is not None and standing.may(Role.ANALYST),
        }

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The parts of the product are in the menu: a list of an application's models would be a second one."""
        return HttpResponseRedirect(reverse("panel:index"))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return dashboard.Overview.as_view()(request)  # type: ignore[return-value]


def as_view(page: Any) -> View:
    return page.as_view() if hasattr(page, "as_view") else page  # type: ignore[no-any-return]


def in_account_and_zone(site: PanelSite, view: View) -> View:
    """A view behind the door: nobody without an account gets further, and times are the account's. The answer is
    rendered here, inside its time zone."""

    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        standing = standing_of(request)
        name = request.resolver_match.url_name if request.resolver_match else ""
        if standing is None and name not in WITHOUT_ACCOUNT:
            return no_account(site, request)
        with timezone.override(zone(standing)):
            try:
                response = view(request, *args, **kwargs)
            except (PermissionDenied, Http404) as error:
                response = closed(site, request, found=isinstance(error, PermissionDenied))
            if isinstance(response, TemplateResponse):
                response.render()
            return response

    return update_wrapper(inner, view)


def zone(standing: Standing | None) -> Any:
    return standing.account.zone if standing else timezone.get_default_timezone()


def closed(site: PanelSite, request: HttpRequest, *, found: bool) -> HttpResponse:
    """In the panel's frame: a page that the role may not open, or that is not there."""
    title = "Not open to you" if found else "Not found"
    context = {**site.each_context(request), "title": title, "found": found}
    return TemplateResponse(request, "panel/closed.html", context, status=403 if found else 404)


def no_account(site: PanelSite, request: HttpRequest) -> HttpResponse:
    operator = not isinstance(request.user, AnonymousUser) and request.user.is_superuser
    context = {**site.each_context(request), "title": "No account", "operator": operator}
    return TemplateResponse(request, "panel/no_account.html", context).render()
