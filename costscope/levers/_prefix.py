"""What levers share about prompts: blocks, prefix hashes after a change, billing classes re-cut.

Works on the `parts` table of a workload alone; it knows no provider and no price.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.attribute.prefix import chain
from costscope.model import INPUT_CLASSES

ORDER = ("call_no", "seq")


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
    parts = ordered(parts)
    spans = _spans(parts, np.ones(parts.height, bool))
    return parts[spans.row].with_columns(
        tokens=pl.Series(spans.end - spans.start), end=pl.Series(spans.end)
    )


def reclassify(parts: pl.DataFrame, cuts: pl.DataFrame) -> pl.DataFrame:
    """`parts` with the prompts of the calls in `cuts` billed in other classes.

    `cuts` has a row per call: `call_no` and tokens for any of the input classes but `fresh`. They
    are laid along the prompt in the order of INPUT_CLASSES, and what is left is fresh; a block on
    a border becomes two rows. Tokens per call and per block are conserved: what the prompt cannot
    hold is cut off at its end. Replies and calls that are not in `cuts` stay as they are.
    """
    parts = ordered(parts)
    names = [name for name in INPUT_CLASSES if name in cuts.columns]
    place = cuts.select("call_no", place=pl.int_range(pl.len()))
    prompt = pl.col("billing_class").cast(pl.String) != "output"
    found = parts.lazy().select("call_no", prompt=prompt)
    found = found.join(place.lazy(), on="call_no", how="left", maintain_order="left")
    places = found.select(pl.when("prompt").then("place").fill_null(-1)).collect().to_series()
    at = places.to_numpy()
    spans = _spans(parts, at >= 0)
    sizes = [cuts[name].to_numpy().astype(np.int64) for name in names]
    borders = np.cumsum(np.array(sizes).reshape(len(names), cuts.height), axis=0).T
    row, kind, tokens = _laid(spans, borders, at[spans.row])
    kinds = pl.Series([*names, "fresh"]).cast(parts.schema["billing_class"])
    cut = parts[spans.row[row]].with_columns(tokens=pl.Series(tokens))
    named = pl.when(pl.Series(kind >= 0)).then(kinds.gather(np.maximum(kind, 0)))
    return cut.with_columns(billing_class=named.otherwise("billing_class"))


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
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Spans cut at their call's borders: the number of the span, which class (-1: as it was), tokens.

    `borders`: a row per call of where each class ends; `at`: each span's row in it, -1 for none.
    """
    chosen = np.flatnonzero(at >= 0)
    start, end = spans.start[chosen, None], spans.end[chosen, None]
    ends = np.minimum(np.maximum(borders[at[chosen]], start), end)
    pieces = np.diff(np.concatenate((start, ends, end), axis=1))
    # What has no tokens stays as one row, in the class in which it lies.
    empty = np.flatnonzero(start[:, 0] == end[:, 0])
    kinds = (borders[at[chosen[empty]]] <= start[empty]).sum(axis=1)
    of, kind = np.nonzero(pieces)
    left = np.flatnonzero(at < 0)
    row = np.concatenate((chosen[of], chosen[empty], left))
    order = np.argsort(row, kind="stable")
    kind = np.concatenate((kind, kinds, np.full(len(left), -1)))
    tokens = np.concatenate(
        (pieces[of, kind[: len(of)]], (spans.end - spans.start)[row[len(of) :]])
    )
    return row[order], kind[order], tokens[order]


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
