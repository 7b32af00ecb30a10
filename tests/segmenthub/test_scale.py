"""The house's guards: relations point one way, and the tables of people can be spread over machines."""

import re
from collections.abc import Callable
from typing import Any

import pglast
import pytest
from django.apps import apps
from django.db import connection, models
from pglast import ast
from pglast.visitors import Visitor

from dmp.sql import numbered
from segmenthub.scale import HOT
from tests.shops import Shop

LAYERS = ["accounts", "dmp", "cdp", "adserver", "segmenthub"]
FORBIDDEN = re.compile(
    r"\bnow\(\)|current_timestamp|clock_timestamp|advisory|skip locked|\bmerge into|grouping sets|with recursive"
    r"|\bset local|\blisten\b|create temp",
    re.IGNORECASE,
)


def upward(model: type[models.Model]) -> list[str]:
    """Relations of a model of ours to a model of a higher layer."""
    own = LAYERS.index(model._meta.app_label)
    targets = [field.related_model._meta.app_label for field in model._meta.get_fields() if is_forward(field)]
    return [target for target in targets if target in LAYERS and LAYERS.index(target) > own]


def is_forward(field: Any) -> bool:
    return field.is_relation and not field.auto_created and isinstance(field.related_model, type)


def test_no_relation_points_up_the_layers() -> None:
    ours = [model for model in apps.get_models() if model._meta.app_label in LAYERS]
    assert len(ours) > 20
    assert {model.__name__: upward(model) for model in ours if upward(model)} == {}


def test_the_guard_sees_a_relation_that_points_up() -> None:
    class Planted(models.Model):  # noqa: DJ008
        segment = models.ForeignKey("dmp.Segment", models.CASCADE, related_name="+")

        class Meta:
            app_label = "accounts"

    try:
        assert upward(Planted) == ["dmp"]
    finally:
        del apps.all_models["accounts"]["planted"]
        apps.clear_cache()


def rows(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def keys_without(column_of: dict[str, str]) -> list[str]:
    """Primary and unique keys that lack the table's spreading column."""
    found = rows(
        """SELECT c.relname, i.indexrelid::regclass::text, array_agg(a.attname::text) FROM pg_index i
            JOIN pg_class c ON c.oid = i.indrelid
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
            WHERE i.indisunique GROUP BY 1, 2"""
    )
    return [index for table, index, columns in found if table in column_of and column_of[table] not in columns]


@pytest.mark.django_db
def test_each_key_of_a_hot_table_holds_its_column() -> None:
    assert keys_without(HOT) == []
    assert keys_without({"dmp_visitor": "account_id"}) != []  # the guard can fail


@pytest.mark.django_db
def test_no_foreign_key_trigger_or_sequence_belongs_to_a_hot_table() -> None:
    tables = ", ".join(f"'{table}'::regclass" for table in HOT)
    assert (
        rows(
            "SELECT conname FROM pg_constraint WHERE contype = 'f'"
            f" AND (conrelid IN ({tables}) OR confrelid IN ({tables}))"
        )
        == []
    )
    assert rows(f"SELECT tgname FROM pg_trigger WHERE tgrelid IN ({tables})") == []
    assert rows(f"SELECT attname FROM pg_attribute WHERE attrelid IN ({tables}) AND attidentity <> ''") == []
    assert (
        rows(f"SELECT 1 FROM pg_attrdef WHERE adrelid IN ({tables}) AND pg_get_expr(adbin, adrelid) LIKE 'nextval%%'")
        == []
    )
    assert rows("SELECT tgname FROM pg_trigger WHERE tgrelid = 'dmp_segment'::regclass") != []  # the guard can fail


class Rules(Visitor):
    """Collects what breaks the rules in a parsed statement."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: list[str] = []

    def visit_MergeStmt(self, ancestors: Any, node: ast.MergeStmt) -> None:
        self.broken.append("MERGE")

    def visit_LockingClause(self, ancestors: Any, node: ast.LockingClause) -> None:
        if node.waitPolicy.name != "LockWaitBlock":
            self.broken.append("SKIP LOCKED or NOWAIT")

    def visit_FuncCall(self, ancestors: Any, node: ast.FuncCall) -> None:
        if node.funcname[-1].sval in ("now", "clock_timestamp", "random", "nextval"):
            self.broken.append(node.funcname[-1].sval)


def broken(statement: str) -> list[str]:
    rules = Rules()
    rules(pglast.parse_sql(statement))
    return rules.broken + FORBIDDEN.findall(statement)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, api: Callable[..., Any], shop: Shop) -> set[str]:
    """The texts of the statements that the operations send."""
    texts: set[str] = set()
    monkeypatch.setattr("dmp.sql.numbered", lambda text: (texts.add(text), numbered(text))[1])
    for event in (shop.event(), shop.event("purchase", orderId="1"), shop.event(profileId="a@example.com")):
        assert api("/campaigns/query", event)[0] == 200
        assert api("/campaigns/query", event)[0] == 200
    api("/profiles/attributes", shop.profile(attributes={"country": "tr", "email": "x@example.com"}))
    api("/profiles/segments", shop.profile(assignees=["VIP"]))
    api("/profiles/query", shop.profile(attributes=["*"], segments=["*"]))
    api("/visitors/attributes", shop.visitor(attributes={"country": "tr"}))
    api("/visitors/query", shop.visitor(attributes=["*"], segments=["*"]))
    return texts


@pytest.mark.django_db
def test_the_statements_of_the_operations_keep_the_rules(sent: set[str]) -> None:
    assert len(sent) > 15
    assert {text[:80]: broken(numbered(text)[0].decode()) for text in sent if broken(numbered(text)[0].decode())} == {}


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM dmp_visitor FOR UPDATE SKIP LOCKED",
        "INSERT INTO dmp_once (key) VALUES ($1) ON CONFLICT (key) DO UPDATE SET expires_at = now()",
        "SELECT pg_advisory_xact_lock(1)",
    ],
)
def test_the_guard_sees_a_statement_that_breaks_the_rules(statement: str) -> None:
    assert broken(statement) != []


def test_the_lists_of_hot_tables_agree() -> None:
    from tests.conftest import HOT as COUNTED

    assert set(COUNTED) == set(HOT)
