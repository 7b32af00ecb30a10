"""How `contains` ignores case: one table of single characters, the same in Python and in SQL's translate().

Each letter whose lower case is one character becomes it; İ, I and ı become i.
"""

import sys

SPECIAL = {"İ": "i", "ı": "i"}
LOWER = {c: c.lower() for c in map(chr, range(sys.maxunicode + 1)) if c.lower() != c and len(c.lower()) == 1} | SPECIAL
FROM = "".join(LOWER)
TO = "".join(LOWER.values())
TABLE = str.maketrans(FROM, TO)


def fold(text: str) -> str:
    return text.translate(TABLE)
