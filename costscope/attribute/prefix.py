"""The chained prefix hash of a prompt: which calls begin with the same blocks, without their text.

Not a hash of text: it chains hashes that were made elsewhere, and keeps no secret.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
Flags = NDArray[np.bool_]

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that its powers never lose bits of the content they are multiplied with."""


def chain(content: U64, first: Flags, again: Flags | None = None) -> U64:
    """The prefix hash after each row: the sum of `content * M**(i + 1)` over the blocks so far.

    Rows are sorted by (call, seq). `content` is the block's own hash, 0 for a block without text;
    such a block is not counted in i and carries the prefix of what is before it. `first` marks the
    first row of each call. `again` marks rows that repeat the block of the row before them (billed
    in another class), which share its prefix; without it every row is a block of its own. All
    arrays have one length; arithmetic wraps at 64 bits. The prefix of nothing is 0.
    """
    if not len(content):
        return np.zeros(0, np.uint64)
    counts = content != 0
    if again is not None:
        counts &= ~again
    start = np.maximum.accumulate(np.where(first, np.arange(len(content)), 0))
    nth = np.cumsum(counts)
    power = nth - (nth - counts)[start]
    terms = np.where(counts, content, np.uint64(0)) * powers(int(power.max()))[power]
    total = np.cumsum(terms, dtype=np.uint64)
    return np.asarray(total - (total - terms)[start], dtype=np.uint64)


def powers(highest: int) -> U64:
    """M**0 … M**highest, wrapped at 64 bits."""
    factors = np.full(highest + 1, MULTIPLIER, dtype=np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)
