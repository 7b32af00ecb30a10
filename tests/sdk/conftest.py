"""A shop whose pages are on one origin and the service on another, with a browser in front."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from accounts.models import Account, Platform
from dmp.models import Event
from tests.sdk.servers import Road, Site, running
from tests.segmenthub.panel.conftest import CHROMIUM, playwright
from tests.shops import PLATFORM

__all__ = ["playwright"]
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
"""What a headless browser says of itself is counted as a bot's."""


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    hosts = "--host-resolver-rules=MAP *.example 127.0.0.1,MAP *.co.uk 127.0.0.1"
    return {"executable_path": CHROMIUM, "args": ["--disable-dev-shm-usage", "--no-sandbox", "--disable-gpu", hosts]}


@pytest.fixture(scope="session")
def browser_context_args() -> dict[str, Any]:
    return {"user_agent": PERSON, "viewport": {"width": 1000, "height": 700}}


@pytest.fixture
def site() -> Iterator[Site]:
    with running(Site()) as site:
        yield site


@pytest.fixture
def road(live_server: Any, settings: Any) -> Iterator[Road]:
    with running(Road(live_server.url)) as road:
        settings.API_URL = road.url
        yield road
        road.closed = "down"
        wait_until(lambda: not road.under_way)  # else the database is emptied under a request


@pytest.fixture
def account(live_server: Any) -> Account:
    account = Account.objects.create(name="Shop")
    Platform.objects.create(account=account, code=PLATFORM)
    return account


@pytest.fixture
def tag(account: Account, road: Road) -> Callable[..., str]:
    """The script tag; more attributes as text."""

    def tag(more: str = "") -> str:
        told = f'data-account="{account.pk}" data-platform="{PLATFORM}"'
        return f'<script async src="{road.url}/sdk/v1.js" {told} {more}></script>'

    return tag


@pytest.fixture
def stored() -> Callable[..., list[Event]]:
    """`stored(2, "pageView")`: waits until at least so many events are stored; gives them, oldest first."""

    def stored(number: int, code: str | None = None, seconds: float = 10) -> list[Event]:
        rows = Event.objects.order_by("time", "id")
        rows = rows.filter(event=code) if code else rows
        return wait_until(lambda: found if len(found := list(rows.all())) >= number else None, seconds)

    return stored


def wait_until(look: Callable[[], Any], seconds: float = 10) -> Any:
    """What `look` gives once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "It did not happen."
        time.sleep(0.03)
    return found


def heard(page: Page, *names: str) -> None:
    """From now on what `on` tells is in `heard` of the page, as [name, what]."""
    page.evaluate("window.heard = []")
    for name in names:
        page.evaluate("(name) => { segmenthub.on(name, (told) => heard.push([name, String(told)])) }", name)


def kept(context: BrowserContext) -> dict[str, str]:
    return {cookie["name"]: cookie["value"] for cookie in context.cookies()}


def local(page: Page) -> dict[str, str]:
    return dict(page.evaluate("({...localStorage})"))
