"""Macros as they are written: found in a text, escaped for where they stand."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

WRITTEN = re.compile(
    r"""\{\{\s*attributes\.([A-Za-z][A-Za-z0-9_.-]*)\s*(?:\|\s*default:\s*(?:"([^"{}\x00]*)"|'([^'{}\x00]*)')\s*)?\}\}"""
)
OPENED = re.compile(r"\{\{\s*attributes\b")
MARKER = re.compile(r"\x00(\d+)\x00")
SCHEME = re.compile(r"\s*(?:javascript|data|vbscript|file|blob)\s*:", re.IGNORECASE)
"""What a link would run, or show of another place."""
ROOT = re.compile(r"(?:https?://[^\s/?#\\@\x00]+[/?#]|/[^\s/\\\x00]|[?#])[^\s\\\x00]*", re.IGNORECASE)
"""What an address must begin with before its first macro: its scheme and host are settled then."""
EXAMPLE = '{{ attributes.firstName|default:"you" }}'


class MacroError(ValueError):
    """A macro that cannot be filled safely, in the user's words."""


class Macro(NamedTuple):
    """`way` says how a value is escaped: "html", "url" or "text"."""

    name: str
    default: str
    way: str


@dataclass(frozen=True, slots=True)
class Template:
    """A text with macros: its pieces in their order."""

    pieces: tuple[str | Macro, ...]

    def fill(self, values: Mapping[str, str]) -> str:
        text = self.joined(values)
        return self.joined({}) if self.plain and SCHEME.match(text) else text

    @property
    def plain(self) -> bool:
        return any(piece.way == "text" for piece in self.pieces if isinstance(piece, Macro))

    def joined(self, values: Mapping[str, str]) -> str:
        return "".join(
            piece if isinstance(piece, str) else WAYS[piece.way](values.get(piece.name, ""), piece.default)
            for piece in self.pieces
        )


def as_html(value: str, default: str) -> str:
    return html.escape(value or default)


def as_url(value: str, default: str) -> str:
    """`.` and `..` would lead out of the folder."""
    return quote(value if value.strip(".") else default, safe="")


def as_text(value: str, default: str) -> str:
    """Sites put texts of JSON into pages: nothing that opens a tag."""
    return re.sub(r"[<>]", "", value) or default


WAYS = {"html": as_html, "url": as_url, "text": as_text}


class Found:
    """A text whose macros are replaced by markers, and what is said of each place."""

    def __init__(self, text: str) -> None:
        if "\x00" in text:
            raise MacroError("A text holds a NUL character. Take it out.")
        self.macros: list[tuple[str, str]] = []
        self.ways: dict[int, str] = {}
        self.text = WRITTEN.sub(self.mark, text)

    def mark(self, match: re.Match[str]) -> str:
        self.macros.append((match[1], match[2] or match[3] or ""))
        return f"\x00{len(self.macros) - 1}\x00"

    def shown(self, number: str) -> str:
        return "{{ attributes." + self.macros[int(number)][0] + " }}"

    def allow(self, part: str, way: str) -> None:
        for number in MARKER.findall(part):
            self.ways[int(number)] = way

    def refuse(self, part: str, why: str) -> None:
        if found := MARKER.search(part):
            raise MacroError(f"{self.shown(found[1])} {why}")

    def template(self) -> Any:
        parts = MARKER.split(self.text)
        pieces: list[str | Macro] = []
        for index, part in enumerate(parts):
            if index % 2:
                pieces.append(Macro(*self.macros[int(part)], self.ways[int(part)]))
            elif part:
                pieces.append(part)
        return Template(tuple(pieces)) if self.macros else self.text

    def check_written(self, opened: re.Pattern[str]) -> None:
        if wrong := opened.search(self.text):
            raise MacroError(f"“{self.text[wrong.start() : wrong.start() + 40]}” cannot be read. Write {EXAMPLE}.")


def address(found: Found, text: str, *, relative: bool = True) -> None:
    """A macro may fill what comes after the host, and nothing that decides where an address leads."""
    first = MARKER.search(text)
    before = text[: first.start()] if first else ""
    if first and not (ROOT.fullmatch(html.unescape(before)) and (relative or before[:4].lower() == "http")):
        raise MacroError(
            f"{found.shown(first[1])} stands where an address leads to. Write the address with its host before it, such"
            " as https://www.example.com/{{ attributes.… }}."
        )
    found.allow(text, "url")
