"""Retrieved context as chunks: where a text of several can be taken apart, and which of them are the same.

Reads texts, and keeps of each chunk a hash, a count of tokens and a small sketch. Not a lever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray

from costscope import tokens
from costscope.attribute.markers.lines import labels, marks

WHOLE, MARKED, PARAGRAPH, LEAD = range(4)
"""What a chunk is: a text of one; set off by a number, a tag or a fence; a paragraph, where nothing sets
chunks off; or what stands before the first, which is the template's and stays."""

MIN_WORDS = 8
"""A chunk of fewer words (a heading, a rule) is never called a repetition."""
SHINGLE = 5
"""Words in a row that are compared (Broder, "On the resemblance and containment of documents", 1997,
compares such runs; 5 as Lee et al., "Deduplicating Training Data", 2022)."""
SKETCH = 128
"""How many of a chunk's smallest shingle hashes are kept: two chunks of no more words are compared
exactly, longer ones to about four hundredths."""
KEYS = 8
"""Chunks that share none of their so many smallest hashes are not compared: of two with a resemblance
of 0.8 this misses one pair in 10,000."""

_TAGS = "document|doc|passage|source|reference|excerpt|extract|snippet|chunk|search_result|result|article|item"
_OPEN = re.compile(rf"^[ \t]*<(?:{_TAGS})\b[^<>]*>", re.MULTILINE | re.IGNORECASE)
_LABEL = re.compile(
    r"\A[ \t]*(?:<[^<>]*>|[-=*_~+]{3,}|\[\^?\w{0,6} ?\d{1,3}\]|\w+ ?[\[(#]?\d{1,3}[\])]?[ ]?:)"
)
_CLOSE = re.compile(r"</[^<>]*>")
_BLANK = re.compile(r"\n[ \t]*\n\s*")
_BATCH = 500

Hashes = NDArray[np.uint64]


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


class Alike:
    """Chunks so far, told by their shingles: one that is nearly another is known by that one's hash."""

    def __init__(self, similarities: Sequence[float]) -> None:
        self._found = [_Nearest(least) for least in similarities]
        self._same: dict[int, tuple[int, ...]] = {}

    def known(self, words: list[str]) -> tuple[int, ...]:
        """The hashes under which a chunk of these words is known, one for each similarity; 0 if it is too
        short."""
        if len(words) < MIN_WORDS:
            return (0,) * len(self._found)
        own = _hashed(" ".join(words)) or 1
        if own not in self._same:
            sketch = _sketch(words)
            self._same[own] = tuple(nearest.of(own, sketch) for nearest in self._found)
        return self._same[own]


class _Nearest:
    """Chunks of which each is less alike to any other than a threshold."""

    def __init__(self, least: float) -> None:
        self._least = least
        self._sketches: dict[int, Hashes] = {}
        self._by_hash: dict[int, list[int]] = {}

    def of(self, own: int, sketch: Hashes) -> int:
        """The first chunk that is as alike as it must be, else this one, which is then remembered."""
        if self._least >= 1:
            return own
        keys = sketch[:KEYS].tolist()
        for other in dict.fromkeys(c for key in keys for c in self._by_hash.get(key, ())):
            held = self._sketches[other]
            shorter, longer = sorted((len(sketch), len(held)))
            # At most all of the shorter one are shared: to look at the lengths spares most comparisons.
            if shorter / longer >= self._least and resemblance(sketch, held) >= self._least:
                return other
        self._sketches[own] = sketch
        for key in keys:
            self._by_hash.setdefault(key, []).append(own)
        return own


def _hashed(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


def _sketch(words: list[str]) -> Hashes:
    runs = {" ".join(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}
    hashes = np.fromiter(map(_hashed, runs), np.uint64, len(runs))
    return np.sort(hashes)[:SKETCH]


def resemblance(one: Hashes, other: Hashes) -> float:
    """The share of shingles of either chunk that both have, told from their smallest hashes."""
    either = np.sort(np.concatenate((one, other)))
    new = np.ones(len(either), bool)
    new[1:] = either[1:] != either[:-1]
    smallest, both = either[new][:SKETCH], either[~new]
    return int(both.searchsorted(smallest[-1], "right")) / len(smallest)
