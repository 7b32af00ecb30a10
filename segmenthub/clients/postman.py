"""A Postman collection (format 2.1): the reference's examples, with variables for what differs from shop to shop."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from segmenthub.openapi.operations import TOKEN
from segmenthub.openapi.samples import bodies
from segmenthub.openapi.schemas import PROFILE, UUID, VISITOR

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
VARIABLES = {"account": UUID, "token": TOKEN, "visitorId": VISITOR, "profileId": PROFILE}
"""name: the value in the examples that it takes the place of."""
BASE_URL = "http://127.0.0.1:8000"
GIVEN = VARIABLES | {"baseUrl": BASE_URL, "token": ""}
JSON = [{"key": "Content-Type", "value": "application/json"}]
Item = dict[str, Any]


def collection(document: dict[str, Any]) -> str:
    info = document["info"]
    made = {
        "info": {
            "_postman_id": str(uuid5(NAMESPACE_URL, "segmenthub")),
            "name": info["title"],
            "description": info["description"],
            "schema": SCHEMA,
        },
        "item": [folder for tag in document["tags"] if (folder := of_tag(document, tag))["item"]],
        "variable": [{"key": name, "value": GIVEN[name], "type": "string"} for name in ("baseUrl", *VARIABLES)],
    }
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def of_tag(document: dict[str, Any], tag: dict[str, str]) -> Item:
    return {
        "name": tag["name"],
        "description": tag["description"],
        "item": [
            item
            for path, methods in document["paths"].items()
            if (post := methods.get("post")) and tag["name"] in post["tags"]
            for item in requests(path, post)
        ],
    }


def requests(path: str, post: dict[str, Any]) -> Iterator[Item]:
    """An item for each example of an operation."""
    examples = bodies(post)
    for title, body in examples.items():
        request = {
            "method": "POST",
            "header": JSON,
            "body": {"mode": "raw", "raw": raw(body), "options": {"raw": {"language": "json"}}},
            "url": {"raw": "{{baseUrl}}" + path, "host": ["{{baseUrl}}"], "path": path.strip("/").split("/")},
            "description": post["description"],
        }
        answer = post["responses"]["200"]["content"]["application/json"]["example"]
        saved = {
            "name": "200",
            "originalRequest": request,
            "status": "OK",
            "code": 200,
            "_postman_previewlanguage": "json",
            "header": JSON,
            "body": json.dumps(answer, indent=2),
        }
        name = post["summary"] if len(examples) == 1 else title
        yield {"name": name, "request": request, "response": [saved]}


def raw(body: dict[str, Any]) -> str:
    text = json.dumps(body, indent=2)
    for name, value in VARIABLES.items():
        text = text.replace(f'"{value}"', '"{{' + name + '}}"')
    return text
