"""`manage.py provision FILE`: an account as a file."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError

from dmp.segments.build import build_now
from segmenthub.provision import Mistake, parse, provision


class Command(BaseCommand):
    help = "Make what a JSON file says of an account and is missing, update what differs, delete nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="the JSON file, - for standard input")
        parser.add_argument("--dry-run", action="store_true", help="only show what would change")
        parser.add_argument("--no-wait", action="store_true", help="return before changed segments are live")

    def handle(self, *args: Any, file: str, dry_run: bool, no_wait: bool, **options: Any) -> None:
        try:
            text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
            work = provision(parse(text), dry_run=dry_run)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}.") from None
        except Mistake as mistake:
            raise CommandError(str(mistake)) from None
        if dry_run:
            for (kind, name), fields in work.fields.items():
                self.stderr.write(f"{kind} {name}: {', '.join(fields)}")
        elif not no_wait:
            build_now(work.account.pk)
        self.stdout.write(json.dumps(work.result(), ensure_ascii=False))
