"""How long one model's replies are next to another's, where a log shows both on alike tasks."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import polars as pl

from costscope.levers._rows import kinds, replies
from costscope.model import Workload
from costscope.once import once
from costscope.prices.names import base

LEAST = 20
"""Replies of each model to one feature and template below which they are not compared."""

LONGER, SHORTER = Fraction(13, 10), Fraction(8, 10)
"""Ends of an assumed ratio: no source says more than that it differs from model to model."""


@dataclass(frozen=True)
class Length:
    """Reply tokens for one of the other model's; `low` is the case that costs more."""

    low: Fraction
    base: Fraction
    high: Fraction
    calls: int
    """Replies that were compared; 0 where the ratio is assumed."""

    @classmethod
    def assumed(cls, ratio: Fraction) -> Length:
        """A ratio that the log does not show."""
        return cls(ratio * LONGER, ratio, ratio * SHORTER, 0)

    def of(self, case: str) -> Fraction:
        """The ratio in a case: low, base or high."""
        return {"low": self.low, "base": self.base, "high": self.high}[case]


@once
def length(log: Workload, old: str, new: str) -> Length | None:
    """Reply tokens of the model `new` for one of `old` (names without date), over the features and
    templates that both answer at least LEAST times, weighed by the old model's calls; None where
    there are none. Ends are 1.96 standard errors away. In thousandths."""
    shown = _shown(log)
    mine = shown.filter(pl.col("base") == old)
    alike = mine.join(
        shown.filter(pl.col("base") == new), on=("feature", "template"), nulls_equal=True
    )
    if alike.is_empty() or old == new:
        return None
    return _compared(alike)


def _compared(alike: pl.DataFrame) -> Length | None:
    n = pl.col("n")
    top, bottom, top_var, bottom_var, calls = alike.sort("feature", "template").select(
        (n * pl.col("mean_right")).sum().alias("top"),
        (n * pl.col("mean")).sum().alias("bottom"),
        (n * n * pl.col("var_right") / pl.col("n_right")).sum().alias("top_var"),
        (n * n * pl.col("var") / n).sum().alias("bottom_var"),
        (n + pl.col("n_right")).sum().alias("calls"),
    ).row(0)  # fmt: skip
    if not top or not bottom:
        return None
    ratio = top / bottom
    wide = 1.96 * ((top_var + ratio * ratio * bottom_var) ** 0.5) / bottom
    ends = (ratio + wide, ratio, max(ratio - wide, ratio / 10))
    low, middle, high = (Fraction(max(round(1000 * end), 1), 1000) for end in ends)
    return Length(low, middle, high, int(calls))


_NAMES = {"feature": pl.String, "template": pl.String, "base": pl.String}


@once
def _shown(log: Workload) -> pl.DataFrame:
    """feature, template, base (model without date), n, mean, var of reply tokens; n is LEAST or more."""
    calls = log.calls[["call_no", "feature", "template", "model", "status", "added"]]
    calls = calls.filter(~pl.col("added"), pl.col("status") == "ok", pl.col("model").is_not_null())
    calls = calls.join(replies(log.parts), on="call_no", maintain_order="left")
    found = kinds(calls, ("feature", "template", "model"))
    named = [(feature, template, base(model)) for feature, template, model in found.keys]
    known = {key: place for place, key in enumerate(dict.fromkeys(named))}
    at = np.array([known[key] for key in named], np.int64)[found.kind]
    tokens = pl.col("tokens").cast(pl.Float64)
    rows = calls.select("tokens", at=pl.Series(at)).group_by("at").agg(
        pl.len().cast(pl.Int64).alias("n"), tokens.mean().alias("mean"), tokens.var().alias("var")
    )  # fmt: skip
    names = pl.DataFrame(list(known), schema=_NAMES, orient="row")
    return rows.hstack(names[rows["at"].to_numpy()]).filter(pl.col("n") >= LEAST)
