"""Which marks to set where nothing is cached yet: tried per feature, the better kept, none if none pays.

Weighs tokens by the usual multipliers of caching, not by a price; the saving itself is priced later.
"""

from __future__ import annotations

import polars as pl

from costscope.levers._cache_rows import CONVERSATION, PREFIX
from costscope.levers._cache_sim import cuts, simulate

POLICIES = (PREFIX, CONVERSATION)
GROUP = ("scope", "feature")

UNITS = {
    "cache_read": 10,
    "cache_write_1h": 200,
    "cache_write_12h": 250,
    "cache_write_5m": 125,
    "cache_write_30m": 125,
}
"""Hundredths of the input rate of most models (billing.md, section 2)."""


def best(
    blocks: pl.DataFrame, calls: pl.DataFrame, read: pl.Expr, policies: tuple[str, ...]
) -> pl.DataFrame:
    """The billing classes of each call under the best of `policies` for its scope and feature.

    `read`: tokens read, from `ideal` and the columns of `calls`. Returns call_no, the cached
    classes and `policy`; calls in groups where no policy saves anything are left out. Where the
    provider writes for nothing, policies are the same, and the first is taken.
    """
    tried = [under(name, blocks, calls, read) for name in policies]
    every = pl.concat(tried).join(calls.select("call_no", *GROUP), on="call_no")
    totals = every.group_by(*GROUP, "policy").agg(pl.col("units").sum())
    order = pl.col("policy").replace_strict({n: i for i, n in enumerate(policies)})
    kept = (
        totals.filter(pl.col("units") > 0)
        .sort(*GROUP, -pl.col("units"), order, nulls_last=True)
        .unique(GROUP, keep="first", maintain_order=True)
    )
    chosen = every.join(kept.select(*GROUP, "policy"), on=[*GROUP, "policy"], nulls_equal=True)
    return chosen.select("call_no", *UNITS, "policy").sort("call_no")


def under(name: str, blocks: pl.DataFrame, calls: pl.DataFrame, read: pl.Expr) -> pl.DataFrame:
    """call_no and the cached classes under one policy, with the `units` that they save."""
    calls = calls.with_columns(policy=pl.lit(name))
    found = simulate(blocks, calls).join(calls, on="call_no", maintain_order="left")
    saved = pl.sum_horizontal(pl.col(kind) * (100 - unit) for kind, unit in UNITS.items())
    return cuts(found, read).with_columns(units=saved, policy=pl.lit(name))
