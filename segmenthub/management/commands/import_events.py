from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from segmenthub.imports import import_events
from segmenthub.lines import Report, account_argument, read_lines


class Command(BaseCommand):
    help = "Imports past events of an account from JSON Lines or CSV (.gz too, - for standard input). Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", help="The account's id.")
        parser.add_argument("file")
        parser.add_argument("--rejects", help="Where refused lines go. Default: FILE.rejected.jsonl")

    def handle(self, *args: Any, account: str, file: str, rejects: str | None, **options: Any) -> None:
        configuration = account_argument(account)
        with Report(file, rejects, out=self.stdout) as report:
            import_events(configuration, read_lines(file, report), refuse=report.refuse, count=report.count)
