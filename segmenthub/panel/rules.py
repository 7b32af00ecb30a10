"""What the rule builder asks while a rule is being written. Nothing is saved here."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from accounts.clock import now
from accounts.models import Account, Role
from accounts.snapshot import Configuration
from adserver.conditions import parse_conditions
from cdp.models import Profile
from dmp.models import Level, Segment, Visitor
from dmp.segments import preview
from dmp.segments.operands import RuleError
from dmp.segments.parse import parse
from dmp.segments.references import check_references
from dmp.segments.rules import Condition
from dmp.segments.sentence import conditions_in_words, sentence
from dmp.segments.vocabulary import vocabulary
from segmenthub.panel.pages import Page

MAX_BYTES = 1024 * 1024
EXAMPLES = 10
TOO_SLOW = "This takes longer than can be waited for here. Saved, the segment is built in the background all the same."


class RulePage(Page):
    """POST {"rule": ..., "name": name of the segment, if it has one} -> {"sentence": text or null, "errors": [{"place",
    "message"}]}. For whoever may see segments."""

    least = Role.VIEWER
    http_method_names = ("post",)

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            rule, _ = read(request, self.account)
        except RuleError as error:
            return JsonResponse({"sentence": None, "errors": [{"place": error.place, "message": error.message}]})
        told = sentence(rule, self.account.zone) if rule is not None else None
        return JsonResponse({"sentence": told, "errors": []})


class ConditionsPage(Page):
    """POST {"rule": a campaign's conditions, "events": codes after which it shows} -> as RulePage. For whoever may see
    campaigns."""

    least = Role.VIEWER
    http_method_names = ("post",)

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            body, known = body_of(request), vocabulary(Configuration(self.account, 0))
            tree, events = body.get("rule"), body.get("events")
            told = None
            if tree is not None:
                codes = tuple(code for code in known.events if code in events) if isinstance(events, list) else ()
                told = conditions_in_words(parse_conditions(tree, known, codes), self.account.zone)
        except RuleError as error:
            return JsonResponse({"sentence": None, "errors": [{"place": error.place, "message": error.message}]})
        return JsonResponse({"sentence": told, "errors": []})


class SizePage(Page):
    """POST {"rule", "exact": true or false} -> {"sizes": [{"level", "members", "people", "exact"}]}, or {"problem":
    why not}."""

    least = Role.VIEWER
    http_method_names = ("post",)

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            rule, configuration = read(request, self.account)
            if rule is None:
                return JsonResponse({"sizes": []})
            ask = preview.count if body_of(request).get("exact") is True else preview.estimate
            sizes = ask(configuration, rule, now())
        except RuleError as error:
            return JsonResponse({"problem": str(error)})
        except preview.TooSlow:
            return JsonResponse({"problem": TOO_SLOW})
        return JsonResponse({"sizes": [size._asdict() for size in sizes]})


class ExamplesPage(Page):
    """POST {"rule"} -> {"people": [{"name", "level", "link"}]}, or {"problem": why not}. People need an analyst."""

    least = Role.ANALYST
    http_method_names = ("post",)

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            rule, configuration = read(request, self.account)
            keys = preview.examples(configuration, rule, now(), EXAMPLES) if rule is not None else {}
        except RuleError as error:
            return JsonResponse({"problem": str(error)})
        except preview.TooSlow:
            return JsonResponse({"problem": TOO_SLOW})
        return JsonResponse({"people": people(keys)[:EXAMPLES]})


def people(keys: Mapping[str, Sequence[UUID]]) -> list[dict[str, str]]:
    """Profiles first: they have names."""
    found: list[dict[str, str]] = []
    for level, model, shown in ((Level.PROFILE, Profile, "name"), (Level.VISITOR, Visitor, "visitor_id")):
        rows = model.objects.in_bulk(list(keys.get(level, ())))
        links = ((str(getattr(row, shown)), reverse(f"panel:{level}", args=[row.pk])) for row in rows.values())
        found += [{"name": name, "level": str(level), "link": link} for name, link in links]
    return found


def read(request: HttpRequest, account: Account) -> tuple[Condition | None, Configuration]:
    """The rule of a body, None without one, and the account as it is now. Raises RuleError."""
    body = body_of(request)
    configuration = Configuration(account, 0)
    raw, name = body.get("rule"), body.get("name")
    if raw is None:
        return None, configuration
    rule = parse(raw, vocabulary(configuration))
    if isinstance(name, str) and name:
        others = Segment.objects.filter(account=account).exclude(name=name)
        check_references(name, raw, dict(others.values_list("name", "rule")))
    return rule, configuration


def body_of(request: HttpRequest) -> dict[str, Any]:
    if len(request.body) > MAX_BYTES:
        raise RuleError("", "This rule is too large.")
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        raise RuleError("", "This is no JSON.") from None
    if not isinstance(body, dict):
        raise RuleError("", "This is no JSON object.")
    return body
