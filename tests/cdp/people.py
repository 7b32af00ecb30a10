"""Events of devices at chosen times, as requests and as imports bring them, and what became of the links."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from accounts import snapshot
from accounts.models import Account
from accounts.snapshot import Configuration
from adserver.query import Query, query_campaigns
from cdp.identifiers import name
from cdp.identity import record_and_identify
from cdp.models import Device, Identifier, Link, Profile
from dmp.events import Event
from dmp.keys import visitor_key
from dmp.models import Visitor
from tests.shops import PLATFORM

DAY = datetime(2026, 6, 1, tzinfo=UTC)


class Said(NamedTuple):
    """At `hour` the device number `device` did something; `who` it was said to be, "" for not."""

    hour: float
    device: int
    who: str = ""

    @property
    def time(self) -> datetime:
        return DAY + timedelta(hours=self.hour)


def device_id(number: int) -> UUID:
    return UUID(f"00000000-0000-4000-8000-{number:012d}")


def configuration_of(account: Account, **fields: Any) -> Configuration:
    Account.objects.filter(pk=account.pk).update(**fields)
    snapshot.clear()
    found = snapshot.configuration(account.pk)
    assert found is not None
    return found


def event_of(account: Account, said: Said, id: UUID | None = None) -> Event:
    visitor_id = device_id(said.device)
    identifier = name(account.pk, said.who).key if said.who else None
    key = visitor_key(account.pk, visitor_id)
    return Event(
        id=id or uuid7(),
        visitor=key,
        visitor_id=visitor_id,
        time=said.time,
        event="pageView",
        platform=PLATFORM,
        identifier=identifier,
    )


def request(configuration: Configuration, account: Account, said: Said, now: datetime | None = None) -> None:
    """The event arrives by itself, as it happens unless `now` says otherwise."""
    who = name(account.pk, said.who) if said.who else None
    query_campaigns(configuration, Query(event_of(account, said), who, {}), now or said.time)


def import_all(configuration: Configuration, account: Account, some: list[Said], now: datetime = DAY) -> None:
    """The events arrive together."""
    names = {n.key: n for n in (name(account.pk, said.who) for said in some if said.who)}
    record_and_identify(configuration, [event_of(account, said) for said in some], names, now, imported=True)


def profile(account: Account, who: str) -> Profile:
    return Profile.objects.get(key=Identifier.objects.get(key=name(account.pk, who).key).profile)


def visitor(account: Account, device: int) -> Visitor:
    return Visitor.objects.get(key=visitor_key(account.pk, device_id(device)))


def owner(account: Account, device: int) -> str | None:
    """The name of the profile that a device belongs to now."""
    key = visitor(account, device).profile
    return Profile.objects.get(key=key).name if key else None


def links(account: Account, device: int) -> list[tuple[float | None, str | None]]:
    """A device's links as (hour, name of the profile); hour None: from the beginning."""
    names = dict(Profile.objects.filter(account=account).values_list("key", "name"))
    rows = Link.objects.filter(visitor=visitor_key(account.pk, device_id(device))).order_by("since")
    return [
        (None if row.since.year == 1970 else (row.since - DAY).total_seconds() / 3600, names.get(row.profile))
        for row in rows
    ]


def everything(account: Account) -> dict[str, Any]:
    """All that says whose a device is or was, comparable between accounts."""
    numbers = {visitor_key(account.pk, device_id(number)): number for number in range(200)}
    names = dict(Profile.objects.filter(account=account).values_list("key", "name"))
    devices = Device.objects.filter(profile__in=names)
    return {
        "links": {number: found for number in range(10) if (found := links(account, number))},
        "devices": sorted((names[row.profile], numbers[row.visitor], row.open) for row in devices),
        "open": {
            numbers[row.key]: names[row.profile]
            for row in Visitor.objects.filter(account=account)
            if row.profile is not None
        },
    }
