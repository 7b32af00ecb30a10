"""`manage.py recount ACCOUNT`: attributes orders that have no campaign yet, and counts statistics again."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management import BaseCommand

from accounts.clock import now
from adserver import conversions
from adserver.rollups import recount
from segmenthub.imports import account_named


class Command(BaseCommand):
    help = "Counts the statistics of an account's campaigns again, such as after an import of past purchases."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", help="The account's id.")
        parser.add_argument("--days", type=int, default=30, help="Of so many days until now (30).")

    def handle(self, *args: Any, account: str, days: int, **options: Any) -> None:
        at = now()
        configuration, since = account_named(account), at - timedelta(days=days)
        conversions.repair(configuration, since, at)
        changed = recount(configuration.id, since, at)
        self.stdout.write(f"{changed} row{'' if changed == 1 else 's'} of statistics changed.")
