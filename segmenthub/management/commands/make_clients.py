from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from segmenthub.clients import files


class Command(BaseCommand):
    help = "Makes the Python client and the Postman collection anew from the OpenAPI document."

    def handle(self, *args: Any, **options: Any) -> None:
        for path, text in files():
            (settings.BASE_DIR / path).write_text(text)
            self.stdout.write(str(path))
