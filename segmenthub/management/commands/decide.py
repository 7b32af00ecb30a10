"""`manage.py decide FILE`: campaigns tried on people who are written in a file."""

import sys
from argparse import ArgumentParser
from decimal import Decimal
from typing import Any

import msgspec
from django.core.management import BaseCommand, CommandError

from accounts.errors import Malformed
from dmp.segments.operands import RuleError
from segmenthub.trial.offers import decide

decode = msgspec.json.Decoder(float_hook=Decimal).decode


class Command(BaseCommand):
    help = "Tries campaigns on people: JSON Lines of {campaigns, timezone, now, segments, events}. Stores nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="the file, - for standard input")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        try:
            lines = sys.stdin.buffer if file == "-" else open(file, "rb")  # noqa: SIM115
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}.") from None
        with lines:
            for line in lines:
                if line.strip():
                    self.stdout.write(msgspec.json.encode(answer(line)).decode())


def answer(line: bytes) -> dict[str, Any]:
    """The decision, or what is wrong with the line."""
    try:
        found = decode(line)
        if type(found) is not dict:
            return {"error": "The line is no JSON object."}
        return decide(found)
    except msgspec.DecodeError as error:
        return {"error": f"The line is no JSON: {error}"}
    except (RuleError, Malformed) as error:
        return {"error": str(error)}
