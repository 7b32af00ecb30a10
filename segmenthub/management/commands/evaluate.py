"""`manage.py evaluate FILE`: rules tried on people who are written in a file."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec
from django.core.management import BaseCommand, CommandError
from django.db import transaction

from accounts.errors import Malformed
from dmp.segments.operands import RuleError
from segmenthub.trial.executors import Answer, make_tables, try_out
from segmenthub.trial.reading import Trial, read

BATCH = 1000
decode = msgspec.json.Decoder(float_hook=Decimal).decode


class Command(BaseCommand):
    help = "Tries rules on people: JSON Lines of {rule, timezone, now, attributes, segments, events}. Stores nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="the file, - for standard input")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        try:
            lines = sys.stdin.buffer if file == "-" else open(file, "rb")  # noqa: SIM115
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}.") from None
        with lines, transaction.atomic():
            make_tables()
            for answer in answers(lines):
                self.stdout.write(msgspec.json.encode(answer).decode())
            transaction.set_rollback(True)


def answers(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """An answer to each line that is not blank, in their order."""
    filled = (line for line in lines if line.strip())
    while batch := [read_line(line) for line in islice(filled, BATCH)]:
        tried = try_out([item for item in batch if isinstance(item, Trial)])
        for item in batch:
            if isinstance(item, Trial):
                person, people = next(tried)
                yield {"person": told(person), "set": told(people)}
            else:
                yield {"error": item}


def read_line(line: bytes) -> Trial | str:
    """The line, or what is wrong with it."""
    try:
        found = decode(line)
        if type(found) is not dict:
            return "The line is no JSON object."
        return read(found)
    except msgspec.DecodeError as error:
        return f"The line is no JSON: {error}"
    except (RuleError, Malformed) as error:
        return str(error)


def told(answer: Answer) -> dict[str, bool | datetime | None]:
    return answer._asdict()
