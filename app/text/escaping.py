"""Untrusted text, made harmless for where it is shown. Pure.

That is HTML, a label that is read as markdown, or a file's name.
"""

import re
from html import escape as _escape

# Characters that change how others are shown become symbols: controls, and those that turn the direction of
# text round.
TURNS = (0x7F, *range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
UNSEEN = {c: 0x2400 + c for c in range(32) if c not in (9, 10)} | dict.fromkeys(TURNS, 0x2426)
SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]*")
SLANTS = re.compile(r"(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")  # underscores that are not inside a word
OTHERS = re.compile(r"[^a-z0-9]+")  # what is left out of a file's name
MARKS = "\\`*_{}[]()<>#+-.!|~$:&"


def visible(text: str) -> str:
    """Untrusted text in which nothing is hidden."""
    return text.translate(UNSEEN)


def escape(text: str) -> str:
    """Untrusted text as HTML that says just that."""
    return _escape(visible(text))


def slug(text: str) -> str:
    """Untrusted text as part of a file's name: lower-case letters and digits, with dashes between.

    Empty where the text has none of these.
    """
    return OTHERS.sub("-", text.lower()).strip("-")


def plain(text: str) -> str:
    """Text for a label that is read as markdown, escaped so that it is shown as it is."""
    if SAFE.fullmatch(text) and not SLANTS.search(text):
        return text
    return "".join(f"\\{c}" if c in MARKS else c for c in visible(text).replace("\n", " "))
