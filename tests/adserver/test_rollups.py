"""Statistics are what happened, however often and by whom they are counted."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.clock import now
from adserver import counting, rollups
from adserver.counting import Cell, hour_of
from adserver.models import CampaignStat, Rollup
from adserver.rollups import LATER, RECENT, recount, roll_up
from dmp import partitions, sql
from tests.adserver.happenings import convert, happen, raw_counts, record, scatter, stored_counts
from tests.adserver.offers import make_campaign, make_placement
from tests.shops import make_account

NOW = datetime(2026, 6, 10, 12, 34, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def campaign(account):
    return make_campaign(account, placement=make_placement(account))


def count(account, since=NOW - timedelta(days=3), until=NOW + HOUR):
    return recount(account.pk, since, until)


def only():
    return CampaignStat.objects.get()


# --- what counts ---


@pytest.mark.parametrize(
    ("event", "column"),
    [("$impression", "impressions"), ("$viewable", "viewable"), ("$click", "clicks"), ("$dismiss", "dismissed")],
)
def test_each_event_is_counted_in_its_hour_under_its_ids(event, column, campaign, account):
    happen(campaign, event, NOW)
    count(account)
    row = only()
    assert getattr(row, column) == 1
    assert (row.account, row.hour, row.device) == (account, hour_of(NOW), "mobile")
    assert (row.campaign, row.creative, row.placement) == (campaign, campaign.creatives.get().pk, campaign.placement_id)


def test_an_event_without_ids_is_known_by_its_names(campaign, account):
    happen(campaign, "$impression", NOW, ids=False)
    happen(campaign, "$impression", NOW)
    count(account)
    assert only().impressions == 2


def test_an_edited_name_does_not_matter_where_there_are_ids(campaign, account):
    happen(campaign, "$impression", NOW)
    campaign.creatives.update(name="Renamed")
    type(campaign).objects.update(slug="renamed")
    count(account)
    assert only().creative == campaign.creatives.get().pk


def test_a_name_that_is_gone_counts_for_the_campaign(campaign, account):
    happen(campaign, "$impression", NOW, ids=False, names={"creative": "gone"})
    count(account)
    assert (only().creative, only().impressions) == (0, 1)


def test_what_names_a_campaign_of_another_account_is_not_counted(campaign, account):
    other = make_account("other")
    happen(make_campaign(other, slug="theirs"), "$impression", NOW, account=account)
    record(account, "$impression", NOW, properties={"$ids": [campaign.pk + 999, 0, 0]})
    count(account)
    assert not CampaignStat.objects.exists()


def test_a_bot_does_not_count(campaign, account):
    happen(campaign, "$impression", NOW, bot=True)
    count(account)
    assert not CampaignStat.objects.exists()


def test_an_hour_holds_its_first_instant_and_not_the_next(campaign, account):
    for at in (hour_of(NOW), hour_of(NOW) + HOUR - timedelta.resolution, hour_of(NOW) + HOUR):
        happen(campaign, "$impression", at)
    count(account)
    assert list(CampaignStat.objects.order_by("hour").values_list("impressions", flat=True)) == [2, 1]


@pytest.mark.parametrize(
    ("event", "after", "landed"),
    [
        ("pageView", timedelta(seconds=1), 1),
        ("pageView", timedelta(minutes=5) - timedelta.resolution, 1),
        ("pageView", timedelta(minutes=5), 0),
        ("pageView", -timedelta(seconds=1), 0),
        ("$impression", timedelta(seconds=1), 0),
    ],
)
def test_a_click_lands_with_an_ordinary_event_within_five_minutes(event, after, landed, campaign, account):
    click = hour_of(NOW) + timedelta(minutes=59)
    happen(campaign, "$click", click)
    if event.startswith("$"):
        happen(campaign, event, click + after)
    else:
        record(account, event, click + after)
    count(account)
    assert CampaignStat.objects.get(hour=hour_of(click)).landed == landed


def test_somebody_elses_event_is_no_landing(campaign, account):
    happen(campaign, "$click", NOW)
    record(account, "pageView", NOW + timedelta(seconds=1), visitor="11111111-1111-4111-8111-111111111111")
    record(account, "pageView", NOW + timedelta(seconds=1), bot=True)
    count(account)
    assert (only().clicks, only().landed) == (1, 0)


def test_orders_are_counted_by_their_cause_with_their_revenue(campaign, account):
    convert(campaign, NOW, "10.50")
    convert(campaign, NOW, "1", cause="view")
    count(account)
    row = only()
    assert (row.click_conversions, row.view_conversions, str(row.revenue)) == (1, 1, "11.500000")


def test_a_refund_takes_revenue_and_is_no_conversion(campaign, account):
    convert(campaign, NOW, "10")
    convert(campaign, NOW, "-4", refund=True)
    count(account)
    assert (only().click_conversions, only().revenue) == (1, 6)


# --- set, never added ---


def test_counting_again_changes_nothing(campaign, account):
    happen(campaign, "$impression", NOW)
    assert count(account) == 1
    assert count(account) == 0
    assert only().impressions == 1


def test_what_the_processes_count_is_left_alone(campaign, account):
    cell = Cell(account.pk, hour_of(NOW), campaign.pk, campaign.creatives.get().pk, campaign.placement_id, "mobile")
    for name in counting.COUNTED:
        counting.count(name, cell, 5)
    counting.flush()
    happen(campaign, "$impression", NOW)
    count(account)
    row = only()
    assert (row.eligible, row.served, row.invalid, row.impressions) == (5, 5, 5, 1)


def test_what_did_not_happen_is_taken_back(campaign, account):
    CampaignStat.objects.create(account=account, campaign=campaign, hour=hour_of(NOW), clicks=3, eligible=4)
    count(account)
    assert (only().clicks, only().eligible) == (0, 4)


def test_another_account_is_left_alone(campaign, account):
    happen(campaign, "$impression", NOW)
    assert count(make_account("other")) == 0
    assert not CampaignStat.objects.exists()


def test_statistics_outlive_the_events_they_were_counted_from(campaign, account, monkeypatch):
    happen(campaign, "$impression", NOW)
    count(account)
    monkeypatch.setattr(partitions, "kept_since", lambda: NOW + timedelta(days=1))  # as after a retention's drop
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM dmp_event")
    count(account)
    assert only().impressions == 1


@pytest.mark.django_db
def test_events_are_kept_since_the_first_partition_begins():
    assert partitions.kept_since() == partitions.EARLIEST
    partitions.drop_before(datetime(2001, 1, 1, tzinfo=UTC))
    assert partitions.kept_since() == datetime(2001, 1, 1, tzinfo=UTC)


def test_it_equals_a_look_at_each_event(account):
    campaigns = [make_campaign(account), make_campaign(account, "winter", placement=make_placement(account))]
    scatter(campaigns, NOW - timedelta(days=2), NOW, 150)
    count(account)
    assert stored_counts(account) == raw_counts(account)


# --- passes ---


@pytest.fixture
def old(campaign):
    """The campaign, made three days ago."""
    type(campaign).objects.update(created_at=NOW - timedelta(days=3))
    return campaign


def test_the_first_pass_counts_from_the_first_campaign_on(old, account):
    happen(old, "$impression", NOW - timedelta(days=2))
    roll_up(RECENT, NOW)
    assert only().impressions == 1
    assert Rollup.objects.get(name="recent").until == NOW


def test_a_pass_goes_on_where_the_one_before_was_killed(old, account, monkeypatch):
    scatter([old], NOW - timedelta(days=2), NOW, 40)
    count, calls = rollups.count, []

    def killed(*args):
        calls.append(args)
        if len(calls) == 3:
            raise SystemExit
        return count(*args)

    with monkeypatch.context() as dying:
        dying.setattr(rollups, "count", killed)
        with pytest.raises(SystemExit):
            roll_up(RECENT, NOW)
    assert Rollup.objects.get(name="recent").until < NOW
    roll_up(RECENT, NOW)
    assert stored_counts(account) == raw_counts(account)


def test_what_is_committed_after_its_hour_was_counted_is_counted_by_the_next_pass(old, account):
    at = hour_of(NOW)
    roll_up(RECENT, at)
    happen(old, "$impression", at - timedelta(minutes=1))
    roll_up(RECENT, at + timedelta(minutes=1))
    assert only().impressions == 1


def test_an_order_that_is_known_late_is_counted_by_the_later_pass(old, account):
    roll_up(RECENT, NOW)
    roll_up(LATER, NOW)
    convert(old, NOW - timedelta(hours=30))
    roll_up(RECENT, NOW + HOUR)
    assert not CampaignStat.objects.exists()
    roll_up(LATER, NOW + HOUR)
    assert only().click_conversions == 1


def test_the_statement_reads_only_the_partitions_of_its_hours(campaign, account):
    values = {"accounts": [account.pk], "since": NOW - HOUR, "until": NOW, "lands": rollups.LANDS_WITHIN}
    plan = "\n".join(row for (row,) in sql.run(f"EXPLAIN {rollups.SET}", values, prepare=False))
    assert "dmp_event_2026_06" in plan
    assert "dmp_event_2026_05" not in plan


def test_an_operator_counts_an_account_again(campaign, account, capsys):
    happen(campaign, "$impression", NOW)
    call_command("recount", str(account.pk), "--days", str((now() - NOW).days + 1))
    assert only().impressions == 1
    assert "1 row" in capsys.readouterr().out


# --- what dies ---

PASS = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "segmenthub.settings"
django.setup()
from datetime import datetime
from adserver import rollups
print("began", flush=True)
rollups.roll_up(rollups.RECENT, datetime.fromisoformat("{now}"))
print("done", flush=True)
"""


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_in_the_middle_leaves_nothing_wrong():
    account = make_account()
    campaign = make_campaign(account)
    type(campaign).objects.update(created_at=NOW - timedelta(days=20))
    scatter([campaign], NOW - timedelta(days=20), NOW, 200)
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = os.environ | {"DATABASE_URL": urlunsplit(address)}
    for patience in (0.05, 0.15, 0.3):
        process = subprocess.Popen(
            [sys.executable, "-c", PASS.format(now=NOW.isoformat())],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == "began\n"
            time.sleep(patience)
            process.send_signal(signal.SIGKILL)
    roll_up(RECENT, NOW)
    assert stored_counts(account) == raw_counts(account)
