"""`manage.py recompute ACCOUNT`: builds segments anew, beside those that serve."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError

from dmp.models import Segment
from dmp.segments.build import build_now, start
from segmenthub.imports import account_named

WAITING = (Segment.Status.DRAFT, Segment.Status.PAUSED)


class Command(BaseCommand):
    help = "Builds the segments of an account anew and switches to them; what serves now serves until then."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", help="The account's id.")
        parser.add_argument("--segment", help="Only this one and what depends on it.")
        parser.add_argument("--wait", action="store_true", help="Return when they serve.")

    def handle(self, *args: Any, account: str, segment: str | None, wait: bool, **options: Any) -> None:
        found = account_named(account)
        rows = Segment.objects.filter(account=found.id)
        states = dict(rows.exclude(rule=None).values_list("name", "status"))
        names = [name for name, status in states.items() if status not in WAITING]
        if segment is not None and segment not in states:
            raise CommandError(f"There is no segment “{segment}” with a rule.")
        if segment is not None and segment not in names:
            raise CommandError(f"“{segment}” is {states[segment]}. Resume or build it in the panel.")
        again = names if segment is None else [segment]
        if wait:
            build_now(found.id, again=again)
        else:
            start(found.id, again=again)
        self.stdout.write(f"{len(again)} segments {'are built and serve' if wait else 'are being built'}.")
