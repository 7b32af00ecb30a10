"""The profile endpoints: those of visitors, by profileId."""

from cdp.people import Profiles, WritableProfiles
from dmp.views import PersonAttributes, PersonQuery, PersonSegments


class ProfileQuery(PersonQuery):
    access = "profiles:read"
    people = Profiles()


class ProfileAttributes(PersonAttributes):
    access = "profiles:write"
    people = WritableProfiles()


class ProfileSegments(PersonSegments):
    access = "profiles:write"
    people = WritableProfiles()
