"""Retrieved context as chunks: where a text of several can be taken apart, and which of them are the same.

Reads texts, and keeps of each chunk a hash and a count of tokens. Not a lever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Any, NamedTuple

import polars as pl

from costscope import tokens
from costscope.attribute.markers.lines import labels, marks
from costscope.levers._cut.alike import Alike

WHOLE, MARKED, PARAGRAPH, LEAD = range(4)
"""What a chunk is: a text of one; set off by a number, a tag or a fence; a paragraph, where nothing sets
chunks off; or what stands before the first, which is the template's and stays."""

_TAGS = "document|doc|passage|source|reference|excerpt|extract|snippet|chunk|search_result|result|article|item"
_OPEN = re.compile(rf"^[ \t]*<(?:{_TAGS})\b[^<>]*>", re.MULTILINE | re.IGNORECASE)
_LABEL = re.compile(
    r"\A[ \t]*(?:<[^<>]*>|[-=*_~+]{3,}|\[\^?\w{0,6} ?\d{1,3}\]|\w+ ?[\[(#]?\d{1,3}[\])]?[ ]?:)"
)
_CLOSE = re.compile(r"</[^<>]*>")
_BLANK = re.compile(r"\n[ \t]*\n\s*")
_BATCH = 500


class Chunk(NamedTuple):
    """Where a chunk lies in its text, and what it is."""

    start: int
    stop: int
    kind: int


def split(text: str) -> list[Chunk]:
    """The text as chunks that cover it once, in order; WHOLE where there is only one."""
    found = _set_off(text)
    kind = MARKED if found else PARAGRAPH
    found = found or [0, *(m.end() for m in _BLANK.finditer(text) if 0 < m.end() < len(text))]
    if len(found) < 2:
        return [Chunk(0, len(text), WHOLE)]
    lead = [Chunk(0, found[0], LEAD)] if found[0] else []
    return lead + [Chunk(a, b, kind) for a, b in pairwise([*found, len(text)])]


def _set_off(text: str) -> list[int]:
    """Where chunks begin that tags, numbers or fences set off; empty if none of these does it twice."""
    tags = [m.start() for m in _OPEN.finditer(text)] if "<" in text else []
    if len(tags) > 1:
        return tags
    if sum(m.kind in ("number", "fence") for m in labels(text)) < 2:
        return []
    lines = marks(text)
    numbers = [m.start for m in lines if m.kind == "number"]
    if len(numbers) > 1:
        return numbers
    fences = [m.start for m in lines if m.kind == "fence" and m.style[0] in "-=*_~+"]
    return sorted({0, *fences}) if len(fences) > 1 else []


def plain(text: str) -> list[str]:
    """A chunk's words without its number or tags, in small letters."""
    return _CLOSE.sub(" ", _LABEL.sub(" ", text)).casefold().split()


def chunked(texts: Iterable[tuple[int, str]], similarities: tuple[float, ...]) -> pl.DataFrame:
    """A row for each chunk of each text: content, nth, tokens, kind, and for each of the similarities a
    column named like it (u64: the same for chunks that are so alike, 0 for one too short to tell)."""
    alike = Alike(similarities)
    return pl.concat([
        pl.DataFrame(schema=schema(similarities)),
        *(_rows(batch, alike, similarities) for batch in batches(texts, _BATCH)),
    ])  # fmt: skip


def schema(similarities: tuple[float, ...]) -> dict[str, Any]:
    """The columns of `chunked`."""
    fixed = {"content": pl.UInt64, "nth": pl.Int32, "tokens": pl.Int64, "kind": pl.Int8}
    return fixed | dict.fromkeys(map(str, similarities), pl.UInt64)


def batches(texts: Iterable[tuple[int, str]], size: int) -> Iterator[list[tuple[int, str]]]:
    """The texts, so many at a time."""
    several = iter(texts)
    while batch := list(islice(several, size)):
        yield batch


def _rows(
    batch: Sequence[tuple[int, str]], alike: Alike, similarities: tuple[float, ...]
) -> pl.DataFrame:
    places, pieces = [], []
    for content, text in batch:
        for nth, chunk in enumerate(split(text)):
            places.append((content, nth, chunk.kind))
            pieces.append(text[chunk.start : chunk.stop])
    chunks = dict.fromkeys(
        piece for place, piece in zip(places, pieces, strict=True) if place[2] != LEAD
    )
    known = {piece: alike.known(plain(piece)) for piece in chunks}
    none = (0,) * len(similarities)
    rows = [
        (content, nth, size, kind, *(none if kind == LEAD else known[piece]))
        for (content, nth, kind), size, piece in zip(
            places, tokens.count(pieces), pieces, strict=True
        )
    ]
    return pl.DataFrame(rows, schema=schema(similarities), orient="row")
