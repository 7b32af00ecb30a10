import csv
import gzip
import io
import json
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from cdp.models import Profile
from dmp.memberships import members_of
from dmp.models import Event, Segment, Visitor
from dmp.segments.build import build_now
from segmenthub import imports
from tests.shops import PLATFORM, VISITOR, Shop, make_account, make_shop

pytestmark = pytest.mark.django_db(transaction=True)
CDNOW = Path(__file__).parents[2].parent / "shared" / "data" / "cdnow_sample.txt"
LINE: dict[str, Any] = {"visitorId": VISITOR, "platform": PLATFORM, "event": "pageView", "time": "2026-03-01T10:00:00Z"}
Import = Callable[..., dict[str, int]]


@pytest.fixture
def shop() -> Shop:
    return make_shop(make_account())


@pytest.fixture
def run(shop: Shop, tmp_path: Path) -> Import:
    """Imports lines (objects, or the text of a file) and gives the counts."""

    def run(lines: list[dict[str, Any]] | str, name: str = "events.jsonl") -> dict[str, int]:
        text = lines if isinstance(lines, str) else "\n".join(map(json.dumps, lines))
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        out = io.StringIO()
        call_command("import_events", shop.id, str(path), rejects=str(tmp_path / "rejects.jsonl"), stdout=out)
        return json.loads(out.getvalue().splitlines()[-1])  # type: ignore[no-any-return]

    return run


def refused(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text().splitlines()]


def test_a_line_becomes_an_event_at_its_time(run: Import) -> None:
    assert run([LINE | {"path": "/sale"}]) == {"read": 1, "stored": 1, "duplicate": 0, "refused": 0}
    event = Event.objects.get()
    assert (event.event, event.path, event.time.isoformat()) == ("pageView", "/sale", "2026-03-01T10:00:00+00:00")


def test_the_same_file_twice_stores_nothing_more(run: Import) -> None:
    lines = [
        LINE,
        LINE | {"event": "purchase", "orderId": "1"},
        LINE | {"eventId": "e" * 8 + "-0000-4000-8000-" + "0" * 12},
    ]
    assert run(lines)["stored"] == 3
    assert run(lines) == {"read": 3, "stored": 0, "duplicate": 3, "refused": 0}
    assert Event.objects.count() == 3


