"""Which rows of a parts table are of which call, as numbers: what is asked of few calls, or once a call,
then costs no query over all rows. Not a lever.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from costscope.columns import Flags, Ints, changes, places
from costscope.once import once


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
        found = places(self.calls, numbers) >= 0
        counts = self.counts[found]
        skipped = self.first[found] - np.cumsum(counts) + counts
        return np.arange(counts.sum()) + np.repeat(skipped, counts)

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
