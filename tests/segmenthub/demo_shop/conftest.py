"""The demo account without its past: nobody was there yet."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client, override_settings

from accounts import snapshot
from accounts.clock import now
from segmenthub.demo import load_demo, shop
from segmenthub.demo.catalogue import products
from tests.api.server import empty_tables
from tests.segmenthub.panel.conftest import browser_type_launch_args, playwright

__all__ = ["browser_type_launch_args", "playwright"]
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
"""What a headless browser says of itself is counted as a bot's."""
VISITOR = "22222222-2222-4222-8222-222222222222"
JACKETS = [product for product in products() if product.category == "jackets"]
Event = Callable[..., dict[str, Any]]


@contextmanager
def loaded(media: Path) -> Iterator[str]:
    """Makes the account in a moment; gives the secret of its token."""
    hasher = "django.contrib.auth.hashers.MD5PasswordHasher"
    with pytest.MonkeyPatch.context() as small, override_settings(MEDIA_ROOT=str(media), PASSWORD_HASHERS=[hasher]):
        small.setattr("segmenthub.demo.behaviour.PEOPLE", 0)
        small.setattr("segmenthub.demo.behaviour.ANONYMOUS", 0)
        small.setattr("segmenthub.demo.showings.DAYS", 0)
        secret = str(load_demo(now())["token"])
        snapshot.clear()
        yield secret


@pytest.fixture(scope="module")
def house(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The account, once for all tests of a module: what each of them writes is gone after it."""
    with django_db_blocker.unblock(), loaded(tmp_path_factory.mktemp("media")) as secret:
        yield secret
        empty_tables()


@pytest.fixture
def token(house: str, db: None) -> str:
    return house


@pytest.fixture
def happen(token: str, client: Client) -> Event:
    """`happen("purchase", orderId=...)`: VISITOR does it; gives the event as it was sent, with its `answer`."""

    def happen(event: str = "pageView", **fields: Any) -> dict[str, Any]:
        body = {"account": shop.ACCOUNT, "visitorId": VISITOR, "platform": shop.WEB, "event": event, "path": "/"}
        body |= {"eventId": str(uuid4()), **fields}
        response = client.post("/campaigns/query", json.dumps(body), content_type="application/json")
        assert response.status_code == 200, response.content
        return {"sent": body, "answer": response.json()}

    return happen


def view(happen: Event, number: int = 0) -> dict[str, Any]:
    """A view of a jacket."""
    jacket = JACKETS[number]
    return happen("productView", sku=jacket.sku, price=float(jacket.price), category=jacket.category)
