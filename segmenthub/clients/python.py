"""The modules of the Python client that follow from the document: the shapes of answers, and a method an operation.

An operation whose body is one of several shapes (an event) has a method for each shape. `account` and `token` are the
client's own. Formatted as `ruff format` would.
"""

import keyword
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from segmenthub.openapi.schemas import UUID4

Schema = dict[str, Any]
MADE = '''"""{doc} Made by `manage.py make_clients`: do not edit."""

{imports}
'''
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
OWN = ("account", "token")
LINE, WIDTH = 120, 110
"""The longest line, of code and of text."""


def answers(document: Schema) -> str:
    """answers.py: a TypedDict for each shape that is answered."""
    schemas = document["components"]["schemas"]
    body = "\n\n".join(shape(name, schemas[name]) for name in answered(document))
    imports = "from typing import Any, Literal, NotRequired, TypedDict\n"
    return MADE.format(doc="What the API answers.", imports=imports) + f"\n{body}"


def answered(document: Schema) -> list[str]:
    """The names of the components that answers are made of, those that others name first."""
    schemas, found = document["components"]["schemas"], list[str]()

    def visit(name: str) -> None:
        for inner in references(schemas[name]):
            visit(inner)
        if name not in found:
            found.append(name)

    visit("Problem")
    for _, post in operations(document):
        visit(answer_of(post))
    return found


def references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield name_of(schema)
        for inner in schema.values():
            yield from references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from references(inner)


def shape(name: str, schema: Schema) -> str:
    lines = [f"class {name}(TypedDict):"]
    if doc := schema.get("description"):
        lines += [f'    """{doc}"""', ""]
    for field, inner in schema["properties"].items():
        kind = typed(inner, given=False)
        line = f"    {field}: {kind if field in schema['required'] else f'NotRequired[{kind}]'}"
        if len(line) > LINE:
            line = line.replace("[", "[\n        ").replace(", ", ",\n        ").replace("]", ",\n    ]")
        lines.append(line)
        if doc := inner.get("description"):
            lines.append(f'    """{doc}"""')
    return "\n".join(lines) + "\n"


def client(document: Schema) -> str:
    """client.py: the class with a method for each operation."""
    names = sorted(answer_of(post) for _, post in operations(document))
    imports = [
        "from collections.abc import Mapping, Sequence",
        "from decimal import Decimal",
        "from typing import Literal",
        "from uuid import UUID",
        "",
        f"from segmenthub_client.answers import {names[0]}"
        if len(names) == 1
        else "from segmenthub_client.answers import (\n" + "".join(f"    {name},\n" for name in names) + ")",
        "from segmenthub_client.transport import Json, Transport",
        "",
    ]
    made = MADE.format(doc="The operations of the API.", imports="\n".join(imports))
    methods = [method for path, post in operations(document) for method in methods_of(document, path, post)]
    doc = '    """One account of a SegmentHub. Raises `ApiError` for any answer but 200, `Unreachable` for none."""\n\n'
    return f"{made}\nclass SegmentHub(Transport):\n{doc}" + "\n".join(methods)


def operations(document: Schema) -> Iterator[tuple[str, Schema]]:
    """Those that servers call: with a JSON body, answered with JSON."""
    for path, methods in document["paths"].items():
        if "requestBody" in methods.get("post", {}):
            yield path, methods["post"]


def methods_of(document: Schema, path: str, post: Schema) -> Iterator[str]:
    schemas = document["components"]["schemas"]
    body = schemas[name_of(post["requestBody"]["content"]["application/json"]["schema"])]
    if "oneOf" not in body:
        yield method(snake(post["operationId"]), path, post, body, post["description"])
        return
    told: Schema = {}
    first = snake(name_of(body["oneOf"][0]))
    for one in body["oneOf"]:
        name, variant = snake(name_of(one)), schemas[name_of(one)]
        doc = f"The other arguments are those of `{first}`." if told else post["description"]
        yield method(name, path, post, variant, f"{variant['title']}.\n\n{doc}", more=True, told=told)
        told |= variant["properties"]


