"""The endpoints of people: query, attributes, segments. Written once; `cdp.views` names them for profiles."""

from typing import Any, ClassVar

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from accounts import snapshot
from accounts.clock import now
from accounts.door import ApiView
from accounts.errors import Malformed, Problem, envelope
from accounts.snapshot import Configuration
from accounts.tokens import Token
from dmp import memberships
from dmp.attributes import definition, definitions, read_changes, readable, write_attributes
from dmp.people import People, Visitors, read_attributes
from dmp.segments.refresh import refresh
from dmp.values import present


class PersonView(ApiView):
    people: ClassVar[People] = Visitors()

    def answer(
        self, request: HttpRequest, configuration: Configuration, token: Token | None, body: dict[str, Any]
    ) -> HttpResponse:
        assert token is not None  # the door asks each view with `access` for one
        return self.person(configuration, token, self.people.read(configuration, body), body)

    def person(self, configuration: Configuration, token: Token, who: Any, body: dict[str, Any]) -> HttpResponse:
        raise NotImplementedError

    def saved(self, who: Any, what: str, problems: list[Problem]) -> HttpResponse:
        message = f"{self.people.noun} {what} saved successfully."
        named: dict[str, Any] = {self.people.id_field: self.people.told(who), "errors": told(problems)}
        return envelope(200, message, **named)


class PersonQuery(PersonView):
    """Attributes and segments of one person."""

    def person(self, configuration: Configuration, token: Token, who: Any, body: dict[str, Any]) -> HttpResponse:
        names = name_list(body, "attributes") or []
        asked = name_list(body, "segments") or []
        configuration = with_attributes(configuration, names)
        configuration = with_segments(configuration, asked)
        allowed, problems = readable(configuration, token, names)
        known = memberships.segments.of(configuration)
        problems += [unknown_segment(name) for name in dict.fromkeys(asked) if name != "*" and name not in known]
        at = now()
        person = self.people.find_now(configuration, who, at)
        attributes: dict[str, Any] = {}
        segments: list[str] = []
        if person is None:
            message = f"There is no such {self.people.noun.lower()} yet."
            problems.append(Problem(self.people.id_field, "not_found", message))
        else:
            attributes = read_attributes(configuration, person, allowed, at)
            inside = memberships.names(configuration, person.segments)
            segments = sorted(inside if "*" in asked else inside.intersection(asked))
        message = f"{self.people.noun} queried successfully."
        return envelope(200, message, errors=told(problems), attributes=attributes, segments=segments)


class PersonAttributes(PersonView):
    """Writes attributes of one person, who is made when new."""

    def person(self, configuration: Configuration, token: Token, who: Any, body: dict[str, Any]) -> HttpResponse:
        asked = body.get("attributes")
        if asked is None or asked == {}:
            raise Malformed.field("attributes", "required", "Send “attributes”: an object of names and values.")
        if type(asked) is not dict:
            raise Malformed.field("attributes", "wrong_type", "“attributes” is an object of names and values.")
        configuration = with_attributes(configuration, list(asked))
        changes, problems = read_changes(configuration, token, asked)
        at = now()
        with transaction.atomic():
            key = self.people.make(configuration.id, who, at)
            problems += self.people.identify(configuration, who, key, changes, at)
            if changes:
                write_attributes(self.people.model, key, changes, f"token:{token.id}", at)
            refresh(configuration, {self.people.level: [key]}, at, "event")
        return self.saved(who, "attributes", problems)


class PersonSegments(PersonView):
    """Pins one person into segments and out of them; the person is made when new."""

    def person(self, configuration: Configuration, token: Token, who: Any, body: dict[str, Any]) -> HttpResponse:
        lists = {name: name_list(body, name) for name in ("assignees", "removes", "releases")}
        if all(names is None for names in lists.values()):
            raise Malformed.field("assignees", "required", "Send “assignees” or “removes”: lists of segment names.")
        named = [name for names in lists.values() for name in dict.fromkeys(names or ())]
        for name in named:
            if named.count(name) > 1:
                raise Malformed.field(f"segments.{name}", "conflict", f"“{name}” stands in two lists.")
        configuration = with_segments(configuration, named)
        known = memberships.segments.of(configuration)
        problems = [unknown_segment(name) for name in named if name not in known]
        assign, remove, release = ([known[n] for n in names or () if n in known] for names in lists.values())
        at = now()
        with transaction.atomic():
            key = self.people.make(configuration.id, who, at)
            pins = memberships.Pins(assign, remove, release)
            memberships.pin(self.people.model, self.people.level, configuration.id, key, pins, at)
            refresh(configuration, {self.people.level: [key]}, at, "pin")
        return self.saved(who, "segments", problems)


def name_list(body: dict[str, Any], field: str) -> list[str] | None:
    """A list of names, None when absent."""
    value = body.get(field)
    if not present(value):
        return None
    if type(value) is not list or not all(type(name) is str for name in value):
        raise Malformed.field(field, "wrong_type", f"“{field}” is a list of names.")
    return value


def with_attributes(configuration: Configuration, names: list[str]) -> Configuration:
    """A newer configuration where a name is unknown to this one."""
    known = definitions.of(configuration)
    missing = any(name not in known and name[:1] not in "$*" and not definition(configuration, name) for name in names)
    return snapshot.newer(configuration) if missing else configuration


def with_segments(configuration: Configuration, names: list[str]) -> Configuration:
    known = memberships.segments.of(configuration)
    return snapshot.newer(configuration) if any(n not in known and n != "*" for n in names) else configuration


def unknown_segment(name: str) -> Problem:
    return Problem(f"segments.{name}", "unknown", f"The segment “{name}” does not exist. Make it under Audiences.")


def told(problems: list[Problem]) -> list[dict[str, str]]:
    return [problem._asdict() for problem in problems]


class VisitorQuery(PersonQuery):
    access = "visitors:read"


class VisitorAttributes(PersonAttributes):
    access = "visitors:write"


class VisitorSegments(PersonSegments):
    access = "visitors:write"
