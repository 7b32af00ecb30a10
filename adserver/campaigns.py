"""A campaign that can never show says why: asked where one is saved, by the panel and by provisioning."""

from django.db.models import QuerySet

from accounts.clock import now
from accounts.models import Platform
from accounts.snapshot import Configuration
from adserver.conditions import can_hold, parse_conditions
from adserver.models import Campaign, Creative, Progress
from adserver.rivals import always_before, better, covers, same_people
from dmp.models import EventType, Membership, Segment
from dmp.segments.operands import RuleError
from dmp.segments.vocabulary import vocabulary


def problems(campaign: Campaign) -> list[str]:
    """Why a saved campaign can never show, whatever visitors do; empty when it can. One sentence each, which says
    what to do."""
    return [problem for check in (*OWN, beaten) for problem in check(campaign)]


def schedule(campaign: Campaign) -> list[str]:
    if campaign.ends_at is None or campaign.ends_at > now():
        return []
    ended = campaign.ends_at.astimezone(campaign.account.zone)
    return [f"It ended on {ended:%Y-%m-%d at %H:%M}. Give it a later end, or none."]


def placement(campaign: Campaign) -> list[str]:
    if campaign.placement is None:
        return []
    if campaign.placement.account_id != campaign.account_id:
        return ["Its placement belongs to another account. Choose one of this account."]
    return [] if campaign.placement.active else [f"Its placement “{campaign.placement}” is not active. Set it active."]


def creatives(campaign: Campaign) -> list[str]:
    active = [creative for creative in campaign.creatives.select_related("media") if creative.active]
    if not active:
        return ["It has no active creative. Add one, or set one active."]
    found = []
    for creative in active:
        if creative.media and creative.media.account_id != campaign.account_id:
            found.append(f"The picture of “{creative}” belongs to another account. Choose one of this account.")
        elif problem := creative.problem() or lost_picture(creative):
            found.append(f"“{creative}” cannot be shown. {problem}")
    return found if len(found) == len(active) else []


def lost_picture(creative: Creative) -> str | None:
    file = creative.media.file if creative.media and creative.type == Creative.Type.IMAGE else None
    return (
        None if file is None or file.storage.exists(str(file.name)) else "Its picture's file is gone. Upload it again."
    )


def surroundings(campaign: Campaign) -> list[str]:
    found = []
    platforms = Platform.objects.filter(account=campaign.account_id, code__in=campaign.platforms)
    if campaign.platforms and not platforms.exists():
        found.append(f"No platform {any_of(campaign.platforms)} is registered. Add it under Account > Platforms.")
    if campaign.devices == [Campaign.Device.DESKTOP] and all_are_apps(campaign, platforms):
        found.append("It is for desktops, on platforms that are apps of phones and tablets. Tick these devices.")
    events = EventType.objects.filter(account=campaign.account_id, code__in=campaign.events)
    if campaign.events and not events.exists():
        found.append(f"No event type {any_of(campaign.events)} exists. Make it under Events.")
    paths = campaign.paths or ["*"]
    if all(any(covers(hidden, path) for hidden in campaign.exclude_paths) for path in paths):
        found.append("The excluded paths leave no path. Exclude fewer.")
    return found


def all_are_apps(campaign: Campaign, ticked: QuerySet[Platform]) -> bool:
    """Whether its events come from apps of phones only."""
    platforms = ticked if campaign.platforms else Platform.objects.filter(account=campaign.account_id)
    types = set(platforms.values_list("type", flat=True))
    return bool(types) and types <= {Platform.Type.IOS, Platform.Type.ANDROID}


def conditions(campaign: Campaign) -> list[str]:
    if campaign.conditions is None:
        return []
    known = vocabulary(Configuration(campaign.account, 0))
    try:
        tree = parse_conditions(campaign.conditions, known, tuple(campaign.events))
    except RuleError as error:
        return [f"Its conditions cannot be read: {error} Correct them."]
    shop_events = [code for code in known.events if not code.startswith("$")]
    if can_hold(tree, campaign.events or shop_events):
        return []
    after = f"after {any_of(campaign.events)}" if campaign.events else "after any event"
    return [f"Its conditions can never be met {after}. Tick other events, or loosen the conditions."]


def amount(campaign: Campaign) -> list[str]:
    progress = Progress.objects.filter(campaign=campaign).first()
    done = 0 if progress is None else progress.clicks if campaign.goal == Campaign.Goal.CLICKS else progress.impressions
    if campaign.amount is None or done < campaign.amount:
        return []
    return [f"It has reached its goal of {campaign.amount:,} {campaign.goal}. Raise it, or end the campaign."]


def people(campaign: Campaign) -> list[str]:
    included = list(campaign.segments.all())
    excluded = list(campaign.exclude_segments.all())
    found = []
    if strangers := [segment for segment in (*included, *excluded) if segment.account_id != campaign.account_id]:
        found.append(f"The segment {any_of(strangers)} belongs to another account. Choose segments of this account.")
    if included and all(any(same_people(segment, other) for other in excluded) for segment in included):
        found.append("Each segment that it is for is excluded too. Take one out of the excluded ones.")
    if included and all(serves_nobody(segment) for segment in included):
        static = all(segment.rule is None for segment in included)
        found.append(
            f"Nobody is in the segment {any_of(included)}, and no rule brings anybody in. Put people in by hand or API."
            if static
            else f"The segment {any_of(included)} serves nobody: it is a draft, or could not be built. Set it live."
        )
    return found


def serves_nobody(segment: Segment) -> bool:
    """Whether it has no rule, or one that was never built and is not being built, and nobody is in it by hand."""
    if segment.revision is not None or segment.status == Segment.Status.BUILDING:
        return False
    return not Membership.objects.filter(segment=segment, pinned="in").exists()


OWN = (schedule, placement, creatives, surroundings, conditions, people, amount)
"""What is asked of a campaign without looking at others."""


def beaten(campaign: Campaign) -> list[str]:
    """One of a better tier that takes its placement whenever it fits itself."""
    for rival in better(campaign):
        if always_before(rival, campaign) and not any(check(rival) for check in OWN):
            closed = f"; only who closed “{rival}” gets this one" if rival.dismiss_days else ""
            return [
                f"“{rival}” of tier {rival.tier} is shown in “{campaign.placement}” wherever this one fits{closed}."
                f" Give this one tier {rival.tier} or a smaller one, or “{rival}” a cap, an end or fewer people."
            ]
    return []


def any_of(names: list[str] | list[Segment]) -> str:
    return " or ".join(f"“{name}”" for name in names)
