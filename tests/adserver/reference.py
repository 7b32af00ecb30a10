"""The decision told the plain way, one campaign after the other: what the fast one must agree with."""

from bisect import bisect_right

from adserver.board import DAY, HOUR, held_out, matches, turn, variant
from adserver.decision import MAX_ELEMENTS, Choice


def failing(campaign, context):  # noqa: C901
    """The first reason for which the event or the person's segments keep a campaign out, "" for none."""
    if campaign.starts_at and context.now < campaign.starts_at or campaign.ends_at and context.now >= campaign.ends_at:
        return "schedule"
    if not campaign.placement_active:
        return "placement"
    if not campaign.creatives:
        return "creative"
    if campaign.platforms and context.platform not in campaign.platforms:
        return "platform"
    if campaign.devices and context.device not in campaign.devices:
        return "device"
    if campaign.events and context.event not in campaign.events:
        return "event"
    if campaign.paths and not any(matches(pattern, context.path) for pattern in campaign.paths):
        return "path"
    if any(matches(pattern, context.path) for pattern in campaign.exclude_paths):
        return "path"
    if campaign.segments and campaign.segments.isdisjoint(context.segments):
        return "segment"
    if not campaign.exclude_segments.isdisjoint(context.segments):
        return "excluded"
    if campaign.conditions and not campaign.conditions(context.subject(), context.zone, context.now):
        return "conditions"
    return ""


def personal(campaign, past, now):
    """What keeps a campaign from a person who did this with it."""
    limited = campaign.cap is not None or campaign.stop_after != "none"
    if past is None:
        return "frequency" if limited else ""
    seen = past.get(campaign.id)
    if seen is None:
        return ""
    if campaign.stop_after == "click" and seen.clicked or campaign.stop_after == "conversion" and seen.converted:
        return "stopped"
    if seen.dismissed_at and now.timestamp() < seen.dismissed_at + campaign.dismiss_days * DAY:
        return "dismissed"
    since = now.timestamp() - campaign.cap_hours * HOUR
    if campaign.cap is not None and len(seen.shown) - bisect_right(seen.shown, since) >= campaign.cap:
        return "frequency"
    return ""


def decide(campaigns, context, draw):  # noqa: C901
    """(choices, {campaign: reason})"""
    reasons = {campaign: failing(campaign, context) for campaign in sorted(campaigns, key=turn)}
    if context.control:
        reasons = {campaign: reason or "holdout" for campaign, reason in reasons.items()}
    left = [campaign for campaign, reason in reasons.items() if not reason]
    chosen, labels, filled = [], set(), set()
    groups = {}
    for campaign in left:
        groups.setdefault((campaign.tier, campaign.placement), []).append(campaign)

    def shut(some, reason, wanted):
        for campaign in some:
            if wanted(campaign):
                reasons[campaign] = reason
        return [campaign for campaign in some if not reasons[campaign]]

    def take(campaign):
        if held_out(campaign.holdout_percent, campaign.salt, context.unit):
            reasons[campaign] = "holdout"
        elif campaign.id in context.near and not context.keep(campaign):
            reasons[campaign] = "goal"
        else:
            chosen.append(Choice(campaign, variant(campaign, context.unit)))
            if campaign.label:
                labels.add(campaign.label)
            return True
        return False

    for (_, placement), rivals in groups.items():
        if placement in filled:
            shut(rivals, "tier", lambda campaign: True)
            continue
        if len(chosen) >= MAX_ELEMENTS:
            shut(rivals, "limit", lambda campaign: True)
            continue
        told = rivals = shut(rivals, "label", lambda campaign: campaign.label in labels)
        for campaign in rivals:
            reasons[campaign] = personal(campaign, context.past(), context.now)
        rivals = [campaign for campaign in rivals if not reasons[campaign]]
        rivals = shut(rivals, "goal", lambda campaign: campaign.id in context.reached)
        rivals = shut(rivals, "pacing", lambda campaign: campaign.pace < 1 and draw() >= campaign.pace)
        if placement is None:
            for campaign in rivals:
                if len(chosen) >= MAX_ELEMENTS:
                    reasons[campaign] = "limit"
                elif campaign.label in labels:
                    reasons[campaign] = "label"
                else:
                    take(campaign)
            first = {one.campaign.label: turn(one.campaign) for one in reversed(chosen) if one.campaign in told}
            for campaign in told:  # of two reasons the first in order
                late = campaign.label and turn(campaign) > first.get(campaign.label, turn(campaign))
                if late and reasons[campaign] != "limit":
                    reasons[campaign] = "label"
            continue
        while rivals:
            winner = weighted(rivals, draw()) if len(rivals) > 1 else rivals[0]
            rivals.remove(winner)
            if take(winner):
                filled.add(placement)
                break
        shut(rivals, "draw", lambda campaign: True)
    return chosen, reasons


def weighted(rivals, point):
    left = point * sum(campaign.weight for campaign in rivals)
    for campaign in rivals:
        if left < campaign.weight:
            return campaign
        left -= campaign.weight
    return rivals[-1]
