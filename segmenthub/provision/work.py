"""The kinds of a file in the order in which they need each other, in one transaction."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import check_password
from django.db import IntegrityError, connection, transaction

from accounts import snapshot
from accounts.models import Account, Member, User
from accounts.snapshot import Configuration
from adserver import lifecycle
from adserver.models import AdSettings, Creative
from dmp.models import Property, Segment
from dmp.segments.operands import RuleError
from dmp.segments.parse import parse as parse_rule
from dmp.segments.references import check_references
from dmp.segments.vocabulary import vocabulary
from dmp.webhooks.models import Webhook
from segmenthub.provision import tables
from segmenthub.provision.read import Mistake, Node, Parts
from segmenthub.provision.rows import Table, Work, assign, bring, clean, save

ACCOUNT = Table(
    "account",
    Account,
    "id",
    (
        *("name", "timezone", "status", "link_history", "keep_links", "never_identifiers"),
        "require_signed_profiles",
    ),
)
USER = Table("users", User, "email", ("email", "name"))
MEMBER = Table("users", Member, "user", ("role",))


def provision(root: Node, *, dry_run: bool = False) -> Work:
    """Brings an account to what the file says and tells what was changed. Raises Mistake, and then nothing was;
    with `dry_run` nothing is either, and no secret is told."""
    try:
        with transaction.atomic():
            work = bring_all(root)
            transaction.set_rollback(dry_run)
    except IntegrityError as error:
        raise Mistake("", f"The account was changed by somebody else meanwhile. Run this again. ({error})") from None
    if dry_run:
        work.tokens.clear()
        work.webhooks.clear()
    snapshot.clear()
    return work


def bring_all(root: Node) -> Work:
    kinds = {
        "platforms": bring_simple(tables.platforms),
        "events": bring_events,
        "attributes": bring_simple(tables.attributes),
        "segments": bring_segments,
        "webhooks": bring_webhooks,
        "placements": bring_simple(tables.placements),
        "ads": bring_ad_settings,
        "campaigns": bring_campaigns,
        "users": bring_users,
        "tokens": bring_simple(tables.tokens),
    }
    parts = root.parts(("account", *kinds), required=("account",))
    work = bring_account(parts["account"])
    for kind, bring_kind in kinds.items():
        if kind in parts:
            bring_kind(work, parts[kind])
    return work


def bring_account(node: Node) -> Work:
    parts = node.parts(("id", *ACCOUNT.fields))
    if "id" not in parts:
        raise Mistake(node.at("id"), "Give the account's id: a UUID that you make once and keep in the file.")
    try:
        id = UUID(parts["id"].text())
    except ValueError:
        raise parts["id"].wrong("Give a UUID such as 7d4b1c9e-3f53-4c7e-9d7b-2f6f1b8a9c01.") from None
    with connection.cursor() as cursor:  # two runs of one file follow each other
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"provision {id}"])
    account = Account.objects.filter(pk=id).first()
    created = account is None
    work = Work(account or Account(id=id))
    changed = assign(work, ACCOUNT, work.account, parts)
    if created and "name" not in parts:
        raise Mistake(node.at("name"), "There is no such account yet: give its name, or check the id.")
    if created or changed:
        clean(ACCOUNT, work.account, node, exclude={"id"})
        work.account.save(update_fields=None if created else changed)
    if created:
        work.note_created("account", work.account.name)
    elif changed:
        work.note_updated("account", work.account.name, changed)
    return work


def bring_simple(table: Table) -> Any:
    """A kind whose rows belong to the account and have no rows of their own."""

    def bring_rows(work: Work, nodes: Node) -> None:
        rows = table.model._default_manager.filter(account=work.account)
        existing = {getattr(row, table.key): row for row in rows}
        for _ in bring(work, table, nodes, {"account": work.account}, existing):
            pass

    return bring_rows


def bring_events(work: Work, nodes: Node) -> None:
    table = tables.events
    existing = {row.code: row for row in table.model._default_manager.filter(account=work.account)}  # type: ignore[attr-defined]
    declared: dict[int, dict[str, Property]] = defaultdict(dict)
    for row in Property.objects.filter(event_type__account=work.account).select_related("event_type"):
        declared[row.event_type_id][row.name] = row
    for event in bring(work, table, nodes, {"account": work.account}, existing):
        if "properties" in event.parts:
            owner = {"event_type": event.row}
            own = declared[event.row.pk]
            for _ in bring(work, tables.properties, event.parts["properties"], owner, own, f"{event.name}."):
                pass


def bring_segments(work: Work, nodes: Node) -> None:
    """The rules are checked once all segments of the file are there: they may name each other."""
    rows = Segment.objects.filter(account=work.account)
    existing = {row.name: row for row in rows}
    brought = list(bring(work, tables.segments, nodes, {"account": work.account}, existing))
    known = vocabulary(Configuration(work.account, 0))
    rules = dict(rows.exclude(rule=None).values_list("name", "rule"))
    for segment in brought:
        rule = segment.parts.get("rule")
        if rule is None or segment.row.rule is None:
            continue
        try:
            parse_rule(segment.row.rule, known)
            check_references(segment.row.name, segment.row.rule, rules)
        except RuleError as error:
            raise Mistake(rule.at(error.place) if error.place else rule.place, error.message) from None

    for segment in brought:
        if "webhooks" in segment.parts:
            bring_webhooks(work, segment.parts["webhooks"], segment.row)


def bring_webhooks(work: Work, nodes: Node, segment: Segment | None = None) -> None:
    """The webhooks of a segment, without one those of all segments."""
    rows = Webhook.objects.filter(account=work.account, segment=segment).order_by("-pk")
    existing = {row.url: row for row in rows}  # the oldest of several
    owner = {"account": work.account, "segment": segment}
    for _ in bring(work, tables.webhooks, nodes, owner, existing, f"{segment.name}/" if segment else ""):
        pass


def bring_ad_settings(work: Work, node: Node) -> None:
    table, name = tables.ads, work.account.name
    parts = node.parts(table.fields)
    row = AdSettings.objects.filter(account=work.account).first()
    created = row is None
    row = row or AdSettings(account=work.account)
    changed = assign(work, table, row, parts)
    if not changed:
        return
    save(work, table, row, node, parts, {"account": work.account}, [] if created else changed)
    if created:
        work.note_created(table.kind, name)
    else:
        work.note_updated(table.kind, name, changed)


def bring_campaigns(work: Work, nodes: Node) -> None:
    table = tables.campaigns
    rows = work.account.campaigns.select_related("placement").prefetch_related("segments", "exclude_segments")
    existing = {row.slug: row for row in rows}
    segments = {row.name: row for row in Segment.objects.filter(account=work.account)}
    creatives: dict[int, dict[str, Creative]] = defaultdict(dict)
    for row in Creative.objects.filter(campaign__account=work.account).select_related("media"):
        creatives[row.campaign_id][row.name] = row
    before = {slug: lifecycle.state_of(row) for slug, row in existing.items()}
    for campaign in bring(work, table, nodes, {"account": work.account}, existing):
        for key in ("segments", "exclude_segments"):
            changed = key in campaign.parts and set_segments(campaign.row, key, campaign.parts[key], segments)
            if changed and not campaign.created:
                work.note_updated(table.kind, campaign.name, [key])
        if "creatives" in campaign.parts:
            owner = {"campaign": campaign.row}
            own = creatives[campaign.row.pk]
            for _ in bring(work, tables.creatives, campaign.parts["creatives"], owner, own, f"{campaign.name}/"):
                pass
        lifecycle.note(campaign.row, before.get(campaign.row.slug, {}), None)


def set_segments(campaign: Any, key: str, nodes: Node, segments: dict[str, Segment]) -> bool:
    """Whether the list was another before."""
    names = tables.known_texts(nodes, "segment", segments)
    wanted = {segments[name].pk for name in names}
    relation = getattr(campaign, key)
    if wanted == {segment.pk for segment in relation.all()}:
        return False
    relation.set(wanted)
    return True


def bring_users(work: Work, nodes: Node) -> None:
    seen: set[str] = set()
    for node in nodes.items():
        parts = node.parts(("email", "role", "password", "name"), required=("email",))
        email = parts["email"].text().lower()
        if email in seen:
            raise parts["email"].wrong(f"“{email}” stands twice.")
        seen.add(email)
        bring_user(work, node, parts, email)


def bring_user(work: Work, node: Node, parts: Parts, email: str) -> None:
    """A person may work in several accounts: what they are called and their password are the same in all."""
    user = User.objects.filter(email=email).first() or User(email=email)
    is_new = user._state.adding
    changed = [key for key in assign(work, USER, user, parts) if key != "email" or is_new]
    user.email = email
    changed += set_password(user, parts)
    if is_new or changed:
        clean(USER, user, node, exclude={"password"})
        user.save(update_fields=None if is_new else changed)
    member = Member.objects.filter(account=work.account, user=user).first()
    joins = member is None
    member = member or Member(account=work.account, user=user)
    roles = assign(work, MEMBER, member, parts)
    if joins or roles:
        clean(MEMBER, member, node, exclude={"account", "user"})
        member.save()
    if joins:
        work.note_created("users", email)
    elif changed or roles:
        work.note_updated("users", email, [*changed, *roles])


def set_password(user: User, parts: Parts) -> list[str]:
    node = parts.get("password")
    if node is None or node.value is None:
        if user._state.adding:
            user.set_unusable_password()
        return []
    if not isinstance(node.value, str) or not node.value:
        raise node.wrong("Give a text.")
    if not user._state.adding and check_password(node.value, user.password):
        return []
    user.set_password(node.value)
    return ["password"]
