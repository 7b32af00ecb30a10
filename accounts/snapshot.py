"""The configuration of accounts, kept in each process so that a request asks the database for people only.

A change is seen within SNAPSHOT_SECONDS: triggers count the changes of each account in the database, the background
thread reads the counts in one statement and loads anew what changed. What a request names and the snapshot lacks is
looked up once before it is refused.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from accounts import background
from accounts.models import Account, ConfigurationVersion

T = TypeVar("T")
MISS_SECONDS = 0.5


class Configuration:
    """One account as it was at `version`; each layer's part is loaded when first asked for. Never changed."""

    def __init__(self, account: Account, version: int) -> None:
        self.id: UUID = account.pk
        self.version = version
        self.loaded_at = time.monotonic()
        self.active = account.status == Account.Status.ACTIVE
        self.zone: ZoneInfo = account.zone
        self.link_history = account.link_history
        self.keep_links = account.keep_links
        self.never_identifiers = frozenset(value.strip().lower() for value in account.never_identifiers)
        self.require_signed_profiles = account.require_signed_profiles
        self.identity_secret = account.identity_secret
        self.parts: dict[Part[Any], Any] = {}


class Part(Generic[T]):
    """A layer's share of the configuration: `part.of(configuration)` is what `load(account id)` gave."""

    def __init__(self, load: Callable[[UUID], T]) -> None:
        self.load = load

    def of(self, configuration: Configuration) -> T:
        try:
            return configuration.parts[self]  # type: ignore[no-any-return]
        except KeyError:
            return configuration.parts.setdefault(self, self.load(configuration.id))  # type: ignore[no-any-return]


class Derived(Part[T]):
    """A part that `derive(configuration)` makes of other parts."""

    def __init__(self, derive: Callable[[Configuration], T]) -> None:
        self.derive = derive

    def of(self, configuration: Configuration) -> T:
        try:
            return configuration.parts[self]  # type: ignore[no-any-return]
        except KeyError:
            return configuration.parts.setdefault(self, self.derive(configuration))  # type: ignore[no-any-return]


_configurations: dict[UUID, Configuration] = {}
_misses: dict[UUID, float] = {}
_lock = threading.Lock()


def configuration(account: UUID) -> Configuration | None:
    """The account's configuration, None when there is no such account."""
    background.start()
    found = _configurations.get(account)
    if found is not None:
        return found
    if time.monotonic() - _misses.get(account, -1e9) < MISS_SECONDS:
        return None
    return _load(account)


def newer(old: Configuration) -> Configuration:
    """The configuration looked up again, for a request that names something it lacks; at most each MISS_SECONDS."""
    if time.monotonic() - old.loaded_at < MISS_SECONDS and settings.SNAPSHOT_SECONDS:
        return _configurations.get(old.id, old)
    return _load(old.id) or old


def clear() -> None:
    """Forgets everything: for tests and for commands that change configuration and go on."""
    _configurations.clear()
    _misses.clear()


def _versions(accounts: Iterable[UUID]) -> dict[UUID, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT account_id, version FROM {ConfigurationVersion._meta.db_table} WHERE account_id = ANY(%s)",  # noqa: S608
            [list(accounts)],
        )
        return dict(cursor.fetchall())


def _load(account: UUID) -> Configuration | None:
    version = _versions([account]).get(account, 0)  # before the rows: a change in between is loaded once more
    row = Account.objects.filter(pk=account).first()
    if row is None:
        with _lock:
            if len(_misses) > 10_000:
                _misses.clear()
            _misses[account] = time.monotonic()
            _configurations.pop(account, None)
        return None
    loaded = Configuration(row, version)
    known = _configurations.get(account)
    for part in list(known.parts) if known else ():
        part.of(loaded)
    _configurations[account] = loaded
    return loaded


def poll() -> None:
    """Loads anew the accounts whose version changed: one statement when nothing did."""
    known = dict(_configurations)
    if not known:
        return
    versions = _versions(known)
    for account, configuration in known.items():
        if versions.get(account, -1) != configuration.version:
            _load(account)


if settings.SNAPSHOT_SECONDS:
    background.every(settings.SNAPSHOT_SECONDS, poll)
