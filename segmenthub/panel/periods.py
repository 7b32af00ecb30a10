"""The period that a report is asked for: the last days, or from a day to a day, in the account's zone."""

from datetime import date, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest

from accounts.models import Account
from adserver.reports import Period
from segmenthub.panel.pages import asked as field

LENGTHS = (7, 30, 90)
USUAL = 30
LONGEST = 732


class Asked(NamedTuple):
    """`problem`: why it is not what was asked for."""

    period: Period
    now: datetime
    problem: str = ""

    @property
    def query(self) -> str:
        return urlencode({"from": self.period.first.isoformat(), "to": self.period.last.isoformat()})

    @property
    def days(self) -> int | None:
        """One of LENGTHS when it is the last so many days."""
        today = self.now.astimezone(self.period.zone).date()
        return self.period.length if self.period.last == today and self.period.length in LENGTHS else None


def asked_period(request: HttpRequest, account: Account, now: datetime) -> Asked:
    today = now.astimezone(account.zone).date()
    first, last = field(request, "from"), field(request, "to")
    if not (first or last):
        days = next((length for length in LENGTHS if str(length) == field(request, "days")), USUAL)
        return Asked(last_days(account, today, days), now)
    try:
        until = min(date.fromisoformat(last), today) if last else today
        since = date.fromisoformat(first) if first else until - timedelta(days=USUAL - 1)
    except (ValueError, OverflowError):
        return Asked(last_days(account, today, USUAL), now, "Give days as 2026-01-31. These are the last 30.")
    if not 0 <= (until - since).days < LONGEST:
        text = "Give a first day that is not after the last, and at most two years. These are the last 30 days."
        return Asked(last_days(account, today, USUAL), now, text)
    return Asked(Period(since, until, account.zone), now)


def last_days(account: Account, today: date, days: int) -> Period:
    return Period(today - timedelta(days=days - 1), today, account.zone)
