"""Where there is no demo account."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("place", ["", "cart", "shoes"])
def test_without_the_demo_account_there_is_no_shop(client: Client, place: str) -> None:
    response = client.get(f"/demo/{place}")
    assert response.status_code == 404
    assert "manage.py demo" in response.content.decode()


@pytest.mark.parametrize("place", ["seen", "why"])
def test_without_the_demo_account_nothing_is_told_in_json(client: Client, place: str) -> None:
    ask = client.get if place == "seen" else client.post
    response = ask(f"/demo/{place}")
    assert (response.status_code, response.json()["status"]) == (404, 404)
