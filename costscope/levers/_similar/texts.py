"""The texts of questions and answers, put together of the pieces that a log has of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import xxhash

from costscope import tokens
from costscope.attribute.spans import spans
from costscope.attribute.texts import border

if TYPE_CHECKING:
    import polars as pl

    from costscope.model import Texts

_Cut = tuple[int, int, int]
"""Before how many of its block's tokens a piece begins, with which it ends, and how many there are."""


class Words(NamedTuple):
    """One text, and a hash of what else stood in the blocks that it was cut from (0: nothing)."""

    text: str
    around: int


def read_pieces(texts: Texts | None, pieces: pl.DataFrame) -> Mapping[int, Words]:
    """Query → its text, of those of which every piece can still be had.

    `pieces`: query, content, before, upto, whole, in the order of the text.
    """
    rows = list(pieces.select("query", "content", "before", "upto", "whole").iter_rows())
    wanted: dict[int, set[_Cut]] = {}
    for _, content, before, upto, whole in rows:
        wanted.setdefault(content, set()).add((before, upto, whole))
    found: dict[tuple[int, _Cut], Words] = {}
    for content, text in texts.read(wanted.keys()) if texts is not None else ():
        for cut in sorted(wanted[content]):
            found[content, cut] = _piece(text, cut)
    made: dict[int, list[Words | None]] = {}
    for query, content, before, upto, whole in rows:
        piece = found.get((content, (before, upto, whole)))
        made.setdefault(query, []).append(piece)
    return {query: _joined(some) for query, some in made.items() if None not in some}


def _piece(text: str, cut: _Cut) -> Words:
    before, upto, whole = cut
    if before == 0 and upto == whole:
        return Words(text, 0)
    counted = tokens.count([text[span.start : span.stop] for span in spans(text)])
    start, stop = (border(text, counted, at, whole) for at in (before, upto))
    return Words(text[start:stop], _hash(f"{text[:start]}\0{text[stop:]}"))


def _joined(pieces: list[Words | None]) -> Words:
    """Several pieces as one text."""
    some = [piece for piece in pieces if piece is not None]
    around = [piece.around for piece in some]
    whole = _hash(repr(around)) if any(around) else 0
    return Words("\n".join(piece.text for piece in some), whole)


def _hash(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))
