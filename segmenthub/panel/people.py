"""Visitors and profiles, read-only: found by what names them, listed by key, each with all that is known of it."""

import re
from contextlib import suppress
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest
from django.utils.dateparse import parse_datetime

from accounts.clock import now
from accounts.models import ApiToken, Attribute, Role
from accounts.snapshot import configuration
from cdp import identifiers
from cdp.models import Device, Identifier, Link, Profile
from cdp.people import newest, read_spans
from dmp.attributes import definitions
from dmp.keys import visitor_key
from dmp.memberships import standing
from dmp.models import Level, Segment, Visitor
from dmp.partitions import AHEAD, EARLIEST
from dmp.people import LATEST, life
from dmp.segments.computed import compute
from dmp.segments.refresh import is_due, refresh
from segmenthub.panel.events import Wanted, devices_named, events_of, newest_events
from segmenthub.panel.pages import Page, above, asked

PER_PAGE = 50
RECENT_EVENTS = 500
"""Of how many of the newest events the visitors are shown first."""
SEARCHED = 50_000
"""Among how many visitors the beginning of a visitorId is looked for; a whole one is found by its key."""
TIMELINE = 100
MOST_OTHERS = 200
HEX = re.compile(r"[0-9a-f-]{1,36}")


class AttributeShown(NamedTuple):
    name: str
    values: list[Any]
    at: Any
    source: str
    personal: bool


class SegmentShown(NamedTuple):
    segment: Segment
    how: str


class PeopleList(Page):
    """A list of people: found by name, or page by page in the order of their keys."""

    least = Role.ANALYST
    model: ClassVar[type[Visitor] | type[Profile]]

    def context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        query = asked(request, "q")
        everybody = "all" in request.GET
        rows = self.search(query)[:PER_PAGE] if query else self.listed(everybody, request.GET.get("after", ""))
        more = not query and len(rows) > PER_PAGE
        rows = rows[:PER_PAGE]
        after = urlencode({"all": "", "after": rows[-1].key}) if more else ""
        return {"rows": rows, "query": query, "everybody": everybody, "after": after}

    def listed(self, everybody: bool, after: str) -> list[Any]:
        return self.by_key(after)

    def by_key(self, after: str) -> list[Any]:
        rows = self.model.objects.filter(account=self.account)
        with suppress(ValueError):
            rows = rows.filter(key__gt=UUID(after)) if after else rows
        return list(rows.order_by("key")[: PER_PAGE + 1])

    def search(self, query: str) -> list[Any]:
        raise NotImplementedError


class VisitorsPage(PeopleList):
    template = "panel/visitors.html"
    title = "Visitors"
    model = Visitor

    def context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        context = super().context(request, *args, **kwargs)
        names = profile_names(row.profile for row in context["rows"])
        for row in context["rows"]:
            row.profile_name = names.get(row.profile)
        return context

    def listed(self, everybody: bool, after: str) -> list[Any]:
        return self.by_key(after) if everybody or after else self.recent() or self.by_key("")

    def recent(self) -> list[Visitor]:
        """Those of the newest events, newest first."""
        events = newest_events(self.account.pk, Wanted(limit=RECENT_EVENTS))
        keys = list(dict.fromkeys(event.visitor for event in events))[:PER_PAGE]
        found = Visitor.objects.filter(account=self.account).in_bulk(keys)
        return [found[key] for key in keys if key in found]

    def search(self, query: str) -> list[Any]:
        text = query.lower()
        rows = Visitor.objects.filter(account=self.account)
        if not HEX.fullmatch(text):
            return list(rows.filter(key__in=devices_named(self.account.pk, query) or [])[:PER_PAGE])
        digits = text.replace("-", "")
        if len(digits) == 32:
            return list(rows.filter(key=visitor_key(self.account.pk, UUID(digits))))
        first, last = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
        some = rows.order_by("key").values("key")[:SEARCHED]
        return list(rows.filter(key__in=some, visitor_id__gte=first, visitor_id__lte=last)[:PER_PAGE])


