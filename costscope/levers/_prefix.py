"""What levers share about prompts: blocks, prefix hashes after a change, billing classes re-cut.

Works on the `parts` table of a workload alone; it knows no provider and no price.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple
from weakref import finalize, ref

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.attribute.prefix import chain
from costscope.columns import Codes, changes, places, stretches, taken
from costscope.levers._threads import give_back, side_by_side
from costscope.model import CLASSES, INPUT_CLASSES
from costscope.once import once
from costscope.prices.usage import classes

ORDER = ("call_no", "seq")
FEW = 200_000
"""Rows of parts whose blocks are kept for the next who asks; of more they would take too much room."""
SOME = 500_000
"""Parts that are cut at a time."""
OUTPUT = CLASSES.index("output")


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
    spans = merged(parts)
    rows = taken(parts, spans.row)
    return rows.with_columns(tokens=pl.Series(spans.end - spans.start), end=pl.Series(spans.end))


def reclassify(parts: pl.DataFrame, cuts: pl.DataFrame) -> pl.DataFrame:
    """`parts` with the prompts of the calls in `cuts` billed in other classes.

    `cuts` has a row per call: `call_no` and tokens for any of the input classes but `fresh`. They
    are laid along the prompt in the order of INPUT_CLASSES, and what is left is fresh; a block on
    a border becomes two rows. Tokens per call and per block are conserved: what the prompt cannot
    hold is cut off at its end. Replies and calls that are not in `cuts` stay as they are.
    """
    parts = ordered(parts)
    laid = partial(_laid, parts, classes(parts), _borders(cuts))
    found = side_by_side(laid, stretches(parts["call_no"].to_numpy(), SOME))
    row, kind, tokens = (np.concatenate(column) for column in zip(*found, strict=True))
    if parts.height > SOME:
        # Now the table is there twice, so what led to that had better be gone.
        give_back()
    named = pl.Series(CLASSES, dtype=parts.schema["billing_class"])[kind]
    made = taken(parts, row).with_columns(
        tokens=pl.Series(tokens), billing_class=named.alias("billing_class")
    )
    _ORIGINS[id(made)] = ref(alike(parts))
    finalize(made, _ORIGINS.pop, id(made))
    return made


_ORIGINS: dict[int, ref[pl.DataFrame]] = {}
"""By the numbers of parts in memory that were reclassified."""


def alike(parts: pl.DataFrame) -> pl.DataFrame:
    """Parts whose blocks are the same, whatever they are billed as: those of which these were made by
    `reclassify`, as long as they are in memory. What is asked of blocks alone is then asked once."""
    origin = _ORIGINS.get(id(parts))
    found = None if origin is None else origin()
    return parts if found is None else found


class Borders(NamedTuple):
    """Where the prompts of some calls are cut."""

    call_no: NDArray[np.int64]
    ends: NDArray[np.int64]
    """For each class, in their order, where it ends in each of the calls."""
    kinds: NDArray[np.int8]
    """The codes of these classes, and of what is behind the last of them."""


def _borders(cuts: pl.DataFrame) -> Borders:
    sizes = {name: cuts[name].to_numpy() for name in INPUT_CLASSES if name in cuts.columns}
    # A class that nothing is billed in costs a column of work and changes nothing.
    sizes = {name: size for name, size in sizes.items() if size.any()}
    ends = np.array([*sizes.values()], np.int64).reshape(len(sizes), cuts.height)
    kinds = np.array([CLASSES.index(name) for name in (*sizes, "fresh")], np.int8)
    return Borders(cuts["call_no"].to_numpy(), np.cumsum(ends, axis=0), kinds)


class Spans(NamedTuple):
    """Stretches of tokens along the prompts: the row of `parts` that each is of, and in its call's
    tokens where it starts and ends."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


def merged(parts: pl.DataFrame) -> Spans:
    """Each block a span: of the last of its rows, if it has several. `parts` in order."""
    call, seq, tokens = (parts[name].to_numpy() for name in (*ORDER, "tokens"))
    return _spans(call, seq, tokens, None)


