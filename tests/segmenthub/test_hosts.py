from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def panel_host(settings: Any) -> None:
    settings.PANEL_URL = "https://panel.example.com"
    settings.ALLOWED_HOSTS = ["panel.example.com", "api.example.com"]


def test_the_panel_is_on_the_host_of_PANEL_URL(client: Client) -> None:
    assert client.get("/panel/login/", headers={"host": "panel.example.com"}).status_code == 200


def test_the_host_of_the_API_serves_no_panel(client: Client) -> None:
    answer = client.get("/panel/login/", headers={"host": "api.example.com"})
    assert (answer.status_code, answer.json()["status"]) == (404, 404)
