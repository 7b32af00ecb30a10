"""What the form of a computed attribute asks while it is being written. Nothing is saved here."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from accounts.clock import now
from accounts.models import Account, Role
from accounts.snapshot import Configuration
from cdp.models import Profile
from cdp.people import read_spans
from dmp.models import Level, Visitor
from dmp.partitions import AHEAD
from dmp.people import LATEST, life
from dmp.segments import preview, rules
from dmp.segments.computed import values_of
from dmp.segments.operands import RuleError
from dmp.segments.parse import parse_computed
from dmp.segments.sentence import computed_in_words
from dmp.segments.vocabulary import vocabulary
from segmenthub.panel.events import Wanted, newest_events
from segmenthub.panel.pages import Page
from segmenthub.panel.rules import body_of

PEOPLE = 5
NEWEST = 200
"""Of how many of the newest events the people are shown."""


class ComputedPage(Page):
    """POST {"computed": definition} -> {"sentence": text or null, "errors": [{"place", "message"}], "people": [{"name",
    "level", "link", "values"}]}: the values that some people who came last would have."""

    least = Role.ANALYST
    http_method_names = ("post",)

    def post(self, request: HttpRequest) -> HttpResponse:
        configuration = Configuration(self.account, 0)
        try:
            leaf = parse_computed(body_of(request).get("computed"), vocabulary(configuration))
        except RuleError as error:
            wrong = {"place": error.place, "message": error.message}
            return JsonResponse({"sentence": None, "errors": [wrong], "people": []})
        try:
            with preview.at_most(preview.ESTIMATE_SECONDS):
                people = samples(self.account, leaf, configuration)
        except preview.TooSlow:
            people = []
        told = computed_in_words(leaf, self.account.zone)
        return JsonResponse({"sentence": told, "errors": [], "people": people})


def samples(account: Account, leaf: rules.Computed, configuration: Configuration) -> list[dict[str, Any]]:
    """Some who came last, each as a profile where it is known, with their values."""
    at = now()
    keys = dict.fromkeys(event.visitor for event in newest_events(account.pk, Wanted(limit=NEWEST)))
    visitors = Visitor.objects.filter(account=account).in_bulk(list(keys))
    profiles = Profile.objects.in_bulk([row.profile for row in visitors.values() if row.profile])
    found: dict[Any, dict[str, Any]] = {}
    for key in keys:
        visitor = visitors.get(key)
        profile = profiles.get(visitor.profile) if visitor and visitor.profile else None
        person = profile or visitor
        if visitor is None or person is None or person.pk in found:
            continue
        latest = {name: getattr(visitor, name) for name in LATEST}
        spans = read_spans(person.pk, at + 2 * AHEAD) if profile else [life(key, latest)]
        level = Level.PROFILE if profile else Level.VISITOR
        found[person.pk] = {
            "name": profile.name if profile else str(visitor.visitor_id),
            "level": level,
            "link": reverse(f"panel:{level}", args=[person.pk]),
            "values": list(map(str, values_of({"": leaf}, spans, configuration, at, prepare=False).get("", []))),
        }
        if len(found) == PEOPLE:
            break
    return list(found.values())
