"""`manage.py provision FILE`: an account as a file."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError

from adserver.campaigns import problems
from adserver.models import Campaign
from dmp.segments.build import build_now
from segmenthub.provision import Mistake, parse, provision
from segmenthub.provision.rows import Work


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
        else:
            if not no_wait:
                build_now(work.account.pk)
            self.warn(work)
        self.stdout.write(json.dumps(work.result(), ensure_ascii=False))

    def warn(self, work: Work) -> None:
        """Tells of the campaigns of the file that are live and can never show."""
        changed = [name for done in (work.created, work.updated) for name in done.get("creatives", ())]
        slugs = {name.partition("/")[0] for name in changed}.union(
            *(done.get("campaigns", ()) for done in (work.created, work.updated))
        )
        live = Campaign.objects.filter(account=work.account, status=Campaign.Status.LIVE, slug__in=slugs)
        for campaign in live.select_related("account", "placement"):
            if found := problems(campaign):
                self.stderr.write(f"Campaign {campaign.slug} is live but cannot show. {' '.join(found)}")
