"""Why a campaign was not shown, in a marketer's words, with what to do about it."""

from typing import NamedTuple


class Words(NamedTuple):
    text: str
    to_do: str


NOT_SHOWN = {
    "schedule": Words("It was not its time", "Look at its start and end."),
    "placement": Words("Its placement is switched off", "Switch the placement on, or choose another one."),
    "creative": Words("It has no creative to show", "Switch a creative on, and see that it has its content."),
    "platform": Words("Another platform", "Tick this platform too, or none for any."),
    "device": Words("Another device", "Tick more devices, or none for any."),
    "event": Words("After another event", "Tick more events, or none for any."),
    "path": Words("On another page", "Widen its paths; * stands for anything."),
    "segment": Words("The person is in none of its segments", "Choose a wider segment if these are too few people."),
    "excluded": Words("The person is in a segment it is not for", "Take a segment out of those it excludes."),
    "conditions": Words("The event did not meet its conditions", "Loosen the conditions, such as a lower price."),
    "tier": Words("A campaign of a better tier was shown there", "Give it a tier with a smaller number."),
    "limit": Words("Enough others were in the answer", "Give it a placement, or a better tier."),
    "label": Words("Another one of its label was shown", "Use another label, or none, if both may show at once."),
    "draw": Words("Another one of its tier was drawn", "Give it more weight."),
    "stopped": Words(
        "The person did already what it is for", "Nothing: it stops after a click or an order, as you set."
    ),
    "dismissed": Words("The person closed it", "Nothing; if it is many, look at how often it is shown and where."),
    "frequency": Words("The person saw it often enough", "Raise the cap if more would help."),
    "goal": Words("Its goal or its daily cap was reached", "Raise the amount or the daily cap."),
    "pacing": Words(
        "Its delivery was spread until its end", "Nothing: it keeps to its plan. Choose asap to go faster."
    ),
    "holdout": Words("The person is held out to measure its effect", "Nothing: see what it adds below."),
    "bot": Words("It was a crawler, or fetched ahead", "Nothing: nobody looks at what is answered then."),
}
REFUSED = {
    "token": Words("The call was not signed by us", "Nothing, if it is few: somebody tries out addresses."),
    "old": Words("The call came too late", "Call the beacon when it is shown, not a day after."),
    "bot": Words("A crawler called", "Nothing: it is not counted."),
    "unknown": Words("No known browser called", "Nothing, if you do not call the beacons from your server."),
    "prefetch": Words("A browser only fetched ahead", "Nothing: it is counted when it is shown."),
    "replay": Words("The same call came again", "See that your page calls each beacon once."),
    "late": Words("The goal was reached meanwhile", "Nothing: never more is counted than was asked for."),
    "datacentre": Words("It came from a data centre", "Nothing, or correct the blocked ranges in the ad settings."),
    "rate": Words("Too many calls of one visitor or address", "Nothing, if it is few: nobody clicks so fast."),
    "staff": Words("It was one of your own people", "Nothing: they are not counted, as you set."),
}


def words(reason: str) -> Words:
    """Of a reason as it is counted; one that is not known stands for itself."""
    refused, _, kind = reason.rpartition(":")
    return (REFUSED if refused else NOT_SHOWN).get(kind, Words(kind, ""))


def is_refusal(reason: str) -> bool:
    """Whether it is of a tracking call."""
    return reason.startswith("invalid:")
