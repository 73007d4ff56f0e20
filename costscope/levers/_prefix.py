"""What levers share about prompts: blocks, prefix hashes after a change, billing classes re-cut.

Works on the `parts` table of a workload alone; it knows no provider and no price.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.attribute.prefix import chain
from costscope.columns import codes, places
from costscope.model import CLASSES, INPUT_CLASSES
from costscope.once import once

ORDER = ("call_no", "seq")
FEW = 200_000
"""Rows of parts whose blocks are kept for the next who asks; of more they would take too much room."""
SOME = 500_000
"""Spans that are cut at a time."""


def rehash(parts: pl.DataFrame) -> pl.DataFrame:
    """`parts` sorted by (call_no, seq), with `prefix` made anew from `content`.

    For a lever that dropped, cut or changed blocks. A changed block must have another `content`
    already: this only chains what is there.
    """
    parts = ordered(parts)
    rows = parts.select(
        content=pl.col("content").cast(pl.UInt64), first=starts("call_no"), again=~starts(*ORDER)
    )
    prefix = chain(*(rows[name].to_numpy() for name in rows.columns))
    return parts.with_columns(pl.Series("prefix", prefix))


def blocks(parts: pl.DataFrame) -> pl.DataFrame:
    """A row per (call, block), sorted, whatever it was billed as.

    All columns of `parts`, with `tokens` summed over the block's rows, and `end`: the tokens of
    the call up to and with this block, so that the last `end` of a prompt is its length.
    """
    return _kept_blocks(parts) if parts.height <= FEW else _blocks(parts)


@once
def _kept_blocks(parts: pl.DataFrame) -> pl.DataFrame:
    return _blocks(parts)


def _blocks(parts: pl.DataFrame) -> pl.DataFrame:
    parts = ordered(parts)
    spans = _spans(parts, np.ones(parts.height, bool))
    rows = parts if len(spans.row) == parts.height else parts[spans.row]
    return rows.with_columns(tokens=pl.Series(spans.end - spans.start), end=pl.Series(spans.end))


def reclassify(parts: pl.DataFrame, cuts: pl.DataFrame) -> pl.DataFrame:
    """`parts` with the prompts of the calls in `cuts` billed in other classes.

    `cuts` has a row per call: `call_no` and tokens for any of the input classes but `fresh`. They
    are laid along the prompt in the order of INPUT_CLASSES, and what is left is fresh; a block on
    a border becomes two rows. Tokens per call and per block are conserved: what the prompt cannot
    hold is cut off at its end. Replies and calls that are not in `cuts` stay as they are.
    """
    parts = ordered(parts)
    # A class that nothing is billed in costs a column of work and changes nothing.
    names = [
        n for n in INPUT_CLASSES if n in cuts.columns and cuts.select((pl.col(n) != 0).any()).item()
    ]
    kinds = codes(parts["billing_class"], CLASSES)
    at = places(parts["call_no"].to_numpy(), cuts["call_no"].to_numpy())
    at[kinds == CLASSES.index("output")] = -1
    sizes = [cuts[name].to_numpy().astype(np.int64) for name in names]
    borders = np.cumsum(np.array(sizes, np.int64).reshape(len(names), cuts.height), axis=0).T
    row, kind, tokens = _laid(_spans(parts, at >= 0), borders, at)
    known = np.array([CLASSES.index(name) for name in (*names, "fresh")], np.int8)
    kind = np.where(kind >= 0, known[np.maximum(kind, 0)], kinds[row])
    named = pl.Series(CLASSES, dtype=parts.schema["billing_class"]).gather(kind)
    return parts[row].with_columns(tokens=pl.Series(tokens), billing_class=named)


class Spans(NamedTuple):
    """Stretches of tokens along the prompts: the row of `parts` that each is of, and in its call's
    tokens where it starts and ends."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


