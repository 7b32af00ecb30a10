"""The file as a tree of nodes: each knows its place, so that a mistake can name it."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

Parts = Mapping[str, "Node"]


class Mistake(Exception):
    """What is wrong in the file, and where: `campaigns[3].creatives[0].link: Enter a valid URL.`"""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.place = place
        self.message = message


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the file and where it stands."""

    value: Any
    place: str = ""

    def wrong(self, message: str) -> Mistake:
        return Mistake(self.place, message)

    def at(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name

    def parts(self, known: Collection[str], later: Collection[str] = (), required: Collection[str] = ()) -> Parts:
        """The nodes of an object by key; refuses keys that are not known, and says which come with a later release."""
        if not isinstance(self.value, dict):
            raise self.wrong("Give an object.")
        for key in self.value:
            if key in later:
                raise Mistake(self.at(key), "Not supported yet: it comes with a later release. Leave it out.")
            if key not in known:
                raise Mistake(self.at(key), f"There is no such key. {suggestion(key, known)}")
        for key in required:
            if self.value.get(key) is None:
                raise Mistake(self.at(key), "This key is required.")
        return {key: Node(value, self.at(key)) for key, value in self.value.items()}

    def items(self) -> list["Node"]:
        if not isinstance(self.value, list):
            raise self.wrong("Give a list.")
        return [Node(item, f"{self.place}[{index}]") for index, item in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.wrong("Give a text.")
        return self.value.strip()

    def texts(self) -> list[str]:
        return [item.text() for item in self.items()]

    def true_or_false(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.wrong("Give true or false.")
        return self.value

    def whole_number(self) -> int:
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.wrong("Give a whole number.")
        return self.value

    def instant(self, zone: ZoneInfo) -> datetime:
        """ISO 8601; without a zone it is the account's."""
        try:
            read = datetime.fromisoformat(self.text())
            read.astimezone(zone)
        except (ValueError, OverflowError):
            raise self.wrong("Give a time such as 2026-11-23T10:00:00Z.") from None
        return read if read.tzinfo else read.replace(tzinfo=zone)


def suggestion(key: str, known: Collection[str]) -> str:
    close = get_close_matches(key, known, 1)
    return f"Did you mean “{close[0]}”?" if close else f"Known are {', '.join(known)}."


def parse(text: bytes) -> Node:
    """The root of a JSON file. Raises Mistake with line and column."""
    try:
        value = json.loads(
            text.decode("utf-8-sig"), object_pairs_hook=once, parse_constant=no_constant, parse_int=whole
        )
    except UnicodeDecodeError:
        raise Mistake("", "The file is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise Mistake(f"line {error.lineno}, column {error.colno}", f"This is not JSON: {error.msg}.") from None
    except RecursionError:
        raise Mistake("", "The file is nested too deeply.") from None
    root = Node(value)
    check_characters(root)
    return root


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON lets the last of equal keys win, which hides mistakes."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Mistake("", f"The key “{twice}” stands twice in one object.")
    return found


def no_constant(name: str) -> NoReturn:
    raise Mistake("", f"{name} is no number of JSON.")


def whole(text: str) -> int:
    if len(text) > 20:
        raise Mistake("", f"The number {text[:20]}… is too large.")
    return int(text)


def check_characters(node: Node) -> None:
    """Refuses what PostgreSQL cannot store."""
    todo = [node]
    while todo:
        node = todo.pop()
        if isinstance(node.value, str):
            check_text(node.value, node.place)
        elif isinstance(node.value, list):
            todo += node.items()
        elif isinstance(node.value, dict):
            for key in node.value:
                check_text(key, node.place)
            todo += [Node(value, node.at(key)) for key, value in node.value.items()]


def check_text(text: str, place: str) -> None:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Mistake(place, "This text holds a character that cannot be stored.")
