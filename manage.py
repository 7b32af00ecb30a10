#!/usr/bin/env python
"""Django's command line. A command that needs a database and was given none gets the embedded servers while it runs."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import environ
from django.core.management import execute_from_command_line
from django.db.utils import ProgrammingError

from segmenthub import embedded, up

BASE_DIR = Path(__file__).resolve().parent
WITHOUT_SERVERS = {"help", "version", "check", "collectstatic", "findstatic", "spectacular", "makemessages"}

UNDEFINED_TABLE = "42P01"


def main(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "segmenthub.settings")
    environ.Env.read_env(BASE_DIR / ".env", overwrite=False)
    if arguments[1:2] == ["up"]:
        sys.exit(up.main(arguments[2:]))  # needs nothing of Django, which takes a second to load
    with _servers(arguments[1:]):
        try:
            _alone(arguments)
        except ProgrammingError as error:
            if getattr(error.__cause__, "sqlstate", None) != UNDEFINED_TABLE:
                raise
            if "postgres" not in embedded.needed(os.environ):
                sys.exit("The database lacks tables. Run `manage.py migrate` first; `manage.py up` does it by itself.")
            print("The tables of the database are made first.", file=sys.stderr)
            _alone([arguments[0], "migrate", "--no-input", "--verbosity=0"])
            execute_from_command_line(arguments)


def _alone(arguments: list[str]) -> None:
    """The command; those that make the tables of an embedded database one at a time, also beside `up`."""
    migrates = arguments[1:2] == ["migrate"] and _data_dir().is_dir()
    with embedded.alone(_data_dir(), "migrate.lock") if migrates else nullcontext():
        execute_from_command_line(arguments)


def _data_dir() -> Path:
    return Path(os.environ.get("SEGMENTHUB_DATA_DIR") or BASE_DIR / ".data")


def _servers(arguments: list[str]) -> AbstractContextManager[None]:
    command = arguments[0] if arguments else "help"
    missing = embedded.needed(os.environ)
    idle = command in WITHOUT_SERVERS and "--database" not in arguments
    if idle or command.startswith("-") or not missing or {"-h", "--help"} & set(arguments):
        return nullcontext()
    return embedded.servers(_data_dir(), only=missing)


if __name__ == "__main__":
    try:
        main(sys.argv)
    except embedded.EmbeddedError as error:
        sys.exit(f"{error}")
