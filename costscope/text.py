"""Text from outside made safe to show, and numbers of things in words. What else either looks like is
the renderers' business."""

import unicodedata

_JOINERS = "\u200c\u200d"
"""Invisible, but parts of words in some scripts and of compound emoji."""


def safe(text: str) -> str:
    """Text of one line that cannot steer a terminal or a page: control characters, escape sequences,
    changes of direction and lone surrogates are written out (`\\x1b`, `\\n`); any space is a space."""
    return text if text.isascii() and text.isprintable() else "".join(map(_safe, text))


def _safe(c: str) -> str:
    if c.isprintable() or c in _JOINERS:
        return c
    if unicodedata.category(c) == "Zs":
        return " "
    return c.encode("unicode_escape").decode("ascii")


def many(count: int, noun: str) -> str:
    """So many of something: "1 file", "1,200 files"; the plural is the noun with an s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
