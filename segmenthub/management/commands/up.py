"""`manage.py up`, for `manage.py help`: manage.py itself goes to segmenthub.up directly."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from segmenthub.up import SUMMARY, Options, add_arguments, up


class Command(BaseCommand):
    help = SUMMARY
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(up(Options(**{name: options[name] for name in ("data_dir", "port", "workers", "demo")})))
