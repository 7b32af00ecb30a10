"""Commands that answer a file of JSON Lines, line by line."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import IO, Any, TypeVar

import msgspec
from django.core.management import BaseCommand, CommandError

from accounts.errors import Malformed
from dmp.segments.operands import RuleError

T = TypeVar("T")
decode = msgspec.json.Decoder(float_hook=Decimal).decode


class LinesCommand(BaseCommand):
    """Writes what `answers` gives for the lines of a file that are not blank."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="the file, - for standard input")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        with opened(file) as lines:
            for answer in self.answers(line for line in lines if line.strip()):
                self.stdout.write(msgspec.json.encode(answer).decode())

    def answers(self, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
        raise NotImplementedError


def opened(file: str) -> AbstractContextManager[IO[bytes]]:
    try:
        return sys.stdin.buffer if file == "-" else open(file, "rb")
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}.") from None


def read_line(line: bytes, read: Callable[[dict[str, Any]], T]) -> T | str:
    """What `read` makes of the line, or what is wrong with it."""
    try:
        found = decode(line)
        if type(found) is not dict:
            return "The line is no JSON object."
        return read(found)
    except msgspec.DecodeError as error:
        return f"The line is no JSON: {error}"
    except (RuleError, Malformed) as error:
        return str(error)
