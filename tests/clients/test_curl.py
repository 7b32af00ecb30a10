"""The commands that the reference page shows: one for each example of each operation, and each runs."""

import json
import shutil
import subprocess

import pytest
from django.conf import settings

from segmenthub.openapi.operations import TOKEN
from segmenthub.openapi.pages import document
from segmenthub.openapi.samples import METHODS, bodies
from segmenthub.openapi.schemas import UUID
from tests.clients.conftest import Served

pytestmark = [pytest.mark.django_db, pytest.mark.skipif(shutil.which("curl") is None, reason="There is no curl here.")]
OPERATIONS = [
    (f"{method} {path}", item)
    for path, methods in document()["paths"].items()
    for method, item in methods.items()
    if method in METHODS
]
SAMPLES = [
    pytest.param(sample["source"], bool(bodies(item)), id=f"{name} {sample['label']}")
    for name, item in OPERATIONS
    for sample in item["x-codeSamples"]
]


def test_each_operation_has_a_command_for_each_example() -> None:
    assert all(len(item["x-codeSamples"]) == (len(bodies(item)) or 1) for _, item in OPERATIONS)


@pytest.mark.parametrize(("source", "has_body"), SAMPLES)
def test_a_command_is_answered(served: Served, source: str, has_body: bool) -> None:
    command = source.replace(settings.API_URL, served.url).replace(UUID, served.shop.id)
    command = command.replace(TOKEN, served.shop.full)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30)
    if has_body:
        assert json.loads(done.stdout)["status"] == 200
    else:  # the address of a click that is made up leads nowhere; the others are noted, or not
        assert done.stdout.split()[1] in ("200", "204", "404")
