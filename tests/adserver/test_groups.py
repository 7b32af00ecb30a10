"""Who bought after being marked, whichever of their devices they bought with."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from adserver.groups import EVERY_CAMPAIGN, read, share_changed_at
from adserver.models import CampaignChange, Mark
from adserver.uplift import Group
from dmp.models import Visitor
from tests.adserver.happenings import record
from tests.adserver.offers import make_campaign
from tests.shops import make_account

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ANN, BOB, PHONE = UUID(int=1), UUID(int=2), UUID(int=3)
PROFILE = UUID(int=99)
pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(account):
    return make_campaign(account)


@pytest.fixture
def marked(campaign):
    """Ann in treated and Bob in control, marked a day ago."""
    for unit, control in ((ANN, False), (BOB, True)):
        mark(campaign, unit, control)


def mark(campaign, unit, control, at=NOW - DAY, number=None):
    number = campaign.pk if number is None else number
    Mark.objects.create(account=campaign.account, campaign=number, unit=unit, control=control, at=at)


def buy(account, visitor, at=NOW - timedelta(hours=1), total="10", **fields):
    record(account, "purchase", at, visitor=visitor, order_total=Decimal(total) if total else None, **fields)


def groups(campaign, since=NOW - 30 * DAY, marked_since=NOW - 30 * DAY, number=None):
    return read(campaign.account_id, campaign.pk if number is None else number, since, NOW, marked_since)


def linked(account, visitor, profile=PROFILE):
    Visitor.objects.create(key=visitor, account=account, visitor_id=visitor, created_at=NOW, profile=profile)


def test_each_is_counted_on_the_side_of_the_mark(marked, campaign, account):
    buy(account, ANN, total="10")
    buy(account, ANN, total="20")
    buy(account, BOB, total="5")
    found = groups(campaign)
    assert found.treated == Group(1, 1, 30.0, 900.0)
    assert found.control == Group(1, 1, 5.0, 25.0)
    assert found.since == NOW - DAY


def test_who_did_not_buy_counts_too(marked, campaign):
    assert groups(campaign)[:2] == (Group(1, 0, 0, 0), Group(1, 0, 0, 0))


def test_what_was_bought_before_the_mark_does_not_count(marked, campaign, account):
    buy(account, ANN, NOW - DAY - timedelta.resolution)
    assert groups(campaign).treated.buyers == 0


def test_only_what_was_bought_in_the_period_counts(marked, campaign, account):
    buy(account, ANN, NOW - timedelta(hours=10))
    buy(account, ANN, NOW)
    assert groups(campaign, since=NOW - timedelta(hours=5)).treated.buyers == 0


def test_all_devices_of_the_person_count(marked, campaign, account):
    linked(account, ANN)
    linked(account, PHONE)
    buy(account, PHONE)
    assert groups(campaign).treated.buyers == 1


def test_a_person_of_two_units_counts_once_by_the_first_mark(marked, campaign, account):
    linked(account, ANN)
    linked(account, PHONE)
    mark(campaign, PHONE, control=True, at=NOW - DAY / 2)
    buy(account, PHONE)
    assert groups(campaign)[:2] == (Group(1, 1, 10.0, 100.0), Group(1, 0, 0, 0))


def test_a_refund_takes_revenue_and_makes_no_buyer(marked, campaign, account):
    buy(account, ANN, total="-4")
    assert groups(campaign).treated == Group(1, 0, -4.0, 16.0)


def test_an_order_without_a_total_makes_a_buyer(marked, campaign, account):
    buy(account, ANN, total=None)
    assert groups(campaign).treated == Group(1, 1, 0.0, 0.0)


def test_bots_and_other_accounts_do_not_count(marked, campaign, account):
    buy(account, ANN, bot=True)
    buy(make_account("other"), ANN)
    assert groups(campaign).treated.buyers == 0


def test_a_campaign_and_the_account_have_groups_of_their_own(marked, campaign, account):
    mark(campaign, ANN, control=True, number=EVERY_CAMPAIGN)
    mark(campaign, BOB, control=True, number=campaign.pk + 1)
    assert groups(campaign, number=EVERY_CAMPAIGN)[:2] == (Group(), Group(1, 0, 0, 0))


def test_who_was_marked_before_can_be_left_out(marked, campaign):
    assert groups(campaign, marked_since=NOW - timedelta(hours=1)) == (Group(), Group(), None)


def test_an_edit_of_the_share_is_remembered(campaign, account):
    assert share_changed_at(campaign.pk) is None
    for hours, changes in (
        (3, {"holdout_percent": [5, 10]}),
        (2, {"holdout_percent": [10, 20]}),
        (1, {"name": ["a", "b"]}),
    ):
        CampaignChange.objects.create(
            account=account, campaign=campaign, at=NOW - timedelta(hours=hours), changes=changes
        )
    assert share_changed_at(campaign.pk) == NOW - timedelta(hours=2)
