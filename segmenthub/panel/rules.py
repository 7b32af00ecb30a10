"""What the rule builder asks while a rule is being written. Nothing is saved here."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from accounts.models import Account, Role
from accounts.snapshot import Configuration
from dmp.models import Segment
from dmp.segments.operands import RuleError
from dmp.segments.parse import parse
from dmp.segments.references import check_references
from dmp.segments.rules import Condition
from dmp.segments.sentence import sentence
from dmp.segments.vocabulary import vocabulary
from segmenthub.panel.pages import Page

MAX_BYTES = 1024 * 1024


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
