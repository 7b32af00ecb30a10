"""Readies a helper process of a command. Imports no model: Django is not set up when this is loaded."""

import gc

import django
from django.conf import settings


def start_process(database: str) -> None:
    """Sets Django up for the database that the command uses."""
    settings.DATABASES["default"]["NAME"] = database
    django.setup()
    collect_seldom()


def collect_seldom() -> None:
    """An import makes many objects and hardly a cycle: looking for cycles took a seventh of its time."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
