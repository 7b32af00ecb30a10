"""Readies a helper process of a command. Imports no model: Django is not set up when this is loaded."""

import django
from django.conf import settings


def start_process(database: str) -> None:
    """Sets Django up for the database that the command uses."""
    settings.DATABASES["default"]["NAME"] = database
    django.setup()
