"""Parts of a prompt between an opening and a closing tag: `<context>…</context>`, `[FACTS]…[END FACTS]`.

Tags that are quoted, stand in a code block, or only in the middle of a sentence are spoken of, not used.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from costscope.attribute.markers.cuts import MIN_CONTEXT, Cut, merged, stripped
from costscope.attribute.markers.words import kind_of

_TAG = re.compile(
    r"```|<(/?)([^\W\d][\w.-]{0,40}+)(?=[\s>])([^<>]*)>"
    r"|\[(END |/)?([A-Z][A-Z_]{2,30}+(?: [A-Z]{2,20}+)*+)(?: \d{1,3})?\]:?"
)
_NAME = re.compile(r"[^\W\d][\w.-]{0,40}+")
_CLOSING = re.compile(r"\[(?:END |/)([A-Z][A-Z_]{2,30}+(?: [A-Z]{2,20}+)*+)")
"""The beginnings of what `_TAG` takes for closing tags in brackets."""
_NEEDED = ("context", "history")
_HTML = re.compile(r"\b(src|srcset|media|type|href|class|style)\s*=", re.IGNORECASE)
_QUOTES = "`'\"“”‘’"
_MARKUP = {
    "article", "section", "summary", "details", "output", "input", "data", "text", "title", "q", "note",
    "format", "style", "task", "role", "user",
}  # fmt: skip
"""Names that markup languages use, or that say nothing of what is inside."""
_ITEMS = {
    "document", "doc", "passage", "source", "reference", "excerpt", "extract", "snippet", "chunk",
    "search_result", "result", "article", "fact", "dokument", "quelle", "auszug", "extrait", "documento",
    "fuente", "fonte", "trecho", "bron", "źródło", "источник", "документ",
}  # fmt: skip
"""Tags around one document each: they come with the documents, where a container is the template's."""
_SEGMENTS = {
    "context": "context",
    "question": "query",
    "history": "history",
    "task": "system",
    "example": "system",
}


class Pair(NamedTuple):
    """An opening tag and its closing one: `start` to `stop`, what they hold from `inner` to `end`."""

    kind: str
    name: str
    start: int
    inner: int
    end: int
    stop: int


class _Tag(NamedTuple):
    name: str
    closes: bool
    match: re.Match[str]


def tagged(text: str) -> list[Cut]:
    """The parts that tags name, without overlap, tags of the template as "system"; empty where no
    tags hold context or history."""
    if not any(_kind(name) in _NEEDED for name in _closing(text)):
        return []
    pairs = list(_outermost(_pairs(text)))
    if not any(p.kind in _NEEDED for p in pairs):
        return []
    return _context(text, pairs) + [c for p in pairs if p.kind != "context" for c in _cuts(text, p)]


def _closing(text: str) -> set[str]:
    """The names of what looks like closing tags; a pair has one, and to look for these alone is fast."""
    # To look for one character is ten times as fast as for two, or for a pattern.
    ends = (after for after in text.split("<")[1:] if after.startswith("/"))
    found = [name[0] for after in ends if (name := _NAME.match(after, 1))]
    if "[" in text and ("[END " in text or "[/" in text):
        found += _CLOSING.findall(text)
    return {name.strip().casefold() for name in found}


def _context(text: str, pairs: list[Pair]) -> list[Cut]:
    """Documents with the tags around each; neighbours as one, if they are more than a few words."""
    context = [p for p in pairs if p.kind == "context"]
    often = Counter(p.name for p in context)
    items = [p for p in context if p.name in _ITEMS or often[p.name] > 1]
    found = [Cut("context", *span) for span in merged(text, [(p.start, p.stop) for p in items])]
    for pair in context:
        if pair.name not in _ITEMS and often[pair.name] == 1:
            found += _cuts(text, pair)
    return found


def _cuts(text: str, pair: Pair) -> list[Cut]:
    """A container's own tags, and what is in it."""
    start, end = stripped(text, pair.inner, pair.end)
    middle = Cut(_SEGMENTS[pair.kind], start, max(start, end))
    return [Cut("system", pair.start, start), middle, Cut("system", middle.stop, pair.stop)]


def _outermost(pairs: list[Pair]) -> Iterator[Pair]:
    """Pairs that are in no other. A pair around the whole task is looked through."""
    named = [p for p in pairs if p.kind in ("context", "history", "question")]
    at = 0
    for pair in sorted(pairs, key=lambda p: (p.start, -p.stop)):
        if pair.start < at:
            continue
        if pair.kind in ("task", "question") and _holds(pair, named):
            continue
        at = pair.stop
        yield pair


def _holds(pair: Pair, named: list[Pair]) -> bool:
    return any(pair.start < p.start and p.stop < pair.stop for p in named[:50])


def _pairs(text: str) -> list[Pair]:
    """Opening tags with the closing tags that fit, in the order of the closing ones."""
    found: list[Pair] = []
    opened: list[_Tag] = []
    waiting: dict[str, int] = {}
    for tag in _tags(text):
        if not tag.closes:
            opened.append(tag)
            waiting[tag.name] = waiting.get(tag.name, 0) + 1
        elif waiting.get(tag.name):
            start = _closed(opened, waiting, tag.name)
            kind = _kind(tag.name)
            least = MIN_CONTEXT if kind == "context" else 1
            if tag.match.start() - start.end() >= least and _is_block(text, start, tag.match):
                found.append(Pair(kind, tag.name, start.start(), start.end(), *tag.match.span()))
    return found


def _tags(text: str) -> Iterator[_Tag]:
    code = False
    depth = 0
    for match in _TAG.finditer(text):
        name = (match[2] or match[5] or "").strip().casefold()
        if not name:
            code = not code if not depth else code
        elif not code and _kind(name) and not _spoken_of(text, match):
            closes = bool(match[1] or match[4])
            depth = max(0, depth + (-1 if closes else 1))
            yield _Tag(name, closes, match)


def _kind(name: str) -> str:
    kind = "" if name in _MARKUP else kind_of(name)
    return kind if kind in _SEGMENTS else ""


def _closed(opened: list[_Tag], waiting: dict[str, int], name: str) -> re.Match[str]:
    """The newest open tag of a name; those that were opened after it and never closed are forgotten."""
    while True:
        start = opened.pop()
        waiting[start.name] -= 1
        if start.name == name:
            return start.match


def _spoken_of(text: str, tag: re.Match[str]) -> bool:
    before, after = text[max(0, tag.start() - 1)], text[tag.end() : tag.end() + 1]
    quoted = before in _QUOTES and after in _QUOTES
    return (quoted and tag.end() < len(text)) or bool(tag[3] and _HTML.search(tag[3]))


def _is_block(text: str, start: re.Match[str], stop: re.Match[str]) -> bool:
    """Whether a pair of tags begins a line, ends one, or has what it holds on lines of its own."""
    floor = max(0, start.start() - 200)
    line = max(text.rfind("\n", floor, start.start()), floor - 1) + 1
    if not text[line : start.start()].strip() or text[start.end()] in "\r\n":
        return True
    end = text.find("\n", stop.end(), stop.end() + 200)
    return not text[stop.end() : end if end >= 0 else stop.end() + 200].strip()
