import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Count, Sum
from django.test import Client

from adserver.groups import read, share_changed_at
from adserver.models import Campaign, CampaignStat, Conversion, Mark
from cdp.models import Profile
from dmp.models import Event, Segment, Visitor
from segmenthub.demo import load_demo, shop

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def demo(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("demo", *arguments, stdout=out)
    return json.loads(out.getvalue())  # type: ignore[no-any-return]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same shop with fewer people."""
    monkeypatch.setattr("segmenthub.demo.behaviour.PEOPLE", 60)
    monkeypatch.setattr("segmenthub.demo.behaviour.ANONYMOUS", 40)


@pytest.mark.usefixtures("small")
def test_the_demo_shop_shows_events_people_audiences_and_campaigns() -> None:
    made = load_demo(NOW)
    assert made["created"]
    assert made["token"].startswith("sgh_")
    assert set(Event.objects.exclude(event="$dismiss").values_list("event", flat=True).distinct()) == {
        *("pageView", "productView", "addToCart", "purchase"),
        *("$impression", "$viewable", "$click"),
    }
    assert Event.objects.filter(time__gte=NOW).count() == 0
    assert Visitor.objects.exclude(profile=None).exists()
    inside = {segment for row in Profile.objects.all() for segment in row.segments}
    assert {"VIP", "Churn", "Newsletter"} <= set(
        Segment.objects.filter(revision__in=inside).values_list("name", flat=True)
    )
    assert Campaign.objects.filter(status="live").count() == 10


@pytest.mark.usefixtures("small")
def test_the_demo_shops_campaigns_have_a_month_of_statistics() -> None:
    load_demo(NOW)
    counted = CampaignStat.objects.aggregate(*map(Sum, ("served", "impressions", "viewable", "clicks")))
    happened = Event.objects.filter(event__startswith="$").values_list("event").annotate(n=Count("id"))
    events = dict(happened.order_by())
    assert counted["served__sum"] > counted["impressions__sum"] == events["$impression"]
    assert (counted["viewable__sum"], counted["clicks__sum"]) == (events["$viewable"], events["$click"])
    assert Mark.objects.exists()
    sale = Campaign.objects.get(slug="winter-sale")
    assert read(sale.account_id, sale.pk, NOW - timedelta(days=30), NOW, share_changed_at(sale.pk)).treated.people > 0
    assert Conversion.objects.exists()


@pytest.mark.usefixtures("small")
def test_a_second_run_leaves_the_demo_shop_as_it_is() -> None:
    assert demo()["created"]
    events = Event.objects.count()
    again = demo("--if-empty")
    assert (again["created"], again["token"], again["account"]) == (False, None, shop.ACCOUNT)
    assert Event.objects.count() == events


@pytest.mark.usefixtures("small")
def test_the_demo_shop_answers_an_event_with_campaigns(client: Client) -> None:
    load_demo(NOW)
    visitor = str(Visitor.objects.order_by("key")[0].visitor_id)
    body = {"account": shop.ACCOUNT, "visitorId": visitor, "platform": shop.WEB, "event": "pageView", "path": "/"}
    answer = client.post("/campaigns/query", json.dumps(body), content_type="application/json").json()
    assert {"home-hero", "sidebar"} == {campaign["placement"] for campaign in answer["campaigns"]}