def test_an_import_that_was_ended_before_its_segments_is_finished_by_the_next(
    run: Import, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewers = Segment.objects.create(account=shop.account, name="viewers", rule={"event": "pageView"})
    build_now(shop.account.pk)
    with monkeypatch.context() as ended:
        ended.setattr(imports.Seen, "refresh_segments", lambda self: None)
        run([LINE])
    viewers.refresh_from_db()
    assert not members_of(viewers.pk, viewers.revision).exists()
    run([LINE])
    assert members_of(viewers.pk, viewers.revision).count() == 1


def test_two_identical_lines_are_one_event(run: Import) -> None:
    assert run([LINE, LINE])["duplicate"] == 1


def test_an_order_in_two_lines_of_one_batch_is_recorded_once(run: Import) -> None:
    order = LINE | {"event": "purchase", "orderId": "O1"}
    assert run([order, order | {"time": "2026-04-01T10:00:00Z"}])["stored"] == 1
    assert Event.objects.count() == 1


def test_a_refund_under_the_orderId_of_a_sale_in_the_same_batch_is_refused(run: Import, tmp_path: Path) -> None:
    order = LINE | {"event": "purchase", "orderId": "O1", "orderTotal": 9}
    assert run([order, order | {"orderTotal": -9}]) == {"read": 2, "stored": 1, "duplicate": 0, "refused": 1}
    assert "own orderId" in refused(tmp_path)[0]["reason"]


def test_a_consent_is_the_visitors_and_that_of_the_profile_it_then_was_of(run: Import) -> None:
    def line(day: int, profile: str | None, ads: bool) -> dict[str, Any]:
        return LINE | {"time": f"2026-03-0{day}T10:00:00Z", "profileId": profile, "consent": {"ads": ads}}

    run([line(3, "bob@example.com", False), line(1, None, True), line(2, "john@example.com", True)])
    run([line(1, None, False)])
    told = {row.name: row.attributes["consent.ads"]["values"] for row in Profile.objects.all()}
    assert told == {"bob@example.com": [False], "john@example.com": [True]}
    assert Visitor.objects.get().attributes["consent.ads"]["values"] == [False]


def test_an_import_that_was_ended_in_its_consents_is_finished_by_the_next(
    run: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as ended:
        ended.setattr(imports, "write_newer", lambda *changes: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run([LINE | {"consent": {"ads": True}}])
    run([LINE | {"consent": {"ads": True}}])
    assert "consent.ads" in Visitor.objects.get().attributes


def test_an_eventId_is_known_from_a_request(run: Import, shop: Shop, client: Any) -> None:
    body = shop.event(eventId="0b8f2f0e-7f0c-4e55-9f0d-5f6d1a2b3c4d")
    client.post("/campaigns/query", json.dumps(body), content_type="application/json")
    assert run([LINE | {"eventId": body["eventId"]}])["duplicate"] == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"time": "2026-03-01T10:00:00"}, "zone"),
        ({"time": None}, "zone"),
        ({"time": "2100-01-01T00:00:00Z"}, "future"),
        ({"time": "1969-12-31T23:59:59Z"}, "1970"),
        ({"platform": "nope"}, "not registered"),
        ({"event": "nope"}, "does not exist"),
        ({"visitorId": "1"}, "UUID"),
        ({"account": "11111111-1111-4111-8111-111111111111"}, "another account"),
        ({"event": "purchase"}, "orderId"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number_and_reason(
    run: Import, tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    assert run([LINE, LINE | change]) == {"read": 2, "stored": 1, "duplicate": 0, "refused": 1}
    assert refused(tmp_path)[0]["line"] == 2
    assert reason in refused(tmp_path)[0]["reason"]


def test_a_negative_total_under_the_orderId_of_a_sale_is_refused(run: Import, tmp_path: Path) -> None:
    sale = LINE | {"event": "purchase", "orderId": "O1", "orderTotal": 10}
    assert run([sale])["stored"] == 1
    assert run([sale | {"orderTotal": -10}])["refused"] == 1
    assert "own orderId" in refused(tmp_path)[0]["reason"]


def test_a_csv_file_says_the_same(run: Import) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["visitorId", "platform", "event", "time", "orderId", "orderTotal", "purchasedItems", "path"])
    writer.writerow([VISITOR, PLATFORM, "purchase", LINE["time"], "7", "1,299.90", "A|B|B", ""])
    assert run(out.getvalue(), "events.csv")["stored"] == 1
    event = Event.objects.get()
    assert (event.order_id, event.order_total, event.purchased_items) == ("7", Decimal("1299.9"), ["A", "B", "B"])
    assert event.path is None


def test_a_packed_file_is_read(run: Import) -> None:
    assert run([LINE], "events.jsonl.gz")["stored"] == 1


def test_a_profileId_links_the_visitor_and_its_earlier_events(run: Import) -> None:
    run([LINE, LINE | {"time": "2026-03-02T10:00:00Z", "profileId": "john@example.com"}])
    assert Visitor.objects.get().profile == Profile.objects.get().key


def test_events_of_any_past_time_are_stored(run: Import) -> None:
    times = ["1970-01-01T00:00:00Z", "1999-12-31T23:59:59.999999Z", "2012-02-29T00:00:00+03:00", "2026-11-01T00:00:00Z"]
    assert run([LINE | {"time": time} for time in times])["stored"] == 4


def test_an_unknown_account_is_told(tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_text("")
    with pytest.raises(CommandError, match="no account"):
        call_command("import_events", "11111111-1111-4111-8111-111111111111", str(tmp_path / "f.jsonl"))


def cdnow() -> list[tuple[str, str, str, str, str]]:
    if not CDNOW.exists():
        pytest.skip(f"the data set {CDNOW.name} is kept outside of the project")
    return [tuple(line.split()) for line in CDNOW.read_text().splitlines() if line.strip()]  # type: ignore[misc]


def test_the_cdnow_purchases_give_the_totals_of_an_independent_count(run: Import, shop: Shop, client: Any) -> None:
    rows = cdnow()
    lines = [purchase(number, row) for number, row in enumerate(rows)]
    assert run(lines) == {"read": 6919, "stored": 6919, "duplicate": 0, "refused": 0}
    assert run(lines)["duplicate"] == 6919
    orders: dict[str, int] = defaultdict(int)
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    last: dict[str, str] = {}
    for master, _, day, _, dollars in rows:
        orders[master] += 1
        revenue[master] += Decimal(dollars)
        last[master] = max(last.get(master, ""), day)
    assert Profile.objects.count() == len(orders) == 2357
    for master in sorted(orders)[::20]:
        body = {"account": shop.id, "token": shop.full, "profileId": f"cdnow-{master}"}
        body["attributes"] = ["totalOrders", "totalRevenue", "lastSeen"]  # type: ignore[assignment]
        answer = client.post("/profiles/query", json.dumps(body), content_type="application/json").json()
        found = {name: values[0]["value"] for name, values in answer["attributes"].items()}
        assert found["totalOrders"] == orders[master]
        assert Decimal(str(found["totalRevenue"])) == revenue[master]
        assert found["lastSeen"][:10].replace("-", "") == last[master]


def purchase(number: int, row: tuple[str, str, str, str, str]) -> dict[str, Any]:
    master, sample, day, _, dollars = row
    return {
        "visitorId": f"00000000-0000-4000-8000-{int(sample):012d}",
        "profileId": f"cdnow-{master}",
        "platform": PLATFORM,
        "event": "purchase",
        "time": f"{day[:4]}-{day[4:6]}-{day[6:]}T12:00:00Z",
        "orderId": f"cdnow-{number}",
        "orderTotal": dollars,
    }
