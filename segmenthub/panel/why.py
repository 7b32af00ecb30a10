"""Why a visitor or a profile is in a segment, or is not: the rule's tree with its evidence, at this instant."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import Http404, HttpRequest
from django.urls import reverse

from accounts.clock import now
from accounts.models import Role
from accounts.snapshot import configuration as configuration_of
from accounts.snapshot import newer
from cdp.models import Profile
from dmp.models import Level, MembershipChange, Segment, Visitor
from dmp.segments import reading
from dmp.segments.active import active
from dmp.segments.explain import explain
from dmp.segments.refresh import memberships, refresh
from segmenthub.panel.pages import Page, above

CHANGES = 20


class WhyPage(Page):
    least = Role.ANALYST
    template = "panel/why.html"
    people: ClassVar[dict[str, type[Visitor] | type[Profile]]] = {Level.VISITOR: Visitor, Level.PROFILE: Profile}

    def context(self, request: HttpRequest, level: str, key: UUID, pk: int, **kwargs: Any) -> dict[str, Any]:
        segment = Segment.objects.filter(account=self.account, pk=pk).first()
        model = self.people.get(level)
        person = model.objects.filter(account=self.account, key=key).first() if model else None
        found = configuration_of(self.account.pk)
        if segment is None or person is None or found is None:
            raise Http404
        found = newer(found)
        at = now()
        refresh(found, {level: [key]}, at, MembershipChange.Cause.CLOCK, ())
        revision = next((r for r in active.of(found).revisions if r.segment == pk and r.live), None)
        known = reading.read({level: [key]}, reading.wanted([revision] if revision else [], at), found.zone)[0]
        pin = known.rows.get((pk, 0))
        row = known.rows.get((pk, segment.revision or -1))
        evidence = None
        own = reverse(f"panel:{level}", args=[key])
        if revision is not None:
            known.facts.segments = memberships(revision.references, known)
            evidence = explain(revision.rule, known.facts, at)
        return {
            "title": f"Why in “{segment}”, or why not",
            "parents": [*above(f"{level}s", f"{level}s".capitalize()), (str(person), own)],
            "segment": segment,
            "person": person,
            "page": f"panel:{level}",
            "pin": pin.pinned if pin else "",
            "inside": pin.pinned == "in" if pin else bool(row and row.by_rule),
            "evidence": evidence,
            "too_many": known.too_many,
            "changes": MembershipChange.objects.filter(person=key, segment=segment).order_by("-at", "-id")[:CHANGES],
        }
