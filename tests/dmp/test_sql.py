"""The hot path's own transaction behaves like Django's."""

import psycopg
import pytest
from django.db import connection, transaction

from accounts.models import Account
from dmp import sql

pytestmark = pytest.mark.django_db(transaction=True)


def add(name):
    sql.run(
        "INSERT INTO accounts_account (id, name, timezone, status, link_history, keep_links, never_identifiers,"
        " require_signed_profiles, identity_secret, created_at)"
        " SELECT gen_random_uuid(), %(name)s, 'UTC', 'active', true, true, '{}', false, 'x', now()",
        {"name": name},
    )


def names():
    return sorted(Account.objects.values_list("name", flat=True))


def test_it_commits_at_its_end():
    with sql.Transaction():
        add("a")
        assert connection.connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    assert connection.connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert names() == ["a"]


def fail(*people, work=lambda: None, within=sql.Transaction):
    """Adds them in a transaction that ends with an error."""
    with within():
        for name in people:
            add(name)
        work()
        raise ValueError("no")


def divide():
    sql.run("SELECT 1 / %(n)s::int", {"n": 0})


def test_an_error_undoes_it_and_the_connection_goes_on():
    with pytest.raises(ValueError, match="no"):
        fail("a")
    assert names() == []
    with sql.Transaction():
        add("b")
    assert names() == ["b"]


def test_an_error_of_the_database_undoes_it():
    with pytest.raises(psycopg.errors.DivisionByZero):
        fail("a", work=divide)
    assert names() == []


def test_an_error_that_was_caught_inside_is_no_silent_rollback():
    def caught():
        with sql.Transaction():
            add("a")
            with pytest.raises(psycopg.errors.DivisionByZero):
                divide()

    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        caught()
    assert names() == []


@pytest.mark.parametrize(
    ("outer", "inner"), [(sql.Transaction, transaction.atomic), (transaction.atomic, sql.Transaction)]
)
def test_it_nests_with_atomic_blocks(outer, inner):
    with outer():
        add("a")
        with pytest.raises(ValueError, match="no"):
            fail("b", within=inner)
        with inner():
            add("c")
    assert names() == ["a", "c"]


def test_what_waits_for_the_commit_runs_after_it_and_never_after_an_error():
    ran = []
    with sql.Transaction():
        transaction.on_commit(lambda: ran.append(names()))
        add("a")
        assert ran == []
    assert ran == [["a"]]
    with pytest.raises(ValueError, match="no"):
        fail(work=lambda: transaction.on_commit(lambda: ran.append("never")))
    with transaction.atomic():
        add("b")
    assert ran == [["a"]]


def test_a_connection_that_was_lost_raises_and_the_next_one_works():
    with pytest.raises(psycopg.OperationalError):
        fail("a", work=lambda: (connection.connection.pgconn.finish(), add("b")))
    connection.close()
    with sql.Transaction():
        add("c")
    assert names() == ["c"]


def prepared_statements():
    return sql.run("SELECT count(*) FROM pg_prepared_statements", {})[0][0]


def test_a_statement_is_prepared_once():
    before = prepared_statements()
    for n in range(3):
        assert sql.run("SELECT %(n)s::int + 1", {"n": n}) == [(n + 1,)]
    assert prepared_statements() == before + 1


def test_a_connection_keeps_only_so_many_prepared(monkeypatch):
    connection.close()
    monkeypatch.setattr(sql, "MOST_PREPARED", 3)
    for n in range(10):
        assert sql.run(f"SELECT {n}", {}) == [(n,)]
    assert prepared_statements() == 3
    assert sql.run("SELECT 0", {}) == [(0,)]


def test_a_statement_that_cannot_be_prepared_leaves_the_connection_usable():
    for _ in range(2):
        with pytest.raises(psycopg.errors.UndefinedTable):
            sql.run("SELECT * FROM nowhere", {})
    assert sql.run("SELECT 1", {}) == [(1,)]


def test_a_statement_of_an_atomic_block_is_undone_with_it():
    with pytest.raises(ValueError, match="no"):
        fail("a", within=transaction.atomic)
    assert names() == []


def test_a_database_that_ends_the_connection_is_an_operational_error():
    sql.run("SELECT 1", {})
    pid = connection.connection.info.backend_pid
    with connection.connection.__class__.connect(connection.connection.info.dsn) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
    with pytest.raises(psycopg.OperationalError):
        sql.run("SELECT 1", {})
    assert connection.connection.closed
    connection.close()
    assert sql.run("SELECT 1", {}) == [(1,)]
