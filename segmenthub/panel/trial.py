"""“Test as a visitor”: what somebody would be shown right now, and why nothing else. Nothing is recorded or counted."""

import json
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.db import transaction
from django.http import HttpRequest

from accounts.clock import now
from accounts.errors import Malformed
from accounts.models import Platform, Role
from accounts.snapshot import Configuration
from adserver.models import Campaign
from adserver.query import Query, explain_campaigns
from adserver.reasons import Words, words
from cdp import identifiers
from cdp.models import Device, Identifier
from dmp.incoming import DEVICES, read_event
from dmp.keys import visitor_key
from dmp.models import EventType, Visitor
from segmenthub.panel.pages import Page, asked

PLAIN = ("platform", "event", "device", "path")
FIELDS = (*PLAIN, "visitor", "profile", "fields")
NOT_TRIED = (Campaign.Status.LIVE, Campaign.Status.ARCHIVED)


class Shown(NamedTuple):
    campaign: Campaign
    element: dict[str, Any]


class Refused(NamedTuple):
    campaign: Campaign
    placement: str | None
    why: Words


class TrialPage(Page):
    """`visitor`: a visitorId, `profile`: one of its names; neither: somebody who comes for the first time. `campaign`:
    the one that is looked at, tried as if it were live."""

    least = Role.ANALYST
    template = "panel/trial.html"
    title = "Test as a visitor"

    def context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        looked_at = self.looked_at(request)
        begun = "event" in request.GET
        codes = EventType.objects.filter(account=self.account).exclude(code__startswith="$")
        return {
            "asked": ({} if begun else self.usual(request))
            | {name: text for name in FIELDS if (text := asked(request, name))},
            "codes": [row.code for row in codes],
            "platforms": [row.code for row in Platform.objects.filter(account=self.account)],
            "devices": DEVICES,
            "looked_at": looked_at,
            "may_add": self.standing.may_change(Role.ADMIN),
            **(self.tried(request, looked_at) if begun else {}),
        }

    def usual(self, request: HttpRequest) -> dict[str, Any]:
        """What the form says at first: the visitor comes as it last came."""
        rows = Visitor.objects.filter(account=self.account)
        found = rows.filter(key=key).first() if (key := self.key_of(asked(request, "visitor"))) else None
        latest = {"platform": found.platform, "device": found.device} if found else {}
        return {"event": "pageView", "path": "/", **latest}

    def key_of(self, visitor: str) -> UUID | None:
        try:
            return visitor_key(self.account.pk, UUID(visitor))
        except ValueError:
            return None

    def looked_at(self, request: HttpRequest) -> Campaign | None:
        text = asked(request, "campaign")
        found = Campaign.objects.filter(account=self.account, pk=int(text)) if text.isdecimal() else None
        return found.first() if found is not None and len(text) < 19 else None

    def tried(self, request: HttpRequest, looked_at: Campaign | None) -> dict[str, Any]:
        try:
            body = self.body(request)
            with transaction.atomic():
                if looked_at is not None and looked_at.status not in NOT_TRIED:
                    Campaign.objects.filter(pk=looked_at.pk).update(status=Campaign.Status.LIVE)
                found = Configuration(self.account, 0)  # of this transaction alone: no request sees the draft
                found, event = read_event(found, body, now())
                elements, reasons = explain_campaigns(found, Query(event, None, {}), event.time)
                transaction.set_rollback(True)
        except Malformed as error:
            return {"problem": " ".join(one.message for one in error.problems) or str(error)}
        campaigns = {row.slug: row for row in Campaign.objects.filter(account=self.account)}
        refused = [
            Refused(campaigns[one["campaign"]], one["placement"], words(one["reason"]))
            for one in reasons
            if not one["chosen"]
        ]
        return {
            "done": True,
            "known": Visitor.objects.filter(key=visitor_key(self.account.pk, event.visitor_id)).first(),
            "shown": [Shown(campaigns[element["campaign"]], element) for element in elements],
            "refused": refused,
            "verdict": next((one for one in refused if one.campaign == looked_at), None),
        }

    def body(self, request: HttpRequest) -> dict[str, Any]:
        """The event as an SDK would send it."""
        body: dict[str, Any] = {name: text for name in PLAIN if (text := asked(request, name))}
        if text := asked(request, "fields"):
            try:
                fields = json.loads(text)
            except ValueError:
                fields = None
            if not isinstance(fields, dict):
                raise Malformed('More fields are a JSON object such as {"sku": "A1", "price": 20}.')
            body |= fields
        return body | {"visitorId": str(self.visitor(asked(request, "visitor"), asked(request, "profile")))}

    def visitor(self, visitor: str, profile: str) -> UUID:
        if visitor:
            try:
                return UUID(visitor)
            except ValueError:
                raise Malformed("A visitorId is a UUID. Copy it from the visitor's page.") from None
        return self.device_of(profile) if profile else uuid4()

    def device_of(self, name: str) -> UUID:
        """The newest device of a profile: an event of it is the profile's."""
        key = identifiers.name(self.account.pk, name).key
        known = Identifier.objects.filter(account=self.account, key=key).first()
        if known is None:
            raise Malformed(f"There is no profile “{name}”.")
        device = Device.objects.filter(profile=known.profile, open=True).order_by("-linked_at").first()
        row = Visitor.objects.filter(account=self.account, key=device.visitor).first() if device else None
        if row is None:
            raise Malformed(f"No device is linked to “{name}”. Test with a visitorId instead.")
        return row.visitor_id
