"""Which keys each kind of row has in the file, and how those are read that are not plain values."""

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

from accounts.clock import now
from accounts.models import ApiToken, Attribute, Platform
from accounts.snapshot import Configuration
from accounts.tokens import create_token
from adserver.conditions import compile_conditions
from adserver.lifecycle import status_problem
from adserver.models import AdSettings, Campaign, Creative, Media, Placement
from dmp.attributes import CONSENT, exists
from dmp.event_types import REQUIRED, STANDARD
from dmp.incoming import RESERVED
from dmp.models import EventType, Property, Segment
from dmp.segments.operands import RuleError
from dmp.segments.parse import parse_computed
from dmp.segments.rules import Computed
from dmp.segments.vocabulary import vocabulary
from dmp.webhooks.models import Webhook
from segmenthub.provision.read import Mistake, Node, Parts
from segmenthub.provision.rows import Table, Work


def unknown(node: Node, what: str, known: Collection[str]) -> Mistake:
    close = get_close_matches(str(node.value), known, 1)
    hint = f"Did you mean “{close[0]}”?" if close else "Add it to the file."
    return node.wrong(f"There is no {what} “{node.value}”. {hint}")


def known_texts(nodes: Node, what: str, known: Collection[str]) -> list[str]:
    """A list of names that must exist."""
    for node in nodes.items():
        if node.text() not in known:
            raise unknown(node, what, known)
    return nodes.texts()


# --- platforms ---
platforms = Table("platforms", Platform, "code", ("code", "type", "origins"))


# --- events ---
def check_event_type(work: Work, row: EventType, parts: Parts, changed: list[str]) -> None:
    if row.code.startswith("$"):
        raise parts["code"].wrong("Codes that start with $ are the ad server's own. Start with a letter.")


def check_property(work: Work, row: Property, parts: Parts, changed: list[str]) -> None:
    if row.name in RESERVED:
        raise parts["name"].wrong(f"“{row.name}” is a field of every event and cannot be a property.")
    code = row.event_type.code
    if row.name not in STANDARD.get(code, ()):
        return
    for key in ("type", "many"):
        if key in changed:
            raise parts[key].wrong(f"“{row.name}” is documented for “{code}”: it keeps its type.")
    if (code, row.name) in REQUIRED and not row.required:
        raise parts.get("required", parts["name"]).wrong(f"“{code}” always requires “{row.name}”.")


events = Table("events", EventType, "code", ("code", "description"), nested=("properties",), check=check_event_type)
properties = Table("properties", Property, "name", ("name", "type", "many", "required"), check=check_property)


# --- attributes ---
def read_computed(work: Work, row: Attribute, node: Node) -> Any:
    if node.value is not None:
        parsed(work, node)
    return node.value


def parsed(work: Work, node: Node) -> Computed:
    try:
        return parse_computed(node.value, vocabulary(Configuration(work.account, 0)))
    except RuleError as error:
        raise Mistake(node.at(error.place) if error.place else node.place, error.message) from None


def check_attribute(work: Work, row: Attribute, parts: Parts, changed: list[str]) -> None:
    if row.name.startswith(CONSENT):
        raise parts["name"].wrong("“consent.” is reserved: consent comes with events.")
    found = parsed(work, parts["computed"]) if row.computed is not None and "computed" in parts else None
    if row._state.adding:
        complete_computed(row, parts, found)
    else:
        for key in ("type", "many"):
            if key in changed:
                raise parts[key].wrong("What is stored has the old type: make an attribute of another name.")
    if row.computed is None:
        return
    if row.identifier:
        raise parts["identifier" if "identifier" in parts else "computed"].wrong("A computed value identifies nobody.")
    if found is not None and found.type != row.type:
        raise parts["type" if "type" in parts else "computed"].wrong(f"What is computed is of type {found.type}.")


def complete_computed(row: Attribute, parts: Parts, found: Computed | None) -> None:
    """A computed attribute has the type and number of values of what computes it, unless the file says so itself."""
    if found is None:
        return
    if "type" not in parts:
        row.type = found.type
    if "many" not in parts:
        row.many = found.kind == "lastList"


def keep_standard(work: Work, row: Attribute, node: Node) -> Any:
    """The standard computed attributes stay what they are."""
    computed = read_computed(work, row, node)
    if not row._state.adding and row.computed and "standard" in row.computed and computed != row.computed:
        raise node.wrong(f"Every account has “{row.name}”: it stays as it is.")
    return computed


attributes = Table(
    "attributes",
    Attribute,
    "name",
    ("name", "type", "many", "personal", "identifier", "merge", "computed"),
    readers={"computed": keep_standard},
    check=check_attribute,
)


# --- segments ---
def read_rule(work: Work, row: Segment, node: Node) -> Any:
    if node.value is not None and not isinstance(node.value, dict):
        raise node.wrong('A rule is an object such as {"event": "purchase", "within": "30d"}.')
    return node.value


segments = Table(
    "segments",
    Segment,
    "name",
    ("name", "description", "rule"),
    readers={"rule": read_rule},
    nested=("webhooks",),
    also=("status",),
)


# --- webhooks: known by their url, among those of a segment or among those of all ---
def check_webhook(work: Work, row: Webhook, parts: Parts, changed: list[str]) -> None:
    if row._state.adding:
        row.created_at = row.since = now()


def make_webhook(work: Work, row: Webhook) -> None:
    row.save()
    work.webhooks[f"{row.segment.name}/{row.url}" if row.segment else row.url] = row.secret


webhooks = Table(
    "webhooks",
    Webhook,
    "url",
    ("url", "level", "on_enter", "on_leave", "active"),
    check=check_webhook,
    make=make_webhook,
)


