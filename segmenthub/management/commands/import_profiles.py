from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from segmenthub.imports import account_named
from segmenthub.lines import Report
from segmenthub.profiles import import_profiles


class Command(BaseCommand):
    help = "Imports profiles of an account from JSON Lines or CSV (.gz too, - for standard input). Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", help="The account's id.")
        parser.add_argument("file")
        parser.add_argument("--rejects", help="Where refused lines go. Default: FILE.rejected.jsonl")

    def handle(self, *args: Any, account: str, file: str, rejects: str | None, **options: Any) -> None:
        configuration = account_named(account)
        with Report(file, rejects, self.stdout, self.stderr) as report:
            import_profiles(configuration, report)
