"""JSON that is cut off or not quite JSON, as far as it can be read. For looking at heads of files, and
for documents that the strict parser refuses; slow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

NOTHING = object()
"""What `parsed` gives for a text that is no JSON; not None, which is JSON's null."""
_NOT_STRICT = (msgspec.DecodeError, UnicodeError, RecursionError)
_SEPARATORS = re.compile(r"[\s,\[\]\x1e]*")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*("?)|[{}\[\],:]', re.DOTALL)
_PARTIAL_ESCAPE = re.compile(r"((?:^|[^\\])(?:\\\\)*)\\(?:u[0-9a-fA-F]{0,3})?$")


def parsed(text: bytes | str) -> Any:
    """A JSON value, NaN and infinities as null; NOTHING where it is none."""
    try:
        return msgspec.json.decode(text)
    except _NOT_STRICT:
        pass
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return NOTHING


def _null(_: str) -> None:
    return None


_DECODER = json.JSONDecoder(parse_constant=_null)


def values(text: str) -> Iterator[tuple[Any, int]]:
    """Values that follow each other, with the place after each: one after another, or as items of an
    array that may never be closed. Raises ValueError or RecursionError where the next is broken."""
    at = _after(text, 0)
    while at < len(text):
        value, at = _DECODER.raw_decode(text, at)
        yield value, at
        at = _after(text, at)


def _after(text: str, at: int) -> int:
    match = _SEPARATORS.match(text, at)
    return match.end() if match else at


def closed(text: bytes | str) -> Any:
    """The first value of a text that may be cut off, with what is open closed; None where there is
    none. JSON text that was cut off inside a string is closed too."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    found = parsed(_closed(text))
    return None if found is NOTHING else found


def _closed(text: str) -> str:
    """The longest prefix that ends after a whole value, with its open brackets closed."""
    open_: list[str] = []
    end, closing, key = 0, "", False
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark[0] == '"':
            if token[1]:
                continue
            inner = None if key else _closed_inside(mark)
            return (
                text[:end] + closing if inner is None else text[: token.start()] + inner + closing
            )
        key = _step(mark, open_)
        if mark != ":":
            end = token.start() if mark == "," else token.end()
            closing = "".join(open_[::-1])
            if not open_:
                break
    return text[:end] + closing


def _step(mark: str, open_: list[str]) -> bool:
    """Note what a mark opens or closes; whether a string that comes next would be a key."""
    if mark in "{[":
        open_.append("}" if mark == "{" else "]")
    elif mark in "}]":
        del open_[-1:]
    return mark in "{," and open_[-1:] == ["}"]


def _closed_inside(start: str) -> str | None:
    """A string that was cut off while it held JSON text, as a whole string of closed JSON text."""
    inner = parsed(_PARTIAL_ESCAPE.sub(r"\1", start) + '"')
    if not isinstance(inner, str) or inner.lstrip()[:1] != "{":
        return None
    return json.dumps(_closed(inner))
