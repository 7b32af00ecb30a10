"""Two shops with the same names of everything, and people who work in them."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.db import connections
from django.db.models import Model
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.clock import now
from accounts.models import Account, ApiToken, Attribute, Member, Platform, Refusal, Role, User
from accounts.tokens import create_token
from adserver.models import AdSettings, Campaign, Creative, Media, Placement
from cdp.identifiers import name
from cdp.identity import ensure_profile
from cdp.models import Profile
from dmp.keys import visitor_key
from dmp.memberships import Pins, pin
from dmp.models import Event, EventType, Level, Property, Segment, Visitor
from dmp.webhooks.models import Delivery, Webhook

VISITOR = UUID("22222222-2222-4222-8222-222222222222")
SECRET = "Zanzibar"
"""In some text of everything that is theirs: no page of ours may contain it."""
CHROMIUM = shutil.which("chromium")
BROWSER = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
    pytest.mark.django_db(transaction=True),
]
"""The `pytestmark` of a module whose tests drive a browser."""


class House(NamedTuple):
    """An account with one row of everything, by "app.model"."""

    account: Account
    rows: dict[str, Model]
    visitor: UUID
    profile: UUID

    def __getitem__(self, label: Any) -> Any:
        return self.rows[label] if isinstance(label, str) else tuple.__getitem__(self, label)


def furnish(account: Account, word: str) -> House:
    """`word` is in what may differ: codes and names that must be unique in an account are the same everywhere."""
    own: dict[str, Any] = {"account": account}
    at = now()
    token = ApiToken(**own, name=f"Server {word}", access=["profiles:read"])
    create_token(token)
    event_type = EventType.objects.create(**own, code=f"addTo{word}", description=word)
    Property.objects.create(event_type=event_type, name="sku")
    segment = Segment.objects.create(**own, name=f"VIP {word}", description=word)
    placement = Placement.objects.create(**own, code=f"hero-{word.lower()}", name=word)
    media = Media(**own, name=word, type="image/png", width=1, height=1, bytes=1, sha256=word, alt=word)
    media.file.save(f"{word}.png", ContentFile(b"x"))
    campaign = Campaign.objects.create(**own, name=f"Sale {word}", slug=f"sale-{word.lower()}", placement=placement)
    campaign.segments.add(segment)
    Creative.objects.create(campaign=campaign, name=word, content={"title": word})
    worker = Member.objects.create(
        **own, user=User.objects.create_user(f"worker@{word.lower()}.example"), role="viewer"
    )
    webhook = Webhook.objects.create(**own, url=f"https://8.8.8.8/{word}", segment=segment)
    rows: list[Model] = [
        *(account, token, event_type, segment, placement, media, campaign, worker, webhook),
        Delivery.objects.create(webhook=webhook, payload={"event": "entered", "segment": word}, created_at=at),
        Platform.objects.create(**own, code=f"www.{word.lower()}.example"),
        Attribute.objects.create(**own, name=f"tier{word}"),
        AdSettings.objects.create(**own, staff=segment),
        Refusal.objects.create(
            **own, hour=at, endpoint="campaigns/query", status=400, field="x", code="y", sample=word
        ),
    ]
    return House(account, {row._meta.label_lower: row for row in rows}, *people(account, segment, word))


def people(account: Account, segment: Segment, word: str) -> tuple[UUID, UUID]:
    """A visitor with an event and a profile, both in the segment."""
    at = now()
    key = visitor_key(account.pk, VISITOR)
    Visitor.objects.create(
        key=key, account=account, visitor_id=VISITOR, created_at=at, first_seen=at - timedelta(hours=1), last_seen=at
    )
    Event.objects.create(
        visitor=key, time=at - timedelta(minutes=1), id=UUID(int=1), account=account, event="pageView", path=f"/{word}"
    )
    profile = ensure_profile(account.pk, name(account.pk, f"jane@{word.lower()}.example"), at)
    pin(Visitor, Level.VISITOR, account.pk, key, Pins(assign=[segment.pk]), at)
    pin(Profile, Level.PROFILE, account.pk, profile, Pins(assign=[segment.pk]), at)
    return key, profile


@pytest.fixture
def _media(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def ours(db: None, _media: None) -> House:
    return furnish(Account.objects.create(name="Our shop"), "Oslo")


@pytest.fixture
def theirs(db: None, _media: None) -> House:
    return furnish(Account.objects.create(name=f"Shop {SECRET}"), SECRET)


@pytest.fixture
def login(db: None) -> Callable[..., Client]:
    """`login(account, "marketer")` gives the client of a new user with that role; `superuser` of an operator."""

    def login(account: Account | None, role: str = Role.OWNER, *, superuser: bool = False) -> Client:
        user = User.objects.create_user(f"user{User.objects.count()}@example.com", is_superuser=superuser)
        if account is not None and not superuser:
            Member.objects.create(account=account, user=user, role=role)
        client = Client()
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")
        return client

    return login


@pytest.fixture(scope="session")
def playwright(playwright: Any) -> Iterator[Any]:
    """While Playwright's loop runs Django keeps connections apart from those before it; they end with it. Those of the
    live server end with each request, as the database cannot be dropped while a thread of its own waits for the next.
    """
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright leaves its loop in this thread; no test is async
    settings: dict[str, Any] = connections.settings["default"]
    before, settings["CONN_MAX_AGE"] = settings["CONN_MAX_AGE"], 0
    yield playwright
    settings["CONN_MAX_AGE"] = before
    connections.close_all()


def logged(user: User, row: Model) -> LogEntry:
    return LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(row),
        object_id=str(row.pk),
        object_repr=str(row),
        action_flag=CHANGE,
        change_message=f"Changed {row}",
    )


# --- the browser ---
@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {"executable_path": CHROMIUM, "args": ["--disable-dev-shm-usage", "--no-sandbox", "--disable-gpu"]}


@pytest.fixture
def owner(live_server: Any) -> Account:
    account = Account.objects.create(name="Our shop")
    Segment.objects.create(account=account, name="VIP")
    Member.objects.create(account=account, user=User.objects.create_user("owner@example.com", "pass"), role="owner")
    return account


@pytest.fixture
def panel(page: Page, live_server: Any, owner: Account, size: tuple[int, int]) -> Iterator[Page]:
    """A page logged in at `size`; whatever the browser complains of fails the test."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{live_server.url}/panel/")
    page.fill("[name=username]", "owner@example.com")
    page.fill("[name=password]", "pass")
    page.click("#login-form [type=submit]")
    expect(page).to_have_title("Overview | SegmentHub")
    yield page
    assert complaints == []
