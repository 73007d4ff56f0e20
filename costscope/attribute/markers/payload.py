"""Prompts that are JSON: {"context": […], "question": "…"}, by themselves, in a fence or after a
sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from costscope.attribute.markers.cuts import MIN_CONTEXT, Cut
from costscope.attribute.markers.words import kind_of

MAX_DEPTH = 3
MAX_AROUND = 600
"""Characters of a sentence before or after it; a longer text is about the JSON."""
_FENCED = re.compile(r"```\w*\s*\Z")
_OPENS = re.compile(r"(?:^|\n)[ \t]*\{")
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODE = json.JSONDecoder().raw_decode
_QUERY_KEYS = frozenset(("q", "input", "prompt", "message", "user_message", "userinput"))
_CONTEXT_KEYS = frozenset(("results", "hits", "matches", "records"))
"""Names of lists of documents beside a question; in words they mean other things, too."""
_SEGMENTS = {"context": "context", "question": "query", "history": "history"}


class Field(NamedTuple):
    """A key and where its value stands."""

    key: str
    start: int
    stop: int
    is_object: bool


def payload(text: str) -> list[Cut]:
    """The values of a JSON object that is the prompt, where it holds both context and a question."""
    start = _start(text)
    if start < 0:
        return []
    try:
        _, stop = _DECODE(text, start)
    except (ValueError, RecursionError):
        return []
    if not _is_all(text[:start], text[stop:]):
        return []
    found = list(_named(text, start, 0))
    named = {cut.segment for cut in found}
    return found if {"context", "query"} <= named else []


def _start(text: str) -> int:
    """Where an object begins that begins a line near the text's start, else -1."""
    head = text[: MAX_AROUND + 100]
    if "{" not in head:
        return -1
    for brace in _OPENS.finditer(head):
        if '"' in text[brace.end() : brace.end() + 100]:
            return brace.end() - 1
    return -1


def _is_all(before: str, after: str) -> bool:
    """Whether what is around the object only introduces it: who asks about JSON asks in words."""
    before = _FENCED.sub("", before.strip()).strip()
    after = after.strip().removeprefix("```").strip()
    if "?" in before + after or "？" in before + after or len(after) > MAX_AROUND:
        return False
    return not before or (len(before) <= MAX_AROUND and before[-1] in ":：.。")


def _named(text: str, start: int, depth: int) -> Iterator[Cut]:
    """The values that a key names, in an object that begins at `start` and is known to be valid."""
    for field in _fields(text, start):
        segment = _SEGMENTS.get(kind_of(field.key), "")
        if text[field.start] == "[" and field.key.casefold() in _CONTEXT_KEYS:
            segment = "context"
        if not segment and field.key.casefold() in _QUERY_KEYS and not field.is_object:
            segment = "query"
        if segment == "context" and field.stop - field.start < MIN_CONTEXT:
            segment = ""
        if segment:
            yield Cut(segment, field.start, field.stop)
        elif field.is_object and depth < MAX_DEPTH:
            yield from _named(text, field.start, depth + 1)


def _fields(text: str, start: int) -> Iterator[Field]:
    at = _after_space(text, start + 1)
    while text[at] == '"':
        key, at = _DECODE(text, at)
        at = _after_space(text, _after_space(text, at) + 1)
        _, stop = _DECODE(text, at)
        yield Field(key, at, stop, text[at] == "{")
        at = _after_space(text, stop)
        at = _after_space(text, at + 1) if text[at] == "," else at


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