def _spans(
    call: NDArray[np.int64],
    seq: NDArray[np.int32],
    tokens: NDArray[np.int64],
    merge: NDArray[np.bool_] | None,
) -> Spans:
    """Each row a span, but for the rows of one block that are to be merged (None: all), which are one."""
    first = changes(call)
    last = np.append(first[1:] | (seq[1:] != seq[:-1]), [True])[: len(call)]
    row = np.flatnonzero(last if merge is None else last | ~merge)
    sofar = np.cumsum(tokens)
    before = np.maximum.accumulate(np.where(first, sofar - tokens, 0))
    end = sofar - before
    if len(row) < len(end):
        end = end[row]
        first = changes(call[row])
    start = np.concatenate(([0], end[:-1]))[: len(end)]
    start[first] = 0
    return Spans(row, start, end)


def _laid(
    parts: pl.DataFrame, kinds: Codes, borders: Borders, some: slice
) -> tuple[NDArray[np.uint32], Codes, NDArray[np.int64]]:
    """Some parts, of whole calls, cut at their call's borders: the row of `parts`, the class, tokens.
    `kinds`: the class of each of the parts as they are."""
    call, seq, tokens = (parts[name].to_numpy()[some] for name in (*ORDER, "tokens"))
    at = places(call, borders.call_no)
    at[kinds[some] == OUTPUT] = -1
    spans = _spans(call, seq, tokens, at >= 0)
    of, kind, sizes = _pieces(spans, borders.ends, at[spans.row])
    row = spans.row[of] + some.start
    billed: Codes = np.where(kind >= 0, borders.kinds[kind], kinds[row])
    return row.astype(np.uint32), billed, sizes


def _pieces(
    spans: Spans, borders: NDArray[np.int64], at: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Spans cut at the borders of their call, whose place in `borders` is in `at` (-1: none): the number
    of the span, which class (-1: as it was), tokens."""
    inside, size = at >= 0, spans.end - spans.start
    first, last = np.zeros(len(at), np.int8), np.zeros(len(at), np.int8)
    for border in borders if borders.size else ():
        own = border[at]
        first += own <= spans.start
        last += own < spans.end
    # What has no tokens stays as one row, in the class in which it lies.
    kind, several = np.where(inside, first, -1), inside & (last > first)
    if not several.any():
        return np.arange(len(at)), kind, size
    cut = np.flatnonzero(several)
    start, end = spans.start[cut, None], spans.end[cut, None]
    ends = np.minimum(np.maximum(borders[:, at[cut]].T, start), end)
    pieces: NDArray[np.int64] = np.diff(np.concatenate((start, ends, end), axis=1))
    counts = np.ones(len(at), np.int64)
    counts[cut] = np.count_nonzero(pieces, axis=1)
    of = np.repeat(np.arange(len(at)), counts)
    kind, size, new = kind[of], size[of], np.repeat(several, counts)
    kind[new], size[new] = np.nonzero(pieces)[1], pieces[pieces > 0]
    return of, kind, size


def ordered(parts: pl.DataFrame) -> pl.DataFrame:
    """Sorted by (call_no, seq), the rows of one block in the order in which they came."""
    return parts if _in_order(parts) else parts.sort(ORDER, maintain_order=True)


@once
def _in_order(parts: pl.DataFrame) -> bool:
    call, seq = (parts[name].to_numpy() for name in ORDER)
    later = (call[1:] > call[:-1]) | ((call[1:] == call[:-1]) & (seq[1:] >= seq[:-1]))
    return bool(later.all())


def starts(*columns: str) -> pl.Expr:
    """True on the first row of each run of equal values."""
    return differs(1, *columns)


def ends(*columns: str) -> pl.Expr:
    """True on the last row of each run of equal values."""
    return differs(-1, *columns)


def differs(by: int, *columns: str) -> pl.Expr:
    changes = [pl.col(name) != pl.col(name).shift(by) for name in columns]
    return pl.any_horizontal(changes).fill_null(value=True)
