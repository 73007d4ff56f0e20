"""The same text in another model's tokens: whole numbers, by exact ratios. Not a tokenizer."""

from __future__ import annotations

from collections import deque

import numpy as np
import polars as pl

from costscope.columns import Ints, changes, codes, places, sums
from costscope.levers._runs import runs
from costscope.levers._threads import side_by_side
from costscope.model import CLASSES

_NAMES = sorted(CLASSES)
_REPLY = _NAMES.index("output")


def rescaled(parts: pl.DataFrame, ratios: pl.DataFrame) -> pl.DataFrame:
    """The parts with the tokens of some calls multiplied by exact ratios.

    `ratios`: call_no, in_top, in_bottom, out_top, out_bottom (i64). A call's prompt and its reply
    each come out at the nearest whole number, divided among the parts by the largest remainder; a
    part that had tokens keeps one at least, so a prompt of many tiny parts may end a little higher.
    """
    same = (ratios["in_top"] == ratios["in_bottom"]) & (ratios["out_top"] == ratios["out_bottom"])
    ratios = ratios.filter(~same)
    calls = runs(parts)
    at = calls.at(ratios["call_no"].to_numpy())
    if not len(at):
        return parts
    ratios = ratios[places(calls.calls[at], ratios["call_no"].to_numpy())]
    tokens = parts["tokens"].to_numpy().copy()

    def scale(some: slice) -> None:
        rows = calls.rows_at(at[some])
        tokens[rows] = _shared_out(parts, rows, ratios[some])

    deque(side_by_side(scale, calls.pieces(at)), maxlen=0)
    return parts.with_columns(pl.Series("tokens", tokens, parts.schema["tokens"]))


def _shared_out(parts: pl.DataFrame, rows: Ints, ratios: pl.DataFrame) -> Ints:
    """The tokens of these rows after scaling and rounding within their side: a call's prompt or reply.
    `ratios`: those of the rows' calls, in their order."""
    number, seq, tokens = (parts[name].to_numpy()[rows] for name in ("call_no", "seq", "tokens"))
    kind = codes(parts["billing_class"][rows], _NAMES)
    side = 2 * (np.cumsum(changes(number)) - 1) + (kind == _REPLY)
    place = seq.astype(np.int64) * len(_NAMES) + kind
    top, bottom = (_sides(ratios, end) for end in ("top", "bottom"))
    scaled = tokens * top[side]
    found, left = np.divmod(scaled, bottom[side])
    total = (2 * sums(side, scaled, len(top)) + bottom) // (2 * bottom)
    missing = total - sums(side, found, len(top))
    # Fewer are missing than rows have a remainder, so that the others need no order.
    some = np.flatnonzero((left > 0) & (missing > 0)[side])
    order = some[_ranked(side[some], left[some], place[some])]
    found[order[_nth(side[order]) < missing[side[order]]]] += 1
    return np.maximum(found, tokens > 0)


def _ranked(side: Ints, left: Ints, place: Ints) -> Ints:
    """Within each side the largest remainder first, of equal ones by place."""
    order = np.argsort(side * (place.max(initial=0) + 1) + place, kind="stable")
    largest = side * (left.max(initial=0) + 1) - left
    return order[np.argsort(largest[order], kind="stable")]


def _sides(ratios: pl.DataFrame, end: str) -> Ints:
    """That end of the ratio of each call's prompt and of its reply, in turn."""
    return np.stack([ratios[f"{side}_{end}"].to_numpy() for side in ("in", "out")], axis=1).ravel()


def _nth(values: Ints) -> Ints:
    """For each value how many equal ones stand before it in its run."""
    first = np.flatnonzero(changes(values))
    return np.arange(len(values)) - np.repeat(first, np.diff(np.append(first, len(values))))
