"""/health/live, /health/ready and /metrics."""

import json

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from segmenthub import health


@pytest.fixture(autouse=True)
def _new_process(monkeypatch):
    monkeypatch.setattr(health, "_migrated", False)


@pytest.fixture
def no_database(transactional_db):
    connection.close()
    before = connection.settings_dict.copy()
    connection.settings_dict.update(HOST="/nonexistent", PORT="1")
    yield
    connection.close()
    connection.settings_dict.update(before)


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_healthy_process_answers_200(send, path, method):
    response = send(path, b"", method)
    assert response.status_code == 200
    assert method == "HEAD" or json.loads(response.content)["status"] == 200


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/openapi.json"])
def test_other_methods_are_405_as_json(api, send, path):
    assert api(path, b"{}", "POST")[1]["status"] == 405
    assert send(path, b"{}", "POST")["Allow"] == "GET, HEAD"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_without_the_database_it_is_alive_and_not_ready(send, no_database, method):
    assert send("/health/live", b"", method).status_code == 200
    response = send("/health/ready", b"", method)
    assert (response.status_code, response["Content-Type"]) == (503, "application/json")
    assert response["Retry-After"] == "1"


def test_a_database_that_lacks_a_migration_is_not_ready(api):
    MigrationRecorder.Migration.objects.filter(app="dmp").delete()
    status, body = api("/health/ready", b"", "GET")
    assert status == 503
    assert "manage.py migrate" in body["message"]


def test_once_migrated_it_asks_one_thing(api, django_assert_num_queries):
    api("/health/ready", b"", "GET")
    with django_assert_num_queries(1):
        assert api("/health/ready", b"", "GET")[0] == 200


def test_valkey_is_not_needed_to_be_ready(api, settings):
    settings.REDIS_URL = "unix:///nonexistent"
    assert api("/health/ready", b"", "GET")[0] == 200


def test_metrics_count_requests_by_endpoint_and_name_no_account(api, send, shop):
    api("/campaigns/query", shop.event(profileId="john@example.com"))
    response = send("/metrics", b"", "GET")
    text = response.content.decode()
    assert response["Content-Type"].startswith("text/plain")
    assert 'segmenthub_requests_total{endpoint="campaigns/query",status="200"}' in text
    assert shop.id not in text
    assert "john" not in text


def test_metrics_gather_all_processes(send, monkeypatch, tmp_path):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    response = send("/metrics", b"", "GET")
    assert response.status_code == 200
    assert b"segmenthub_oldest_due_seconds 0.0" in response.content
    assert b"segmenthub_events" not in response.content