# --- placements and campaigns ---
placements = Table("placements", Placement, "code", ("code", "name", "width", "height", "active"))


def read_placement(work: Work, row: Campaign, node: Node) -> Placement | None:
    if node.value is None:
        return None
    found = Placement.objects.filter(account=work.account, code=node.text()).first()
    if found is None:
        codes = Placement.objects.filter(account=work.account).values_list("code", flat=True)
        raise unknown(node, "placement", list(codes))
    return found


def read_platforms(work: Work, row: Campaign, node: Node) -> list[str]:
    return known_texts(node, "platform", set(work.account.platforms.values_list("code", flat=True)))


def read_events(work: Work, row: Campaign, node: Node) -> list[str]:
    codes = EventType.objects.filter(account=work.account).values_list("code", flat=True)
    return known_texts(node, "event type", set(codes))


def check_campaign(work: Work, row: Campaign, parts: Parts, changed: list[str]) -> None:
    if "status" in changed and not row._state.adding:
        before = Campaign.objects.values_list("status", flat=True).get(pk=row.pk)
        problem = status_problem(before, row.status)
        if problem:
            raise parts["status"].wrong(problem)
    if row.starts_at and row.ends_at and row.starts_at >= row.ends_at:
        raise parts["ends_at" if "ends_at" in parts else "starts_at"].wrong("A campaign ends after it starts.")
    if (row.goal != Campaign.Goal.NONE) != (row.amount is not None):
        text = "Say how many in “amount”." if row.amount is None else "An amount needs a goal: impressions or clicks."
        raise (parts.get("amount") or parts.get("goal") or parts["slug"]).wrong(text)
    if row.conditions is not None and (row._state.adding or {"conditions", "events"} & set(changed)):
        known = vocabulary(Configuration(work.account, 0))
        place = parts.get("conditions") or parts["events"]
        try:
            compile_conditions(row.conditions, known, tuple(row.events))
        except RuleError as error:
            inside = error.place and "conditions" in parts
            raise Mistake(place.at(error.place) if inside else place.place, error.message) from None


campaigns = Table(
    "campaigns",
    Campaign,
    "slug",
    (
        *("name", "slug", "status", "starts_at", "ends_at", "placement", "tier", "weight", "label"),
        *("platforms", "devices", "events", "paths", "exclude_paths", "conditions"),
        *("goal", "amount", "pacing", "daily_cap", "cap", "cap_hours", "stop_after", "dismiss_days"),
        *("holdout_percent", "click_days", "view_days", "match"),
    ),
    readers={"placement": read_placement, "platforms": read_platforms, "events": read_events},
    nested=("segments", "exclude_segments", "creatives"),
    check=check_campaign,
)


def read_media(work: Work, row: Creative, node: Node) -> Media | None:
    """A picture of the account by its name."""
    if node.value is None:
        return None
    found = list(Media.objects.filter(account=work.account, name=node.text())[:2])
    if len(found) != 1:
        raise node.wrong(
            f"Several pictures are named “{node.value}”. Rename them under Media."
            if found
            else f"There is no picture “{node.value}”. Upload it under Media."
        )
    return found[0]


def check_creative(work: Work, row: Creative, parts: Parts, changed: list[str]) -> None:
    place = parts.get("content") or parts.get("type") or parts["name"]
    if row.type == Creative.Type.HTML and not (
        isinstance(row.content, dict) and isinstance(row.content.get("html"), str)
    ):
        raise place.wrong('The content of an HTML creative is {"html": "..."}.')
    if row.type == Creative.Type.IMAGE and row.media is None:
        raise (parts.get("media") or parts.get("type") or parts["name"]).wrong("An image creative needs “media”.")


creatives = Table(
    "creatives",
    Creative,
    "name",
    ("name", "type", "content", "media", "link", "weight", "active"),
    readers={"media": read_media},
    check=check_creative,
)


# --- what holds for all campaigns ---
def read_staff(work: Work, row: AdSettings, node: Node) -> Segment | None:
    if node.value is None:
        return None
    found = {segment.name: segment for segment in Segment.objects.filter(account=work.account)}
    if node.text() not in found:
        raise unknown(node, "segment", found)
    return found[node.text()]


ads = Table(
    "ads",
    AdSettings,
    "account",
    ("holdout_percent", "staff", "staff_networks", "blocked_networks"),
    readers={"staff": read_staff},
)


# --- tokens ---
def read_names(work: Work, row: ApiToken, node: Node) -> list[str]:
    known = dict.fromkeys(work.account.attributes.values_list("name", flat=True))
    for item in node.items():
        name = item.text()
        if name != "*" and not exists(known, name):  # type: ignore[arg-type]
            raise unknown(item, "attribute", known)
    return node.texts()


def read_revoked(work: Work, row: ApiToken, node: Node) -> Any:
    if node.true_or_false():
        return row.revoked_at or now()
    if row.revoked_at is not None:
        raise node.wrong("A revoked token stays revoked. Give it a new secret in the panel, or make another.")
    return None


def check_token(work: Work, row: ApiToken, parts: Parts, changed: list[str]) -> None:
    if row.rate_limit == 0:
        raise parts["rate_limit"].wrong("Give at least 1 request a minute, or null for no limit.")


def make_token(work: Work, row: ApiToken) -> None:
    work.tokens[row.name] = create_token(row)


tokens = Table(
    "tokens",
    ApiToken,
    "name",
    ("name", "access", "read_attributes", "write_attributes", "rate_limit", "expires", "revoked"),
    columns={"expires": "expires_at", "revoked": "revoked_at"},
    readers={"read_attributes": read_names, "write_attributes": read_names, "revoked": read_revoked},
    check=check_token,
    make=make_token,
)
