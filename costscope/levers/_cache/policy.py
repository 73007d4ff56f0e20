"""Which marks and lifetimes to set: ways of caching tried per feature, the one that saves most kept.

Weighs tokens by the usual multipliers of caching, not by a price; the saving itself is priced later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import polars as pl

from costscope.levers._cache.calibration import READ
from costscope.levers._cache.rows import CONVERSATION, PREFIX
from costscope.levers._cache.sim import cuts, simulate

POLICIES = (PREFIX, CONVERSATION)
GROUP = ("scope", "feature")
ENOUGH = 1_000_000
"""Blocks on which ways are tried: of a log with more the calls of its first stretch of time."""

UNITS = {
    "cache_read": 10,
    "cache_write_1h": 200,
    "cache_write_12h": 250,
    "cache_write_5m": 125,
    "cache_write_30m": 125,
}
"""Hundredths of the input rate of most models (billing.md, section 2)."""

Billing = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]
"""From blocks and calls, as the simulator takes them, to call_no and the cached classes."""


class Way(NamedTuple):
    """One way to cache: the name under which it is shown, and the calls with their policy and life."""

    marks: str
    calls: pl.DataFrame


def billing(blocks: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """What the simulator bills, less the `lost` and `most` of `calls` (see `_calibration.READ`)."""
    about = calls.select("call_no", "lost", "most")
    return cuts(simulate(blocks, calls).join(about, on="call_no", maintain_order="left"), READ)


def best(blocks: pl.DataFrame, ways: Sequence[Way], billed: Billing) -> pl.DataFrame:
    """The cached classes of each call under the best of `ways` for its scope and feature.

    Returns call_no, the cached classes, `way` (which) and `total` (what its feature saves, in
    hundredths of a token's input rate). Of ways that save the same the first is taken, also by
    features that do not occur in the stretch of a long log on which ways are tried.
    """
    if not ways:
        return pl.DataFrame(schema=dict.fromkeys(COLUMNS, pl.Int64))
    some = stretch(blocks, ways[0].calls)
    tried = pl.concat([under(n, some, way.calls, billed) for n, way in enumerate(ways)])
    groups = ways[0].calls.select("call_no", *GROUP)
    kept = preferred(tried.join(groups, on="call_no"))
    if some is blocks:
        wanted = groups.join(kept, on=GROUP, nulls_equal=True)
        return tried.join(wanted, on=["call_no", "way"]).select(*COLUMNS).sort("call_no")
    mixed = groups.select(GROUP).unique().join(kept, on=GROUP, how="left", nulls_equal=True)
    mixed = mixed.with_columns(pl.col("way", "total").fill_null(0))
    calls = [
        way.calls.join(mixed.filter(pl.col("way") == n), on=GROUP, nulls_equal=True)
        for n, way in enumerate(ways)
    ]
    every = pl.concat(calls, how="diagonal").sort("call_no")
    found = billed(blocks, every).join(every.select("call_no", "way", "total"), on="call_no")
    return found.select(*COLUMNS).sort("call_no")


COLUMNS = ("call_no", *UNITS, "way", "total")


def under(nth: int, blocks: pl.DataFrame, calls: pl.DataFrame, billed: Billing) -> pl.DataFrame:
    """call_no and the cached classes in one way, with the `units` that they save."""
    saved = pl.sum_horizontal(pl.col(kind) * (100 - unit) for kind, unit in UNITS.items())
    return billed(blocks, calls).with_columns(units=saved, way=pl.lit(nth))


def preferred(tried: pl.DataFrame) -> pl.DataFrame:
    """A row for each GROUP: the `way` that saves most in it, and how much in `total`."""
    totals = tried.group_by(*GROUP, "way").agg(total=pl.col("units").sum())
    return totals.sort(*GROUP, -pl.col("total"), "way", nulls_last=True).unique(
        GROUP, keep="first", maintain_order=True
    )


def stretch(blocks: pl.DataFrame, calls: pl.DataFrame, enough: int | None = None) -> pl.DataFrame:
    """The blocks of the earliest of these calls, about `enough` of them; all, if there are no more."""
    enough = ENOUGH if enough is None else enough
    if blocks.height <= enough:
        return blocks
    sizes = blocks.group_by("call_no").len().join(calls.select("call_no", "sent"), on="call_no")
    early = sizes.sort("sent", "call_no").filter(pl.col("len").cum_sum() <= enough)
    return blocks.join(early.select("call_no"), on="call_no", how="semi", maintain_order="left")