def method(
    name: str, path: str, post: Schema, body: Schema, doc: str, *, more: bool = False, told: Schema | None = None
) -> str:
    """`more`: takes properties that the schema does not name; `told`: fields that another method explains."""
    fields = {key: inner for key, inner in body["properties"].items() if key not in OWN}
    given = {key: inner for key, inner in fields.items() if "const" not in inner}
    needed = [key for key in given if key in body["required"]]
    free = [key for key in given if key not in body["required"]]
    arguments = [f"{snake(key)}: {typed(given[key])}" for key in needed]
    arguments += [f"{snake(key)}: {optional(typed(given[key]))} = None" for key in free]
    arguments += ["**properties: Json"] if more else []
    lines = [f"    def {name}(", "        self,", "        *,", *(f"        {argument}," for argument in arguments)]
    answer = answer_of(post)
    lines += [f"    ) -> {answer}:", *docstring(doc, {key: given[key] for key in given if key not in (told or {})})]
    lines += ["        body: dict[str, Json] = {", *(["            **properties,"] if more else [])]
    lines += [f'            "{key}": {literal(inner, snake(key))},' for key, inner in fields.items()]
    token = "True" if "token" in body["required"] else "bool(explain)"
    lines += ["        }", f'        answer: {answer} = self._post("{path}", body, with_token={token})']
    return "\n".join([*lines, "        return answer", ""])


def literal(schema: Schema, argument: str) -> str:
    return f'"{schema["const"]}"' if "const" in schema else argument


def docstring(doc: str, fields: Schema) -> Iterator[str]:
    indent = " " * 8
    first, *rest = [part for part in doc.split("\n\n") if part]
    yield from textwrap.wrap(f'"""{first}', WIDTH, initial_indent=indent, subsequent_indent=indent)
    for part in rest:
        yield ""
        yield from textwrap.wrap(part, WIDTH, initial_indent=indent, subsequent_indent=indent)
    yield ""
    for key, inner in fields.items():
        if description := inner.get("description"):
            text = f"{snake(key)}: {description}"
            yield from textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "    ")
    yield f'{indent}"""'


def answer_of(post: Schema) -> str:
    return name_of(post["responses"]["200"]["content"]["application/json"]["schema"])


def name_of(reference: Schema) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def snake(name: str) -> str:
    found = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return f"{found}_" if keyword.iskeyword(found) else found


def optional(kind: str) -> str:
    return kind if kind.endswith("None") else f"{kind} | None"


def typed(schema: Schema, *, given: bool = True) -> str:
    """The type of a value as it is given, or as it is answered."""
    if "$ref" in schema:
        return name_of(schema)
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        listed = [f'"{value}"' if isinstance(value, str) else str(value) for value in values if value is not None]
        return f"Literal[{', '.join(listed)}]" + (" | None" if None in values else "")
    if "anyOf" in schema:
        return union(typed(one, given=given) for one in schema["anyOf"])
    kinds = schema.get("type", [])
    return union(of_kind(kind, schema, given) for kind in ([kinds] if isinstance(kinds, str) else kinds)) or "Any"


def of_kind(kind: str, schema: Schema, given: bool) -> str:
    if kind == "array":
        return f"{'Sequence' if given else 'list'}[{typed(schema['items'], given=given)}]"
    if kind == "object":
        return f"{'Mapping' if given else 'dict'}[str, {typed(schema['additionalProperties'], given=given)}]"
    if given and kind == "string" and (schema.get("format") == "uuid" or schema.get("pattern") == UUID4):
        return "UUID | str"
    if given and kind == "number" and "string" in schema["type"]:
        return "Decimal | float"
    return PLAIN[kind]


def union(kinds: Iterator[str]) -> str:
    each = dict.fromkeys(part for kind in kinds for part in ([kind] if "[" in kind else kind.split(" | ")))
    return " | ".join(sorted(each, key=lambda kind: kind == "None"))
