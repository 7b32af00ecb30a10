"""Clients for servers, made from the OpenAPI document by `manage.py make_clients` and kept beside what they call.

python   a typed client without a dependency, as sdk/python
postman  a Postman collection, as sdk/postman
"""

from collections.abc import Iterator
from pathlib import Path

from segmenthub.clients import postman, python
from segmenthub.openapi.pages import document

PYTHON = Path("sdk/python/src/segmenthub_client")
POSTMAN = Path("sdk/postman/segmenthub.postman_collection.json")


def files() -> Iterator[tuple[Path, str]]:
    """Each file that is made, and what it holds."""
    described = document()
    yield PYTHON / "answers.py", python.answers(described)
    yield PYTHON / "client.py", python.client(described)
    yield POSTMAN, postman.collection(described)