class ProfilesPage(PeopleList):
    template = "panel/profiles.html"
    title = "Profiles"
    model = Profile

    def by_key(self, after: str) -> list[Any]:
        rows = super().by_key(after)
        return [row for row in rows if row.merged_into is None]

    def search(self, query: str) -> list[Any]:
        rows = Identifier.objects.filter(account=self.account)
        exact = list(rows.filter(key=identifiers.name(self.account.pk, query).key))
        begins = list(rows.filter(value__startswith=query)[:PER_PAGE])
        if query.lower() != query:
            begins += rows.filter(value__startswith=query.lower())[:PER_PAGE]
        keys = list(dict.fromkeys([*(row.profile for row in [*exact, *begins]), *self.of_visitor(query)]))[:PER_PAGE]
        found = Profile.objects.filter(account=self.account).in_bulk(keys)
        return [found[key] for key in keys if key in found]

    def of_visitor(self, query: str) -> list[UUID]:
        """The profile of a visitorId."""
        with suppress(ValueError):
            visitors = Visitor.objects.filter(account=self.account, key=visitor_key(self.account.pk, UUID(query)))
            return [visitor.profile for visitor in visitors if visitor.profile]
        return []


def profile_names(keys: Any) -> dict[UUID, str]:
    wanted = {key for key in keys if key is not None}
    return dict(Profile.objects.filter(key__in=wanted).values_list("key", "name")) if wanted else {}


class PersonPage(Page):
    """One person: what is known of it, in which segments it is and why, and its newest events."""

    least = Role.ANALYST
    template = "panel/person.html"
    model: ClassVar[type[Visitor] | type[Profile]]

    def find(self, key: UUID) -> Any:
        """The person, with what is due of its segments evaluated."""
        found = self.model.objects.filter(account=self.account, key=key).first()
        if found is None:
            raise Http404
        at = now()
        if is_due(found.due_at, at) and (settings := configuration(self.account.pk)):
            level = Level.VISITOR if self.model is Visitor else Level.PROFILE
            refresh(settings, {level: [key]}, at, "clock", ())
            found.refresh_from_db()
        return found

    def attributes(self, person: Any, spans: list[Any]) -> list[AttributeShown]:
        known = {row.name: row for row in Attribute.objects.filter(account=self.account)}
        sources = token_names(self.account.pk)
        written = [
            AttributeShown(
                name,
                [yes_or_no(value) for value in stored["values"]],
                parse_datetime(stored["at"]),
                source_words(stored.get("source", ""), sources),
                name in known and known[name].personal,
            )
            for name, stored in sorted(person.attributes.items())
            if stored["values"]
        ]
        return written + self.computed(spans)

    def computed(self, spans: list[Any]) -> list[AttributeShown]:
        found = configuration(self.account.pk)
        if found is None:
            return []
        wanted = [name for name, row in definitions.of(found).items() if row.computed is not None]
        values = compute(found, wanted, spans, now())
        return [
            AttributeShown(name, [as_time(value) for value in values[name]], None, "from events", False)
            for name in wanted
            if values.get(name)
        ]

    def segments(self, person: Any) -> list[SegmentShown]:
        found = configuration(self.account.pk)
        assert found is not None
        inside = standing(found, (person.segments, person.pins_in, person.pins_out)).segments
        wanted = {*inside, *person.pins_out}
        rows = Segment.objects.filter(account=self.account, pk__in=wanted) if wanted else []
        return [SegmentShown(row, how(row.pk, person)) for row in rows]

    def others(self, person: Any) -> list[Segment]:
        """The segments that it is not in."""
        inside = {row.segment.pk for row in self.segments(person)}
        return [row for row in Segment.objects.filter(account=self.account)[:MOST_OTHERS] if row.pk not in inside]


def yes_or_no(value: Any) -> Any:
    return ("no", "yes")[value] if isinstance(value, bool) else value


def as_time(value: Any) -> Any:
    """A computed time as one that templates can write; other values as they are."""
    if not isinstance(value, str) or not value.endswith("Z"):
        return value
    with suppress(ValueError):
        return parse_datetime(value) or value
    return value


