"""What a dropped call had put into the provider's cache, and the call in its place then puts there.

Only for calls that the simulator of caching leaves out (failed ones); of others it knows by itself.
"""

from __future__ import annotations

import polars as pl

from costscope.levers._prefix import reclassify
from costscope.levers._rows import by_class
from costscope.model import INPUT_CLASSES, Workload

WRITES = tuple(name for name in INPUT_CLASSES if name.startswith("cache_write"))


def inherited(workload: Workload, left: Workload, heirs: pl.DataFrame) -> Workload:
    """`left` of a workload, where `heir` pays for what it read because `call_no`, which goes, had put it
    into the cache: as a write where that one was billed for writing, else, where the provider caches
    whatever it reads (`implicit`), as fresh.

    That is at most what the one that goes put there, and what the heir read beyond what that one read.
    """
    were = _sums(workload.parts, heirs["call_no"])
    are = _sums(workload.parts, heirs["heir"])
    rows = heirs.join(were, on="call_no").join(
        are, left_on="heir", right_on="call_no", suffix="_heir"
    )
    more = pl.col("cache_read_heir") - pl.col("cache_read")
    written = pl.sum_horizontal(WRITES)
    put = pl.when(written > 0).then(written).when("implicit").then("fresh").otherwise(0)
    owed = more.clip(0, put)
    rows = rows.with_columns(owed=owed).filter(pl.col("owed") > 0)
    rows = rows.sort("heir", -pl.col("owed"), "call_no").unique("heir", keep="first")
    if rows.is_empty():
        return left
    cuts, before = {"cache_read": pl.col("cache_read_heir") - pl.col("owed")}, pl.lit(0)
    for name in WRITES:
        cuts[name] = pl.col(f"{name}_heir") + (pl.col("owed") - before).clip(0, pl.col(name))
        before = before + pl.col(name)
    cut = rows.sort("heir").select(pl.col("heir").alias("call_no"), **cuts)
    return left.with_(parts=reclassify(left.parts, cut))


def _sums(parts: pl.DataFrame, calls: pl.Series) -> pl.DataFrame:
    """call_no and the tokens of each class of these calls' prompts."""
    calls = calls.unique()
    tokens = pl.DataFrame(by_class(parts, calls, INPUT_CLASSES), schema=list(INPUT_CLASSES))
    return tokens.hstack([calls.alias("call_no")])
