"""How each operation is called from a shell, as the reference page shows it beside the operation."""

import json
import shlex
from typing import Any

from segmenthub.openapi.schemas import Schema

METHODS = ("get", "post")


def bodies(operation: Schema) -> dict[str, Schema]:
    """The examples of requests by title; none for what takes no body."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return {title: example["value"] for title, example in content.get("examples", {}).items()}


def with_samples(paths: dict[str, Any], url: str) -> dict[str, Any]:
    """The paths of the document, each operation with its commands."""
    return {
        path: {key: {**item, "x-codeSamples": samples(url + path, key, item)} if key in METHODS else item
               for key, item in methods.items()}
        for path, methods in paths.items()
    }  # fmt: skip


def samples(url: str, method: str, operation: Schema) -> list[Schema]:
    examples = bodies(operation)
    if not examples:
        return [sample("curl", f"curl -i -X {method.upper()} {shlex.quote(url.replace('{token}', 'TOKEN'))}")]
    return [
        sample(
            "curl" if len(examples) == 1 else f"curl, {title}",
            f"curl {shlex.quote(url)} -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body, indent=2))}",
        )
        for title, body in examples.items()
    ]


def sample(label: str, source: str) -> Schema:
    return {"lang": "Shell", "label": label, "source": source}
