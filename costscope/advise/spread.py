"""How far a saving could be off by chance: whole conversations resampled, in closed form.

What somebody acts on is not this log but the traffic after it, so the range is for as much of that: this
log's conversations are one draw of the traffic, those to come are another, and both vary. Sampling
only; what a lever assumes is its own scenarios' business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

import polars as pl

from costscope.model import Interval

T_975 = (12_706, 4_303, 3_182, 2_776, 2_571, 2_447, 2_365, 2_306, 2_262, 2_228, 2_201, 2_179)
"""Student's t at 97.5 % in thousandths, for 1 to 12 degrees of freedom."""


@dataclass(frozen=True)
class Spread:
    """The bill's conversations: what the closed form needs of them, in exact integers."""

    spent: dict[str, int]
    """Picodollars by conversation."""
    total: int
    squares: int
    large: dict[str, int]
    """Those of more than a hundredth of the total."""

    @classmethod
    def of(cls, bill: pl.DataFrame) -> Spread:
        """From `cluster` and `bill` (picodollars, none unknown) of the calls that are compared."""
        spent = by_cluster(bill, "bill")
        total = sum(spent.values())
        large = {cluster: x for cluster, x in spent.items() if x * 100 > total}
        return cls(spent, total, sum(x * x for x in spent.values()), large)

    def reach(self, delta: pl.DataFrame) -> int | None:
        """Half the width of the 95 % interval around what `delta` saves, for the next traffic of this
        size; None below two clusters.

        The saving is a ratio, s = saved / spent. With r = saved - s spent in each conversation its
        standard error is sqrt(G / (G-1) Σr²), linearised by cluster (Miller, arXiv 2411.00640), with
        large conversations as the jackknife weighs them, r / (1 - its share of what was spent): without
        that, where few are dear, 90 % of intervals of 95 % hold. The difference of two such draws
        varies by the square root of two more.
        """
        count = len(self.spent)
        saved = {name: -more for name, more in by_cluster(delta, "delta").items()}
        if not any(saved.values()):
            return 0
        if count < 2 or not self.total:
            return None
        all_saved = sum(saved.values())
        own = sum(x * x for x in saved.values())
        cross = sum(x * self.spent.get(cluster, 0) for cluster, x in saved.items())
        # Multiplied by total² so that everything stays whole.
        residual = own * self.total**2 - 2 * all_saved * self.total * cross
        residual += all_saved**2 * self.squares
        for cluster, spent in self.large.items():
            if spent == self.total:
                return None
            one = saved.get(cluster, 0) * self.total - all_saved * spent
            residual += (one * self.total // (self.total - spent)) ** 2 - one**2
        variance = 2 * max(residual, 0) * count // ((count - 1) * self.total**2)
        return isqrt(variance * _quantile(count - 1) ** 2) // 1000

    def interval(self, cases: Sequence[tuple[int, pl.DataFrame]]) -> Interval:
        """From the lowest end to the highest over several (saved, delta) of one thing: as assumed,
        and under its pessimistic and optimistic assumptions. Never above what was spent."""
        ends = []
        for saved, delta in cases:
            reach = self.reach(delta)
            lowest, highest = min(saved, 0), max(saved, self.total)
            low, top = (lowest, highest) if reach is None else (saved - reach, saved + reach)
            ends.append((max(low, _floor(saved, delta)), top))
        return Interval(min(low for low, _ in ends), min(self.total, max(top for _, top in ends)))


def _floor(saved: int, delta: pl.DataFrame) -> int:
    """What a change that costs no conversation more cannot fall below: its fees."""
    changes = by_cluster(delta, "delta").values()
    return saved + sum(changes) if all(more <= 0 for more in changes) else -(2**127)


def by_cluster(rows: pl.DataFrame, column: str) -> dict[str, int]:
    """The sum of a column of picodollars by cluster, in exact integers."""
    sums = rows.group_by("cluster").agg(pl.col(column).sum())
    return dict(zip(sums["cluster"].to_list(), sums[column].to_list(), strict=True))


def _quantile(freedom: int) -> int:
    """Student's t at 97.5 % in thousandths (Cornish and Fisher's expansion beyond the table)."""
    if freedom <= len(T_975):
        return T_975[freedom - 1]
    z = 1.959963984540054
    first = (z**3 + z) / (4 * freedom)
    second = (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return round(1000 * (z + first + second))
