"""What the API answers. Made by `manage.py make_clients`: do not edit."""

from typing import Any, Literal, NotRequired, TypedDict


class Problem(TypedDict):
    """One thing that is wrong."""

    field: str
    """The dotted place."""
    code: Literal[
        "required",
        "invalid",
        "too_long",
        "too_many",
        "unknown",
        "not_allowed",
        "computed",
        "wrong_type",
        "not_found",
        "conflict",
    ]
    message: str
    """What to do."""


class Campaign(TypedDict):
    id: str
    """A signed token, about 80 characters."""
    campaign: str
    placement: str | None
    """null for campaigns that are data only."""
    variant: str
    """The creative's name."""
    type: Literal["html", "image", "json"]
    """How to read `content`."""
    content: Any
    """html: {html}; image: {src, alt, width, height}; json: what the marketer wrote."""
    link: str | None
    """Where a click leads, counted on the way."""
    beacon: str
    """Call it when the campaign was rendered."""


class Reason(TypedDict):
    campaign: str
    placement: str | None
    chosen: bool
    reason: str | None
    """The first reason that kept it out."""


class Campaigns(TypedDict):
    status: Literal[200]
    message: Literal["Campaigns executed successfully."]
    campaigns: list[Campaign]
    """Best first."""
    explain: NotRequired[list[Reason]]
    """Only when asked for."""


class ProfileAttributesSaved(TypedDict):
    status: Literal[200]
    message: Literal["Profile attributes saved successfully."]
    profileId: str
    errors: list[Problem]


class Value(TypedDict):
    value: str | float | bool


class ProfileQueried(TypedDict):
    status: Literal[200]
    message: Literal["Profile queried successfully."]
    errors: list[Problem]
    attributes: dict[str, list[Value]]
    """Values, newest first."""
    segments: list[str]
    """Those the person is in now."""


class ProfileSegmentsSaved(TypedDict):
    status: Literal[200]
    message: Literal["Profile segments saved successfully."]
    profileId: str
    errors: list[Problem]


class Member(TypedDict):
    visitorId: NotRequired[str]
    """At the level of visitors."""
    profileId: NotRequired[str]
    """At the level of profiles."""
    enteredAt: str


class Members(TypedDict):
    status: Literal[200]
    message: Literal["Segment members listed successfully."]
    members: list[Member]
    """In the order of their keys."""
    next: str | None
    """Send it as “after” for the next page; null: the last."""


class VisitorAttributesSaved(TypedDict):
    status: Literal[200]
    message: Literal["Visitor attributes saved successfully."]
    visitorId: str
    errors: list[Problem]


class VisitorQueried(TypedDict):
    status: Literal[200]
    message: Literal["Visitor queried successfully."]
    errors: list[Problem]
    attributes: dict[str, list[Value]]
    """Values, newest first."""
    segments: list[str]
    """Those the person is in now."""


class VisitorSegmentsSaved(TypedDict):
    status: Literal[200]
    message: Literal["Visitor segments saved successfully."]
    visitorId: str
    errors: list[Problem]
