from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from accounts.models import Account
from accounts.snapshot import Configuration
from dmp.keys import visitor_key
from dmp.memberships import Pins, pin
from dmp.models import Event, Level, Segment, Visitor
from dmp.segments import preview
from dmp.segments.parse import parse
from dmp.segments.vocabulary import vocabulary

NOW = datetime.now(UTC)
BUY = {"event": "purchase", "within": "30d"}


def visitors(account: Account, count: int, buyers: int) -> list[UUID]:
    """Visitors of whom the first `buyers` bought something."""
    ids = [UUID(int=n) for n in range(count)]
    keys = [visitor_key(account.pk, visitor) for visitor in ids]
    seen = {"account": account, "created_at": NOW, "first_seen": NOW - timedelta(days=2), "last_seen": NOW}
    Visitor.objects.bulk_create(
        Visitor(key=key, visitor_id=visitor, **seen) for key, visitor in zip(keys, ids, strict=True)
    )
    Event.objects.bulk_create(
        Event(visitor=key, time=NOW - timedelta(days=1), id=UUID(int=n), account=account, event="purchase")
        for n, key in enumerate(keys[:buyers])
    )
    return keys


def asked(account: Account, rule: Any) -> tuple[Any, ...]:
    configuration = Configuration(account, 0)
    return configuration, parse(rule, vocabulary(configuration)), NOW


def of_visitors(sizes: list[preview.Size]) -> preview.Size:
    return next(size for size in sizes if size.level == "visitor")


def test_few_people_are_counted(account: Account) -> None:
    visitors(account, 5, 2)

    assert preview.estimate(*asked(account, BUY)) == [
        preview.Size("visitor", 2, 5, True),
        preview.Size("profile", 0, 0, True),
    ]


def test_many_are_estimated_from_a_sample(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "SAMPLE", 400)
    visitors(account, 2000, 1000)

    found = of_visitors(preview.estimate(*asked(account, BUY)))

    assert not found.exact
    assert 1600 < found.people < 2400
    assert 750 < found.members < 1250


def test_a_count_is_of_everybody(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "SAMPLE", 3)
    visitors(account, 10, 4)

    assert of_visitors(preview.count(*asked(account, BUY))) == preview.Size("visitor", 4, 10, True)


def test_members_of_a_segment_named_are_found(account: Account) -> None:
    keys = visitors(account, 3, 0)
    segment = Segment.objects.get(account=account, name="VIP")
    pin(Visitor, Level.VISITOR, account.pk, keys[0], Pins(assign=[segment.pk]), NOW - timedelta(days=1))

    found = preview.examples(*asked(account, {"segment": "VIP"}), 10)

    assert found["visitor"] == [keys[0]]


def test_at_most_so_many_examples_are_given(account: Account) -> None:
    visitors(account, 20, 15)

    assert len(preview.examples(*asked(account, BUY), 10)["visitor"]) == 10


def test_a_statement_that_takes_too_long_is_given_up(db: None) -> None:
    with pytest.raises(preview.TooSlow), preview.at_most(1):
        preview.sql.run("SELECT pg_sleep(5)", {})


def test_the_timeout_ends_with_the_preview(account: Account) -> None:
    preview.estimate(*asked(account, BUY))

    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() != ("2s",)