def _spans(parts: pl.DataFrame, merge: NDArray[np.bool_]) -> Spans:
    """Each row a span, but for the rows of one block that are to be merged, which are one."""
    call, seq, tokens = (parts[name].to_numpy() for name in (*ORDER, "tokens"))
    other_call = np.concatenate(([True], call[1:] != call[:-1]))[: len(call)]
    last = np.concatenate((other_call[1:] | (seq[1:] != seq[:-1]), [True]))[: len(call)]
    row = np.flatnonzero(last | ~merge)
    sofar = np.cumsum(tokens)
    before = np.maximum.accumulate(np.where(other_call, sofar - tokens, 0))[row]
    end = sofar[row] - before
    start = np.concatenate(([0], end[:-1]))[: len(end)]
    first = np.concatenate(([True], call[row][1:] != call[row][:-1]))[: len(row)]
    return Spans(row, np.where(first, 0, start), end)


def _laid(
    spans: Spans, borders: NDArray[np.int64], at: NDArray[np.int64]
) -> tuple[NDArray[np.uint32], NDArray[np.int8], NDArray[np.int64]]:
    """Spans cut at their call's borders: the row of `parts`, which class (-1: as it was), tokens.

    `borders`: a row per call of where each class ends; `at`: of each row of `parts` its call's row in
    it, -1 for none. Some spans at a time: a span of a long log costs a number for each class.
    """
    found = []
    for start in range(0, max(len(spans.row), 1), SOME):
        some = Spans(*(column[start : start + SOME] for column in spans))
        of, kind, tokens = _pieces(some, borders, at[some.row])
        found.append((some.row[of].astype(np.uint32), kind.astype(np.int8), tokens))
    rows, kinds, sizes = zip(*found, strict=True)
    return np.concatenate(rows), np.concatenate(kinds), np.concatenate(sizes)


def _pieces(
    spans: Spans, borders: NDArray[np.int64], at: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The same of some spans, with the number of the span; `at` has a place for each of them."""
    inside, size = at >= 0, spans.end - spans.start
    first, last = np.zeros(len(at), np.int64), np.zeros(len(at), np.int64)
    for border in borders.T if len(borders) else ():
        own = border[at]
        first += own <= spans.start
        last += own < spans.end
    # What has no tokens stays as one row, in the class in which it lies.
    kind, several = np.where(inside, first, -1), inside & (last > first)
    if not several.any():
        return np.arange(len(at)), kind, size
    whole, cut = np.flatnonzero(~several), np.flatnonzero(several)
    start, end = spans.start[cut, None], spans.end[cut, None]
    ends = np.minimum(np.maximum(borders[at[cut]], start), end)
    pieces: NDArray[np.int64] = np.diff(np.concatenate((start, ends, end), axis=1))
    of, piece = np.nonzero(pieces)
    row: NDArray[np.int64] = np.concatenate((cut[of], whole))
    order = np.argsort(row, kind="stable")
    kind = np.concatenate((piece, kind[whole]))[order]
    return row[order], kind, np.concatenate((pieces[of, piece], size[whole]))[order]


def ordered(parts: pl.DataFrame) -> pl.DataFrame:
    """Sorted by (call_no, seq), the rows of one block in the order in which they came."""
    call, seq = (pl.col(name) for name in ORDER)
    later = (call > call.shift(1)) | ((call == call.shift(1)) & (seq >= seq.shift(1)))
    if parts.select(later.fill_null(value=True).all()).item():
        return parts
    return parts.sort(ORDER, maintain_order=True)


def starts(*columns: str) -> pl.Expr:
    """True on the first row of each run of equal values."""
    return differs(1, *columns)


def ends(*columns: str) -> pl.Expr:
    """True on the last row of each run of equal values."""
    return differs(-1, *columns)


def differs(by: int, *columns: str) -> pl.Expr:
    changes = [pl.col(name) != pl.col(name).shift(by) for name in columns]
    return pl.any_horizontal(changes).fill_null(value=True)
