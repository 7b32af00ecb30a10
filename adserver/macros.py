"""What a creative says of the person: {{ attributes.firstName|default:"you" }} in HTML, in texts of JSON and in links.

Values come from events that anybody can send. So each is escaped for the place where it stands, a place without a safe
way of escaping is refused when the creative is saved, and no value is read as a macro again. Pure.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from adserver.markup import places
from adserver.written import OPENED, WRITTEN, Found, Macro, MacroError, Template, address

__all__ = ["MacroError", "Macros", "compile_macros", "readable_values", "render"]
MOST = 200
"""Characters of a value that are shown."""
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn the direction of the text around them."""


class Macros(NamedTuple):
    """What `render` fills. `content_names` and `link_names` are the attributes that each needs."""

    content: Any
    link: Any
    content_names: frozenset[str]
    link_names: frozenset[str]


def compile_macros(type: str, content: Any, link: str) -> Macros | None:
    """The macros of a creative ("html", "json" or "image") by its content as it is answered and its link; None where it
    has none, so that nothing of the person needs to be read. Raises MacroError."""
    filled, content_names = content, frozenset[str]()
    if type != "image" and "{{" in json.dumps(content, ensure_ascii=False):
        filled = compile_html(content) if type == "html" else compile_json(content)
        content_names = frozenset(names(filled))
    leads = compile_link(link) if "{{" in link else link
    link_names = frozenset(names(leads))
    return Macros(filled, leads, content_names, link_names) if content_names or link_names else None


def render(macros: Macros, values: Mapping[str, str]) -> tuple[Any, str]:
    """The content and the link for a person; `values` as from `readable_values`."""
    return fill(macros.content, values), fill(macros.link, values)


def readable_values(
    attributes: Mapping[str, Any], personal: Mapping[str, bool], *, signed: bool = False
) -> dict[str, str]:
    """What macros may say: of the attributes that are defined (`personal`: name -> whether it is personal data), a
    personal one only for a person whose profile the shop's server signed. An attribute is a value or a list of them,
    of which the first is said; {"value": ...} is one, too."""
    known = {name: attributes[name] for name in attributes if name in personal and (signed or not personal[name])}
    return {name: text for name, value in known.items() if (text := said(value))}


def said(value: Any) -> str:
    first = (value[0] if value else None) if isinstance(value, list | tuple) else value
    first = first.get("value") if isinstance(first, dict) else first
    if first is None or isinstance(first, dict | list):
        return ""
    text = ("true" if first else "false") if isinstance(first, bool) else str(first)
    return cleaned(text)


def cleaned(text: str) -> str:
    """Without what hides or turns text, and without doubled braces, which templates of the shop's page may run."""
    plain = "".join(c for c in text[: 4 * MOST] if unicodedata.category(c) not in ("Cc", "Cs") and c not in TURNING)
    return re.sub(r"\{{2,}", "{", re.sub(r"\}{2,}", "}", plain)).strip()[:MOST]


# --- filling ---
def fill(part: Any, values: Mapping[str, str]) -> Any:
    if isinstance(part, Template):
        return part.fill(values)
    if isinstance(part, dict):
        return {key: fill(value, values) for key, value in part.items()}
    return [fill(item, values) for item in part] if isinstance(part, list) else part


def names(part: Any) -> Iterator[str]:
    if isinstance(part, Template):
        yield from (piece.name for piece in part.pieces if isinstance(piece, Macro))
    elif isinstance(part, dict | list):
        for item in part.values() if isinstance(part, dict) else part:
            yield from names(item)


# --- reading ---
def compile_link(link: str) -> Any:
    found = Found(link)
    found.check_written(re.compile(r"\{\{"))
    address(found, found.text, relative=False)
    return found.template()


def compile_json(content: Any) -> Any:
    if isinstance(content, dict):
        for key in content:
            if WRITTEN.search(key):
                raise MacroError(f"“{key[:40]}” is a name. Macros stand in the texts beside names only.")
        return {key: compile_json(value) for key, value in content.items()}
    if isinstance(content, list):
        return [compile_json(item) for item in content]
    return compile_text(content) if isinstance(content, str) else content


def compile_text(text: str) -> Any:
    """A text of JSON: HTML where it has a <, an address where it begins like one, else plain. Braces of other kinds
    may be a site's own."""
    found = Found(text)
    found.check_written(OPENED)
    if found.macros and "<" in text:
        places(found)
    elif found.macros and re.match(r"\s*(?:https?:|/)", found.text, re.IGNORECASE):
        address(found, found.text)
    else:
        found.allow(found.text, "text")
    return found.template()


def compile_html(content: Any) -> Any:
    found = Found(content["html"])
    found.check_written(re.compile(r"\{\{"))
    places(found)
    return {"html": found.template()}
