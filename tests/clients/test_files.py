"""What is made of the OpenAPI document is what is committed."""

from pathlib import Path

import pytest

from segmenthub.clients import files

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("path", "text"), [pytest.param(path, text, id=path.name) for path, text in files()])
def test_a_client_is_as_it_is_made_anew(path: Path, text: str) -> None:
    assert (ROOT / path).read_text() == text, "Run `manage.py make_clients`."
