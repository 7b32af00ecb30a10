"""The profile endpoints, those of visitors by profileId; and the members of segments, which are of both levels."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Model
from django.http import HttpRequest, HttpResponse

from accounts.clock import now
from accounts.door import UUID_TEXT, ApiView
from accounts.errors import Malformed, envelope
from accounts.snapshot import Configuration
from accounts.tokens import Token
from cdp.models import Profile
from cdp.people import Profiles, WritableProfiles
from dmp import memberships
from dmp.models import Level, Visitor
from dmp.segments import members
from dmp.values import present
from dmp.views import PersonAttributes, PersonQuery, PersonSegments, unknown_segment, with_segments

MOST_MEMBERS = 1000


class ProfileQuery(PersonQuery):
    access = "profiles:read"
    people = Profiles()


class ProfileAttributes(PersonAttributes):
    access = "profiles:write"
    people = WritableProfiles()


class ProfileSegments(PersonSegments):
    access = "profiles:write"
    people = WritableProfiles()


class SegmentMembers(ApiView):
    """The members of a segment at one level, a page at a time, at this instant."""

    access = "segments:read"
    people: ClassVar[dict[str, tuple[str, type[Model], str]]] = {
        Level.VISITOR: ("visitorId", Visitor, "visitor_id"),
        Level.PROFILE: ("profileId", Profile, "name"),
    }

    def answer(
        self, request: HttpRequest, configuration: Configuration, token: Token | None, body: dict[str, Any]
    ) -> HttpResponse:
        name = body.get("segment")
        if not present(name):
            raise Malformed.field("segment", "required", "Send “segment”: the name of a segment.")
        if type(name) is not str:
            raise Malformed.field("segment", "wrong_type", "“segment” is the name of a segment.")
        configuration = with_segments(configuration, [name])
        segment = memberships.segments.of(configuration).get(name)
        if segment is None:
            problem = unknown_segment(name)
            raise Malformed(problem.message, [problem._replace(field="segment")])
        level = read_level(body)
        limit = read_limit(body)
        told, model, column = self.people[level]
        found = members.page(configuration, segment, level, now(), after=read_after(body), limit=limit)
        names = dict(model._default_manager.filter(pk__in=[row.person for row in found]).values_list("pk", column))
        listed = [{told: str(names[row.person]), "enteredAt": row.entered_at} for row in found if row.person in names]
        after = str(found[-1].person) if len(found) == limit else None
        return envelope(200, "Segment members listed successfully.", members=listed, next=after)


def read_level(body: dict[str, Any]) -> str:
    level = body.get("level")
    if not present(level):
        raise Malformed.field("level", "required", "Send “level”: visitor or profile.")
    if type(level) is not str or level not in SegmentMembers.people:
        raise Malformed.field("level", "invalid", "“level” is visitor or profile.")
    return str(level)


def read_limit(body: dict[str, Any]) -> int:
    limit = body.get("limit")
    if limit is None:
        return MOST_MEMBERS
    if type(limit) is not int:
        raise Malformed.field("limit", "wrong_type", "“limit” is a whole number.")
    if not 1 <= limit <= MOST_MEMBERS:
        raise Malformed.field("limit", "invalid", f"“limit” is a number from 1 to {MOST_MEMBERS}.")
    return limit


def read_after(body: dict[str, Any]) -> UUID | None:
    after = body.get("after")
    if not present(after):
        return None
    if type(after) is not str or not UUID_TEXT.fullmatch(after.strip()):
        raise Malformed.field("after", "invalid", "“after” is what the page before gave as “next”.")
    return UUID(after.strip())
