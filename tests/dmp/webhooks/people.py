"""People who enter and leave a segment, and the instant at which the tests begin."""

from datetime import datetime
from uuid import UUID

from accounts.clock import now
from accounts.models import Account
from dmp.keys import visitor_key
from dmp.memberships import Pins, pin
from dmp.models import Level, Segment, Visitor
from tests.shops import VISITOR

START: datetime = now().replace(microsecond=0)


def vip(account: Account) -> Segment:
    return Segment.objects.get_or_create(account=account, name="VIP")[0]


def visitor(account: Account, visitor_id: str = VISITOR) -> UUID:
    key = visitor_key(account.pk, UUID(visitor_id))
    Visitor.objects.get_or_create(
        key=key, defaults={"account": account, "visitor_id": UUID(visitor_id), "created_at": now()}
    )
    return key


def enter(account: Account, visitor_id: str = VISITOR) -> None:
    pin(Visitor, Level.VISITOR, account.pk, visitor(account, visitor_id), Pins(assign=[vip(account).pk]), now())


def leave(account: Account) -> None:
    pin(Visitor, Level.VISITOR, account.pk, visitor(account), Pins(remove=[vip(account).pk]), now())
