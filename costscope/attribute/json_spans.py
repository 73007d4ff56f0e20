"""Where in a JSON text the values of a path stand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from costscope.places import ANY, Step

_DECODE = json.JSONDecoder().raw_decode
_SPACE = re.compile(r"[ \t\r\n]*+")
_HEAD = re.compile(r"\s*+(?:```\w*+\s*+)?(?=[{\[])")
_TAIL = re.compile(r"\s*+(?:```\s*+)?")


def found(text: str, path: Sequence[Step]) -> list[tuple[int, int]]:
    """(start, stop) of each value at a path, quotes and brackets included, of a text that is JSON, by
    itself or in a fence; of any other text there is none."""
    head = _HEAD.match(text)
    try:
        if head is None or not _TAIL.fullmatch(text, _DECODE(text, head.end())[1]):
            return []
    except (ValueError, RecursionError):
        return []
    return list(_at(text, head.end(), path))


def _at(text: str, start: int, path: Sequence[Step]) -> Iterator[tuple[int, int]]:
    """Of a value that begins at `start` and is known to be valid."""
    if not path:
        yield start, _DECODE(text, start)[1]
        return
    for at in _into(text, start, path[0]):
        yield from _at(text, at, path[1:])


def _into(text: str, start: int, step: Step) -> Iterator[int]:
    """Where the values that are one step further begin."""
    if text[start] == "{" and isinstance(step, str):
        yield from (at for key, at in _fields(text, start) if key == step)
    elif text[start] == "[" and isinstance(step, int):
        items = list(_items(text, start))
        if step == ANY:
            yield from items
        elif -len(items) <= step < len(items):
            yield items[step]


def _fields(text: str, start: int) -> Iterator[tuple[str, int]]:
    """The keys of an object, and where the value of each begins."""
    at = _after_space(text, start + 1)
    while text[at] == '"':
        key, at = _DECODE(text, at)
        at = _after_space(text, _after_space(text, at) + 1)
        yield key, at
        at = _next(text, at)


def _items(text: str, start: int) -> Iterator[int]:
    """Where the items of a list begin."""
    at = _after_space(text, start + 1)
    while text[at] != "]":
        yield at
        at = _next(text, at)


def _next(text: str, at: int) -> int:
    """Where what follows a value begins: the next key or item, or the end of what holds it."""
    at = _after_space(text, _DECODE(text, at)[1])
    return _after_space(text, at + 1) if text[at] == "," else at


def _after_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
