"""The Postman collection: what its format asks for, and each request against a running server."""

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from segmenthub.clients import POSTMAN
from segmenthub.clients.python import operations
from segmenthub.openapi.pages import document
from segmenthub.openapi.samples import bodies
from tests.clients.conftest import Served
from tests.shops import PROFILE, VISITOR

pytestmark = pytest.mark.django_db
COLLECTION: dict[str, Any] = json.loads((Path(__file__).parents[2] / POSTMAN).read_text())
TEXT = {"type": "string", "minLength": 1}
PAIRS = {"type": "array", "items": {"type": "object", "required": ["key", "value"], "properties": {"key": TEXT}}}
FORMAT: dict[str, Any] = {
    "type": "object",
    "required": ["info", "item"],
    "properties": {
        "info": {
            "type": "object",
            "required": ["name", "schema"],
            "properties": {"schema": {"pattern": r"^https://schema\.getpostman\.com/json/collection/v2\.1\.0/"}},
        },
        "item": {"type": "array", "items": {"oneOf": [{"$ref": "#/$defs/item"}, {"$ref": "#/$defs/folder"}]}},
        "variable": PAIRS,
    },
    "$defs": {
        "folder": {
            "type": "object",
            "required": ["item", "name"],
            "properties": {"item": {"type": "array", "items": {"$ref": "#/$defs/item"}, "minItems": 1}},
            "not": {"required": ["request"]},
        },
        "item": {
            "type": "object",
            "required": ["request", "name"],
            "properties": {
                "request": {"$ref": "#/$defs/request"},
                "response": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name", "originalRequest"],
                        "properties": {
                            "originalRequest": {"$ref": "#/$defs/request"},
                            "code": {"type": "integer"},
                            "header": PAIRS,
                            "body": {"type": "string"},
                        },
                    },
                },
            },
            "not": {"required": ["item"]},
        },
        "request": {
            "type": "object",
            "required": ["method", "url", "body"],
            "properties": {
                "method": {"const": "POST"},
                "header": PAIRS,
                "body": {"type": "object", "required": ["mode", "raw"], "properties": {"mode": {"const": "raw"}}},
                "url": {
                    "type": "object",
                    "required": ["raw", "host", "path"],
                    "properties": {"host": {"type": "array", "items": TEXT}, "path": {"type": "array", "items": TEXT}},
                },
            },
        },
    },
}
"""What Postman's published schema v2.1.0 requires, as far as this collection goes."""
ITEMS = [item for folder in COLLECTION["item"] for item in folder["item"]]
REQUESTS = [pytest.param(item["request"], id=f"{item['request']['url']['raw']} {item['name']}") for item in ITEMS]


def filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], text)


def test_it_is_what_the_format_asks_for() -> None:
    jsonschema.Draft202012Validator(FORMAT).validate(COLLECTION)


def test_it_holds_each_example_of_each_operation() -> None:
    assert len(ITEMS) == sum(len(bodies(post)) for _, post in operations(document()))
    assert {"/" + "/".join(item["request"]["url"]["path"]) for item in ITEMS} == {p for p, _ in operations(document())}


def test_its_variables_are_those_that_its_requests_name() -> None:
    named = set(re.findall(r"\{\{(\w+)\}\}", json.dumps(COLLECTION["item"])))
    assert named == {variable["key"] for variable in COLLECTION["variable"]}
    assert named == {"baseUrl", "account", "token", "visitorId", "profileId"}


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_is_answered_200(served: Served, request_: dict[str, Any]) -> None:
    shop = served.shop
    values = {"baseUrl": served.url, "account": shop.id, "token": shop.full, "visitorId": VISITOR, "profileId": PROFILE}
    headers = {pair["key"]: pair["value"] for pair in request_["header"]}
    body = filled(request_["body"]["raw"], values).encode()
    asked = urllib.request.Request(filled(request_["url"]["raw"], values), body, headers, method=request_["method"])
    with urllib.request.urlopen(asked, timeout=10) as response:
        assert response.status == json.load(response)["status"] == 200
