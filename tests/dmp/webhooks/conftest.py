from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import Account
from dmp.webhooks.models import Webhook
from tests.dmp.webhooks.people import START
from tests.dmp.webhooks.receiver import Receiver, serving


@pytest.fixture
def at() -> Iterator[Callable[..., None]]:
    """Moves the clock to so long after the start of the test."""
    with time_machine.travel(START, tick=False) as traveller:
        yield lambda **length: traveller.move_to(START + timedelta(**length))


@pytest.fixture(autouse=True)
def _loopback(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True


@pytest.fixture
def server() -> Iterator[Receiver]:
    with serving() as receiver:
        yield receiver


@pytest.fixture
def webhook(account: Account, server: Receiver, at: Any) -> Webhook:
    return Webhook.objects.create(account=account, url=server.url, level=Webhook.Level.BOTH)
