"""Which rows of a parts table are of which call, as numbers: what is asked of few calls, or once a call,
then costs no query over all rows. Not a lever.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from costscope.columns import Flags, Ints, changes, places
from costscope.once import once

SOME = 100_000
"""Rows that are worked on at a time: what is made of some then fits where that of others stood."""


class Runs(NamedTuple):
    """The calls that have parts. Parts are sorted by call, so the rows of each stand together."""

    calls: Ints
    """call_no of each."""
    first: Ints
    """Its first row."""
    counts: Ints
    """How many rows it has."""

    def of(self, numbers: Ints) -> Flags:
        """True on the rows of the calls with these numbers."""
        return np.repeat(places(self.calls, numbers) >= 0, self.counts)

    def rows(self, numbers: Ints) -> Ints:
        """The rows of these calls, in order."""
        return self.rows_at(self.at(numbers))

    def at(self, numbers: Ints) -> Ints:
        """The places of these calls among `calls`, in order."""
        return np.flatnonzero(places(self.calls, numbers) >= 0)

    def rows_at(self, at: Ints) -> Ints:
        """The rows of the calls at these places."""
        counts = self.counts[at]
        skipped = self.first[at] - np.cumsum(counts) + counts
        return np.arange(counts.sum()) + np.repeat(skipped, counts)

    def pieces(self, at: Ints) -> Iterator[slice]:
        """Which of these places to take at a time, so that it is about SOME rows."""
        pieces = int(self.counts[at].sum()) // SOME + 1
        size = max(1, -(-len(at) // pieces))
        return (slice(start, start + size) for start in range(0, len(at), size))

    def sums(self, values: Ints) -> Ints:
        """The sum of a column in each call."""
        return np.add.reduceat(values, self.first) if len(self.first) else values

    def any(self, flags: Flags) -> Flags:
        """Whether a flag is set on any row of each call."""
        return np.logical_or.reduceat(flags, self.first) if len(self.first) else flags


@once
def runs(parts: pl.DataFrame) -> Runs:
    """Where the calls of a parts table stand in it."""
    numbers = parts["call_no"].to_numpy()
    first = np.flatnonzero(changes(numbers))
    return Runs(numbers[first], first, np.diff(np.append(first, len(numbers))))
