"""What a file holds, by its first bytes: JSON lines, one JSON document, Parquet, or a zip archive."""

from __future__ import annotations

import re

from costscope.sources import documents, loose

HEAD_BYTES = 64 * 1024
"""How much of a file is looked at to recognise its container and its format."""
BOM = b"\xef\xbb\xbf"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_NEXT = re.compile(rb"\s*(.?)", re.DOTALL)


class NoLog(Exception):
    """These bytes begin no log; the message says why."""


def container_of(start: bytes) -> str:
    """jsonl, json, parquet or zip. `start` is a file's beginning: HEAD_BYTES of it, or all if it is shorter.

    Raises NoLog where it is empty or binary.
    """
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(_ZIP):
        return "zip"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise NoLog("the text is UTF-16; save it as UTF-8")
    text = start.removeprefix(BOM).lstrip()
    if not text:
        raise NoLog("the file is empty")
    if text.startswith(b"["):
        return "json"
    if text.startswith(b"{"):
        return "json" if _is_document(text, whole=len(start) < HEAD_BYTES) else "jsonl"
    if b"\0" in text:
        raise NoLog("a binary file, no log")
    return "jsonl"


def _is_document(text: bytes, *, whole: bool) -> bool:
    """Whether a text that begins with an object goes on with more of it, not with another line."""
    first, _, rest = text.partition(b"\n")
    more = _next(rest)
    if loose.parsed(first) is loose.NOTHING and more:
        # Inside an object only what `[` has opened can go on with a brace.
        return more != b"{" or first.rstrip().endswith(b"[")
    alone = not more if whole else b"\n" not in text
    return alone and documents.holder(loose.closed(first)) is not None


def _next(text: bytes) -> bytes:
    """The first byte that is no white space, or b""."""
    match = _NEXT.match(text)
    return match[1] if match else b""
