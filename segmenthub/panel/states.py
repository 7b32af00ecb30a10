"""Pausing a segment, building it again, cancelling its build: buttons of its page."""

from collections.abc import Callable
from typing import NamedTuple

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.clock import now
from accounts.models import Role
from accounts.snapshot import Configuration, configuration
from dmp.models import Segment
from dmp.segments import pausing
from segmenthub.panel.pages import Page


class Verb(NamedTuple):
    """What a button does, the line that it leaves in the segment's history, and what it says."""

    do: Callable[[Configuration, int], Segment]
    logged: str
    said: str


VERBS = {
    "pause": Verb(
        lambda found, pk: pausing.pause(found, pk, now()),
        "Paused.",
        "“{}” is paused: it keeps the members that it has now. Campaigns and segments that use it go on with them.",
    ),
    "build": Verb(
        lambda found, pk: pausing.build_again(found.id, pk),
        "Built again.",
        "“{}” is being built and serves as soon as that is done.",
    ),
    "cancel": Verb(
        lambda found, pk: pausing.cancel(found.id, pk),
        "Cancelled the build.",
        "The build of “{}” is cancelled. It is built again after the next edit of its rule, or of what the rule names.",
    ),
}


class StatePage(Page):
    least = Role.MARKETER
    http_method_names = ("post",)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        verb = VERBS.get(request.POST.get("do", ""))
        found = configuration(self.account.pk)
        if verb is None or found is None or not Segment.objects.filter(account=self.account, pk=pk).exists():
            raise Http404
        if not self.standing.may_change(Role.MARKETER):
            raise PermissionDenied
        try:
            segment = verb.do(found, pk)
        except pausing.Refused as error:
            messages.error(request, str(error))
        else:
            admin.site._registry[Segment].log_change(request, segment, verb.logged)
            messages.success(request, verb.said.format(segment))
        return HttpResponseRedirect(reverse("panel:dmp_segment_change", args=[pk]))
