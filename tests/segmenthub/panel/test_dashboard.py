"""What the overview counts, and when it estimates."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.urls import reverse

from accounts.models import Account
from dmp.models import Event
from dmp.partitions import ensure
from segmenthub.panel import dashboard

AT = datetime(2026, 3, 30, 12, tzinfo=UTC)
"""The Monday after Berlin's clocks went forward."""


@pytest.fixture
def shop(db):
    ensure(AT)
    with time_machine.travel(AT, tick=False):
        yield Account.objects.create(name="Shop", timezone="Europe/Berlin")


def happen(account, *times, event="pageView", **fields):
    Event.objects.bulk_create(
        Event(visitor=uuid4(), time=time, id=uuid4(), account=account, event=event, **fields) for time in times
    )


def test_days_are_those_of_the_accounts_time_zone(shop):
    happen(shop, datetime(2026, 3, 28, 22, 59, tzinfo=UTC), datetime(2026, 3, 28, 23, tzinfo=UTC))
    happen(shop, datetime(2026, 3, 29, 21, 59, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC))
    found = dashboard.read_activity(shop, AT)
    assert [(day.date.day, day.total) for day in found.days[-3:]] == [(28, 1), (29, 2), (30, 1)]


def test_events_before_the_days_shown_are_not_counted(shop):
    happen(shop, AT - timedelta(days=dashboard.DAYS), AT)
    assert dashboard.read_activity(shop, AT).total == 1


def test_orders_are_summed(shop):
    happen(shop, AT, AT, event="purchase", order_total="12.50")
    found = dashboard.read_activity(shop, AT)
    assert (found.orders, found.revenue) == (2, 25)


def test_an_estimate_says_so(shop, login, monkeypatch):
    happen(shop, *(AT - timedelta(minutes=n) for n in range(3000)))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE dmp_event")
    client = login(shop)
    assert "<b>3,000</b>" in client.get(reverse("panel:index")).content.decode()
    monkeypatch.setattr(dashboard, "SAMPLED_FROM", 2500)
    page = client.get(reverse("panel:index")).content.decode()
    assert "<b>about " in page
    assert "estimated from a sample" in page
