"""Prompts of which the template got shorter, with the hashes that follow from that. Not a lever."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

import numpy as np
import polars as pl

from costscope.attribute.prefix import chain
from costscope.columns import Ints, changes
from costscope.levers._runs import runs
from costscope.levers._threads import side_by_side

_SHORTER = np.uint64(0x9E3779B97F4A7C15)
"""Added to a text's hash, it is the hash of what is left of the text: another, and the same for all
calls that had the same text."""


def shortened(parts: pl.DataFrame, rows: Ints, share: Fraction) -> pl.DataFrame:
    """The parts, in order, with a share of the tokens left in these rows, rounded up; what they hold is
    another text then, and prefixes are made anew for their calls."""
    call, seq = (parts[name].to_numpy() for name in ("call_no", "seq"))
    tokens, content, prefix = (
        parts[name].to_numpy().copy() for name in ("tokens", "content", "prefix")
    )
    tokens[rows] = -(-tokens[rows] * share.numerator // share.denominator)
    content[rows] += _SHORTER
    calls = runs(parts)
    at = calls.at(call[rows][changes(call[rows])])

    def rechain(some: slice) -> None:
        mine = calls.rows_at(at[some])
        first = changes(call[mine])
        prefix[mine] = chain(content[mine], first, ~(first | changes(seq[mine])))

    deque(side_by_side(rechain, calls.pieces(at)), maxlen=0)
    return parts.with_columns(
        pl.Series("tokens", tokens), pl.Series("content", content), pl.Series("prefix", prefix)
    )
