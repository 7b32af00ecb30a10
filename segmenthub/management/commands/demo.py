import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts.clock import now
from segmenthub.demo import load_demo


class Command(BaseCommand):
    help = "Makes the demo shop, unless it is there already, and prints its account, login and token as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="The default: an existing demo shop stays.")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(json.dumps(load_demo(now())))