def how(segment: int, person: Any) -> str:
    if segment in person.pins_out:
        return "kept out by hand"
    return "put in by hand" if segment in person.pins_in else "by its rule"


def token_names(account: UUID) -> dict[str, str]:
    return {f"token:{pk}": name for pk, name in ApiToken.objects.filter(account=account).values_list("pk", "name")}


def source_words(source: str, tokens: dict[str, str]) -> str:
    if source in tokens:
        return f"API token “{tokens[source]}”"
    return "a token that was deleted" if source.startswith("token:") else source


class VisitorPage(PersonPage):
    model = Visitor

    def context(self, request: HttpRequest, key: UUID, *args: Any, **kwargs: Any) -> dict[str, Any]:
        visitor = self.find(key)
        latest = {name: getattr(visitor, name) for name in LATEST}
        links = list(Link.objects.filter(visitor=key).order_by("-since")[:TIMELINE])
        names = profile_names([visitor.profile, *(link.profile for link in links)])
        return {
            "title": str(visitor.visitor_id),
            "parents": above("visitors", "Visitors"),
            "back": "panel:visitors",
            "person": visitor,
            "facts": visitor_facts(visitor),
            "attributes": self.attributes(visitor, [life(key, latest)]),
            "level": Level.VISITOR,
            "segments": self.segments(visitor),
            "others": self.others(visitor),
            "earliest": EARLIEST,
            "links": [(link, names.get(link.profile) if link.profile else None) for link in links],
            "owner": (visitor.profile, names.get(visitor.profile)) if visitor.profile else None,
            "events": events_of(self.account.pk, [key], Wanted(limit=TIMELINE, since=visitor.first_seen)),
        }


def visitor_facts(visitor: Visitor) -> list[tuple[str, Any]]:
    facts = [("First seen", visitor.first_seen), ("Last seen", visitor.last_seen), ("Platform", visitor.platform)]
    facts += [("Device", visitor.device), ("Country", visitor.country), ("Language", visitor.language)]
    facts += [(f"UTM {name}", value) for name, value in (visitor.utm or {}).items()]
    return [(name, value) for name, value in facts if value]


class ProfilePage(PersonPage):
    model = Profile

    def context(self, request: HttpRequest, key: UUID, *args: Any, **kwargs: Any) -> dict[str, Any]:
        profile = self.find(key)
        end = now() + 2 * AHEAD
        spans = read_spans(key, end)
        latest = newest(spans, end)
        devices = list(Device.objects.filter(profile=key).order_by("-linked_at")[:PER_PAGE])
        visitors = Visitor.objects.filter(account=self.account).in_bulk([device.visitor for device in devices])
        return {
            "title": profile.name,
            "parents": above("profiles", "Profiles"),
            "back": "panel:profiles",
            "person": profile,
            "facts": profile_facts(profile, latest),
            "attributes": self.attributes(profile, spans),
            "level": Level.PROFILE,
            "segments": self.segments(profile),
            "others": self.others(profile),
            "identifiers": Identifier.objects.filter(profile=key, account=self.account).order_by("type", "value"),
            "devices": [(device, visitors.get(device.visitor)) for device in devices],
            "survivor": profile.merged_into,
            "events": self.own_events(spans, latest),
        }

    def own_events(self, spans: list[Any], latest: dict[str, Any]) -> list[Any]:
        """The newest events of its visitors, of the times when they were its own."""
        since = latest.get("earliest")
        visitors = list({span.visitor for span in spans})
        found = events_of(self.account.pk, visitors, Wanted(limit=TIMELINE, since=since))
        return [event for event in found if any(belongs(event, span) for span in spans)]


def belongs(event: Any, span: Any) -> bool:
    return bool(event.visitor == span.visitor and span.since <= event.time < span.until)


def profile_facts(profile: Profile, latest: dict[str, Any]) -> list[tuple[str, Any]]:
    facts = [("Known since", profile.created_at), ("Last seen", latest.get("last_seen"))]
    facts += [
        ("Platform", latest.get("platform")),
        ("Device", latest.get("device")),
        ("Country", latest.get("country")),
    ]
    return [(name, value) for name, value in facts if value]
