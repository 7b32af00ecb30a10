"""Counts in the process reach the database, and survive one that is away."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import DatabaseError, connection

from adserver import counting
from adserver.counting import Cell, Reason, Unit, count, count_reason, flush, hour_of, mark
from adserver.models import CampaignReason, CampaignStat, Mark
from tests.adserver.offers import make_campaign

NOW = datetime(2026, 6, 1, 12, 34, tzinfo=UTC)


@pytest.fixture
def cell(account):
    campaign = make_campaign(account)
    return Cell(account.pk, hour_of(NOW), campaign.pk, 0, 0, "mobile")


def test_counts_of_two_flushes_add_up(cell):
    for _ in range(2):
        count("eligible", cell, 3)
        count("served", cell)
        flush()
    row = CampaignStat.objects.get()
    assert (row.hour.hour, row.hour.minute, row.eligible, row.served, row.invalid) == (12, 0, 6, 2, 0)


def test_a_count_of_nothing_new_writes_nothing(cell, django_assert_num_queries):
    count("served", cell)
    flush()
    with django_assert_num_queries(0):
        flush()


def test_reasons_add_up(cell):
    reason = Reason(cell.account, cell.hour, cell.campaign, "segment")
    count_reason(reason, 5)
    flush()
    count_reason(reason)
    flush()
    assert CampaignReason.objects.get().count == 6


def test_the_first_group_of_a_person_stays(cell):
    unit = UUID(int=7)
    mark(Unit(cell.account, unit, cell.campaign, True), NOW)
    flush()
    mark(Unit(cell.account, unit, cell.campaign, False), NOW)
    flush()
    assert Mark.objects.get().control is True


def test_what_a_campaign_that_is_gone_counted_is_left_out(cell):
    count("served", cell._replace(campaign=cell.campaign + 1000))
    flush()
    assert not CampaignStat.objects.exists()


def test_a_flush_that_fails_is_kept_for_the_next(cell, monkeypatch):
    count("served", cell)
    with monkeypatch.context() as away:
        away.setattr(counting, "WRITE_CELL", "SELECT 1 / 0" + ", %s" * 8)
        with pytest.raises(DatabaseError):
            flush()
    count("served", cell)
    flush()
    assert CampaignStat.objects.get().served == 2
    assert connection.is_usable()
