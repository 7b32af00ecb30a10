"""The members of a segment, and pinning people into it and out of it by hand."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.clock import now
from accounts.errors import ApiError
from accounts.models import Role
from accounts.snapshot import Configuration, configuration
from cdp.models import Profile
from cdp.people import WritableProfiles
from dmp import memberships
from dmp.models import Level, Membership, MembershipChange, Segment, Visitor
from dmp.people import People, Visitors
from dmp.segments.members import bring_up_to_date
from dmp.segments.refresh import refresh
from segmenthub.panel.pages import Page, above

PER_PAGE = 50
LEVELS: dict[str, People] = {Level.PROFILE: WritableProfiles(), Level.VISITOR: Visitors()}
VERBS = {"in": "is in", "out": "is kept out of", "release": "is left to the rule of"}


class MembersPage(Page):
    """Reading needs an analyst, as members are people; pinning a marketer."""

    least = Role.ANALYST
    template = "panel/members.html"

    def segment(self, pk: int) -> Segment:
        found = Segment.objects.filter(account=self.account, pk=pk).first()
        if found is None:
            raise Http404
        return found

    def context(self, request: HttpRequest, pk: int, *args: Any, **kwargs: Any) -> dict[str, Any]:
        segment = self.segment(pk)
        found = configuration(self.account.pk)
        assert found is not None
        for level in LEVELS:
            bring_up_to_date(found, segment.pk, level, now())
        pinned = "out" if request.GET.get("show") == "out" else "in"
        rows = list(page_of(found, segment.pk, pinned, request.GET.get("after", "")))
        more = len(rows) > PER_PAGE
        return {
            "title": "Members",
            "parents": above("dmp_segment", "Segments", row=segment),
            "segment": segment,
            "rows": with_people(rows[:PER_PAGE]),
            "out": pinned == "out",
            "tab": pinned,
            "after": rows[PER_PAGE - 1].person if more else "",
            "may_pin": self.standing.may_change(Role.MARKETER),
        }

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        segment = self.segment(pk)
        if not self.standing.may_change(Role.MARKETER):
            raise PermissionDenied
        level, told, verb = (request.POST.get(name, "").strip() for name in ("level", "who", "pin"))
        if level in LEVELS and verb in VERBS:
            self.pin(request, segment, LEVELS[level], told, verb)
        back = reverse("panel:segment", args=[pk])
        return HttpResponseRedirect(f"{back}?show=out" if verb == "out" else back)

    def pin(self, request: HttpRequest, segment: Segment, people: People, told: str, verb: str) -> None:
        settings = configuration(self.account.pk)
        assert settings is not None
        try:
            who = people.read(settings, {people.id_field: told})
            at = now()
            with transaction.atomic():
                key = people.make(self.account.pk, who, at)
                memberships.pin(people.model, people.level, self.account.pk, key, pins(segment.pk, verb), at)
                refresh(settings, {people.level: [key]}, at, MembershipChange.Cause.PIN)
        except ApiError as error:
            messages.error(request, error.problems[0].message if error.problems else error.message)
        else:
            messages.success(request, f"{people.noun} {told} {VERBS[verb]} “{segment}” now.")


def pins(segment: int, verb: str) -> memberships.Pins:
    some = [segment]
    return memberships.Pins(
        some if verb == "in" else (), some if verb == "out" else (), some if verb == "release" else ()
    )


def page_of(found: Configuration, segment: int, pinned: str, after: str) -> QuerySet[Membership]:
    """A page of members in the order of their keys, by the revision that decisions use; `pinned` "out": those kept
    out."""
    if pinned == "out":
        rows = memberships.kept_out_of(segment)
    else:
        rows = memberships.members_of(segment, memberships.revision_of(found, segment))
    with suppress(ValueError):
        rows = rows.filter(person__gt=UUID(after)) if after else rows
    return rows.order_by("person")[: PER_PAGE + 1]


def with_people(rows: list[Membership]) -> list[tuple[Membership, Any]]:
    """Each membership with its visitor or profile; two statements however many rows."""
    found: dict[UUID, Any] = {}
    for level, model in ((Level.VISITOR, Visitor), (Level.PROFILE, Profile)):
        keys = [row.person for row in rows if row.level == level]
        if keys:
            found |= model.objects.in_bulk(keys)
    return [(row, found.get(row.person)) for row in rows]
