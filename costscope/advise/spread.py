"""How far a saving could be off by chance: whole conversations resampled, in closed form.

What somebody acts on is not this log but the traffic after it, so the range is for as much of that: this
log's conversations are one draw of the traffic, those to come are another, and both vary. Sampling
only; what a lever assumes is its own scenarios' business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import NamedTuple

import numpy as np

from costscope.advise import exact
from costscope.columns import Ints
from costscope.model import Interval
from costscope.prices.amounts import Whole

T_975 = (12_706, 4_303, 3_182, 2_776, 2_571, 2_447, 2_365, 2_306, 2_262, 2_228, 2_201, 2_179)
"""Student's t at 97.5 % in thousandths, for 1 to 12 degrees of freedom."""


class Changed(NamedTuple):
    """What some calls cost more, in picodollars, by the number of their conversation."""

    clusters: Ints
    more: Whole

    def sums(self, least: int) -> Whole:
        """By conversation, of which there are at least so many."""
        size = max(least, int(self.clusters.max(initial=-1)) + 1)
        return exact.by_place(self.clusters, self.more, size)


@dataclass(frozen=True)
class Spread:
    """The bill's conversations: what the closed form needs of them, in exact integers."""

    spent: Whole
    """Picodollars by conversation."""
    count: int
    """How many of them there are; the others' calls are not compared."""
    total: int
    squares: int
    large: Sequence[int]
    """Those of more than a hundredth of the total."""

    @classmethod
    def of(cls, clusters: Ints, bill: Whole) -> Spread:
        """From what the calls that are compared cost, in picodollars, and their conversations' numbers."""
        size = int(clusters.max(initial=-1)) + 1
        spent, total = exact.by_place(clusters, bill, size), exact.total(bill)
        count = int(np.count_nonzero(np.bincount(clusters, minlength=size)))
        large = np.flatnonzero(spent > total // 100).tolist()
        return cls(spent, count, total, exact.dot(spent, spent), large)

    def reach(self, delta: Changed) -> int | None:
        """Half the width of the 95 % interval around what `delta` saves, for the next traffic of this
        size; None below two clusters.

        The saving is a ratio, s = saved / spent. With r = saved - s spent in each conversation its
        standard error is sqrt(G / (G-1) Σr²), linearised by cluster (Miller, arXiv 2411.00640), with
        large conversations as the jackknife weighs them, r / (1 - its share of what was spent): without
        that, where few are dear, 90 % of intervals of 95 % hold. The difference of two such draws
        varies by the square root of two more.
        """
        saved = -delta.sums(len(self.spent))
        if not saved.any():
            return 0
        if self.count < 2 or not self.total:
            return None
        all_saved = exact.total(saved)
        own = exact.dot(saved, saved)
        cross = exact.dot(saved[: len(self.spent)], self.spent)
        # Multiplied by total² so that everything stays whole.
        residual = own * self.total**2 - 2 * all_saved * self.total * cross
        residual += all_saved**2 * self.squares
        for cluster in self.large:
            spent = int(self.spent[cluster])
            if spent == self.total:
                return None
            one = int(saved[cluster]) * self.total - all_saved * spent
            residual += (one * self.total // (self.total - spent)) ** 2 - one**2
        variance = 2 * max(residual, 0) * self.count // ((self.count - 1) * self.total**2)
        return isqrt(variance * _quantile(self.count - 1) ** 2) // 1000

    def interval(self, cases: Sequence[tuple[int, Changed]]) -> Interval:
        """From the lowest end to the highest over several (saved, delta) of one thing: as assumed,
        and under its pessimistic and optimistic assumptions. Never above what was spent."""
        ends = []
        for saved, delta in cases:
            reach = self.reach(delta)
            lowest, highest = min(saved, 0), max(saved, self.total)
            low, top = (lowest, highest) if reach is None else (saved - reach, saved + reach)
            ends.append((max(low, _floor(saved, delta)), top))
        return Interval(min(low for low, _ in ends), min(self.total, max(top for _, top in ends)))


def _floor(saved: int, delta: Changed) -> int:
    """What a change that costs no conversation more cannot fall below: its fees."""
    changes = delta.sums(0)
    return saved + exact.total(changes) if (changes <= 0).all() else -(2**127)


def _quantile(freedom: int) -> int:
    """Student's t at 97.5 % in thousandths (Cornish and Fisher's expansion beyond the table)."""
    if freedom <= len(T_975):
        return T_975[freedom - 1]
    z = 1.959963984540054
    first = (z**3 + z) / (4 * freedom)
    second = (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return round(1000 * (z + first + second))
