"""A running server with a shop, for those that call it from outside."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from dmp.models import EventType
from tests.api.server import running_server
from tests.shops import Shop, make_shop, make_token


class Served(NamedTuple):
    url: str
    shop: Shop
    slow: str
    """The secret of a token that may ask once a minute."""


@pytest.fixture(scope="module")
def served(django_db_setup: None, django_db_blocker: Any) -> Iterator[Served]:
    with django_db_blocker.unblock():
        shop = make_shop()
        EventType.objects.create(account=shop.account, code="addToCart")
        slow = make_token(shop.account, "slow", rate_limit=1)
        with running_server() as port:
            yield Served(f"http://127.0.0.1:{port}", shop, slow)
