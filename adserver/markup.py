"""Where in HTML a macro stands, read as browsers read tags; what they read in another way is refused."""

import re

from adserver.written import MARKER, Found, MacroError, address

SPACE = "\t\n\f\r "
RAW = frozenset(
    ("script", "style", "xmp", "iframe", "noembed", "noframes", "noscript", "textarea", "title", "plaintext")
)
"""What stands inside of these is no markup."""
SAID = re.compile(r"(?:alt|title|placeholder|value|label|aria-[a-z]+|data-[a-z0-9_-]+)")
LEADING = {("a", "href"), ("area", "href"), ("img", "src")}
NAME = re.compile(rf"=?[^{SPACE}/>=]*")
OUTSIDE = "Put it into the text, or between the quotes of alt, title, aria-…, data-…, a link's href or a picture's src."


def places(found: Found) -> None:
    """Says of each macro how it is escaped; raises MacroError for a place without a safe way."""
    if not found.macros:
        return
    text, at = found.text, 0
    while at < len(text):
        tag = text.find("<", at)
        found.allow(text[at : tag if tag >= 0 else len(text)], "html")
        if tag < 0:
            return
        if MARKER.match(text, tag + 1):
            found.refuse(text[tag:], f"stands where a tag begins. {OUTSIDE}")
        if text.startswith("<!--", tag):
            at = comment(found, tag)
        elif re.compile(r"</?[A-Za-z]").match(text, tag):
            at = element(found, tag)
        elif text.startswith(("<!", "<?", "</"), tag):
            at = closed(found, tag, ">", 2)
        else:
            at = tag + 1


def closed(found: Found, start: int, end: str, skipped: int) -> int:
    """The place after a comment or declaration."""
    stop = found.text.find(end, start + skipped)
    inside = found.text[start : stop if stop >= 0 else len(found.text)]
    found.refuse(inside, f"stands in a comment or declaration. {OUTSIDE}")
    if "[CDATA[" in inside:
        raise MacroError("CDATA and macros do not go together. Write the text as it is.")
    return stop + len(end) if stop >= 0 else len(found.text)


def comment(found: Found, start: int) -> int:
    after = closed(found, start, "-->", 4)
    inside = found.text[start + 4 : after - 3]
    if inside.startswith((">", "->")) or "--!>" in inside:
        raise MacroError("A comment ends in an unusual way. Write <!-- … -->, or take it out.")
    return after


def element(found: Found, start: int) -> int:
    """The place after a tag, and after what is inside where that is no markup."""
    text = found.text
    opening = text[start + 1] != "/"
    named = NAME.match(text, start + (1 if opening else 2))
    assert named is not None
    found.refuse(named[0], f"stands in the name of a tag. {OUTSIDE}")
    tag, at = named[0].lower(), named.end()
    while True:
        while at < len(text) and text[at] in SPACE + "/":
            at += 1
        if at >= len(text):
            raise MacroError(f"The tag <{tag} is not closed. Close it with >, and its quotes.")
        if text[at] == ">":
            break
        at = attribute(found, tag, at)
    return inside(found, tag, at + 1) if opening and tag in RAW else at + 1


def inside(found: Found, tag: str, start: int) -> int:
    end = re.compile(rf"</{tag}[{SPACE}/>]", re.IGNORECASE).search(found.text, start)
    stop = end.start() if end and tag != "plaintext" else len(found.text)
    body = found.text[start:stop]
    found.refuse(body, f"stands inside of <{tag}>, where nothing can be escaped. {OUTSIDE}")
    if tag == "script" and "<!--" in body:
        raise MacroError("A script holds <!--. Take it out: what comes after it is read in several ways.")
    return stop


def attribute(found: Found, tag: str, start: int) -> int:
    """The place after an attribute with its value."""
    text = found.text
    named = NAME.match(text, start)
    assert named is not None
    name, at = named[0].lower(), named.end()
    found.refuse(name, f"stands in a tag, outside of quotes. {OUTSIDE}")
    equals = re.compile(rf"[{SPACE}]*=[{SPACE}]*").match(text, at)
    if equals is None:
        return at
    at = equals.end()
    mark = text[at : at + 1]
    if mark not in ('"', "'") or not mark:
        bare = re.compile(rf"[^{SPACE}>]*").match(text, at)
        assert bare is not None
        found.refuse(bare[0], f'stands in “{name}” without quotes around it. Write {name}="…".')
        return bare.end()
    stop = text.find(mark, at + 1)
    if stop < 0:
        raise MacroError(f"The quotes of “{name}” are not closed. Close them.")
    value = text[at + 1 : stop]
    if (tag, name) in LEADING:
        address(found, value)
    elif SAID.fullmatch(name):
        found.allow(value, "html")
    else:
        found.refuse(value, f"stands in “{name}” of <{tag}>, where it cannot be escaped safely. {OUTSIDE}")
    return stop + 1
