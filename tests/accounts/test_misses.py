"""What a request names and the process does not know is looked up once before it is refused."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import snapshot
from accounts.models import Account

GONE = "99999999-9999-4999-8999-999999999999"


@pytest.fixture
def statements(api):
    """How many statements a request takes."""

    def statements(path, body):
        with CaptureQueriesContext(connection) as captured:
            api(path, body)
        return len(captured)

    return statements


@pytest.fixture(autouse=True)
def _a_running_process(settings, monkeypatch):
    """As in production: what was missed is not looked up again within half a second."""
    settings.SNAPSHOT_SECONDS = 0.5
    monkeypatch.setattr("accounts.background.start", lambda: None)
    monkeypatch.setattr(snapshot, "MISS_SECONDS", 60)


def aged(shop):
    """The configuration was loaded a while ago."""
    snapshot.configuration(shop.account.pk).loaded_at -= 120


def test_an_unknown_account_is_looked_up_once(shop, statements):
    assert statements("/campaigns/query", shop.event(account=GONE)) > 0
    assert statements("/campaigns/query", shop.event(account=GONE)) == 0


@pytest.mark.parametrize("fields", [{"platform": "nope"}, {"event": "nope"}, {"token": "nope"}])
def test_an_unknown_name_is_looked_up_once(api, shop, statements, fields):
    api("/campaigns/query", shop.event())
    aged(shop)
    assert statements("/campaigns/query", shop.event(**fields)) > 0
    assert statements("/campaigns/query", shop.event(**fields)) == 0


def test_a_change_is_seen_by_the_next_poll_which_costs_one_statement(api, shop, django_assert_num_queries):
    api("/campaigns/query", shop.event())
    with django_assert_num_queries(1):
        snapshot.poll()
    Account.objects.filter(pk=shop.id).update(status="suspended")
    snapshot.poll()
    assert api("/campaigns/query", shop.event())[0] == 404
