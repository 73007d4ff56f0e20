"""How many pings in a row keep a cache warm at less than the rewrites that they spare, per feature.

Weighs tokens by the usual multipliers of caching, not by a price; the saving itself is priced later.
"""

from __future__ import annotations

import polars as pl

from costscope.levers._cache.calls import NAMED
from costscope.levers._cache.policy import UNITS
from costscope.once import once

AHEAD = 60
"""A ping is sent so many seconds before its entry expires (arXiv 2607.19214: about TTL less 60 s)."""
MOST = (1, 2, 3, 4, 6, 8, 12, 24, 48)
"""How many pings in a row are tried. On most models more than eleven cost what a rewrite costs."""
OUTPUT = 500
"""Hundredths of the input rate for the one token that a ping answers: five times input, as on Claude."""
WRITTEN = {name.removeprefix("cache_write_"): units for name, units in UNITS.items()}


@once
def planned(steps: pl.DataFrame) -> pl.DataFrame:
    """The calls that are followed by pings: `steps` as of `_cache.warm.Warm`, with `most` in a row, the
    `pings` that are sent, and `gained`: tokens that they save the next call its miss of."""
    rows = steps.lazy().join(worthwhile(steps).lazy(), on=NAMED, nulls_equal=True)
    most = pl.col("most")
    rows = rows.with_columns(pings=sent(most), gained=spared(most))
    return rows.filter(pl.col("pings") > 0).collect()


def worthwhile(steps: pl.DataFrame) -> pl.DataFrame:
    """Of each feature that pings save anything in, how many in a row save most: NAMED and `most`."""
    tried = {str(most): units(pl.lit(most, pl.Int64)) for most in MOST}
    write = pl.col("life").replace_strict(WRITTEN, default=100, return_dtype=pl.Int64)
    sums = steps.lazy().with_columns(write=write).select(*NAMED, **tried).group_by(NAMED).sum()
    best = pl.max_horizontal(list(tried))
    most = [pl.when(pl.col(name) == best).then(pl.lit(int(name), pl.Int64)) for name in tried]
    return sums.filter(best > 0).select(*NAMED, most=pl.coalesce(most)).collect()


def sent(most: pl.Expr) -> pl.Expr:
    """Pings behind a call, if at most so many are sent without a call between them."""
    return pl.min_horizontal(most, pl.coalesce(pl.col("gap") // every(), most))


def every() -> pl.Expr:
    """Seconds between pings."""
    return pl.col("ttl") - AHEAD


def spared(most: pl.Expr) -> pl.Expr:
    """Tokens that the next call reads because of them."""
    saves = (pl.col("gap") > pl.col("ttl")) & (pl.col("gap") <= pl.col("ttl") + most * every())
    return pl.when(saves.fill_null(value=False)).then("gain").otherwise(0)


def units(most: pl.Expr) -> pl.Expr:
    """What they save in all, in hundredths of a token of fresh input; `write`: what one costs to write."""
    cost = sent(most) * (pl.col("reach") * UNITS["cache_read"] + OUTPUT)
    return spared(most) * (pl.col("write") - UNITS["cache_read"]) - cost
