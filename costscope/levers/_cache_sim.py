"""The prompt-cache simulator: which prefix of each call was still cached when it was sent.

A prefix is live if its previous touch in the same scope is at most one lifetime ago and its first
writer had begun to answer. No loop over calls and no price: what goes in are blocks and rules.
"""

from __future__ import annotations

import polars as pl

from costscope.levers._cache_marks import placed

SPREAD = 0x9E3779B97F4A7C15
"""Odd: keeps the prefixes of different scopes apart in one 64-bit key."""

WRITES = {"1h": 3_600, "12h": 43_200, "5m": 300, "30m": 1_800}
"""Seconds of each lifetime that is billed as a write, in the order of model.INPUT_CLASSES."""

CALL = (
    "scope",
    "sent",
    "ready",
    "mode",
    "minimum",
    "granularity",
    "lookback",
    "life",
    "ttl",
    "policy",
)


def simulate(blocks: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """What caching would have done for each call: a row per call whose prompt has any text.

    `blocks`: as `_prefix.blocks` gives them. `calls`: call_no, scope (u64), sent and ready
    (microseconds; from `ready` on others can read what it wrote), mode (explicit, implicit,
    breakpoint), minimum, granularity, lookback (null: unlimited), life (name of the lifetime of a
    mark set by policy), ttl (microseconds) and policy; calls of other modes are left out.

    Returns call_no, `ideal` (tokens read if nothing is evicted or misrouted, in the call's own
    tokens) and `upto_5m` …: how far along the prompt a mark of that lifetime is written, 0 if none.
    """
    reply = pl.col("billing_class").cast(pl.String) == "output"
    rows = blocks.filter((pl.col("content") != 0) & (pl.col("prefix") != 0)).select(
        "call_no", "seq", "end", "prefix", "role", "kind", "breakpoint", reply=reply
    )
    rows = rows.join(calls.select("call_no", *CALL), on="call_no", maintain_order="left")
    # Lazily: one query instead of thirty small ones.
    found = live(touches(placed(rows.lazy()))).group_by("call_no").agg(
        ideal=pl.col("end").filter("hit").max(), **{f"upto_{name}": written(name) for name in WRITES}
    ).collect()  # fmt: skip
    known = rows.filter(~pl.col("reply")).select(pl.col("call_no").unique(maintain_order=True))
    return known.join(found, on="call_no", how="left", maintain_order="left").fill_null(0)


def touches(spots: pl.LazyFrame) -> pl.LazyFrame:
    """Only the places that look or write, cut to granularity and minimum; `ready` null: no write.

    A reply is ready at once: a prompt that holds it can only have been sent after it.
    """
    steps = pl.max_horizontal("granularity", 1)
    end = pl.col("end") // steps * steps
    big = end >= pl.col("minimum")
    writes = (pl.col("mark") != "") & (big | (pl.col("mode") == "implicit"))
    ready = pl.when("reply").then("sent").otherwise(pl.max_horizontal("ready", pl.col("sent") + 1))
    marked = pl.col("mark").replace_strict(
        {name: seconds * 1_000_000 for name, seconds in WRITES.items()},
        default=None,
        return_dtype=pl.Int64,
    )
    return spots.select(
        "call_no",
        "sent",
        "mark",
        "mode",
        key=pl.col("prefix") ^ (pl.col("scope") * SPREAD),
        end=end,
        look=pl.col("look") & big,
        ready=pl.when(writes).then(ready),
        ttl=pl.when(writes).then(pl.coalesce(marked, "ttl")),
    ).filter(pl.col("look") | pl.col("ready").is_not_null())


def live(rows: pl.LazyFrame) -> pl.LazyFrame:
    """`rows` with `hit`: somebody wrote this prefix, and it has been kept alive since.

    Touches of one prefix form islands, parted by gaps longer than its lifetime (counted from the
    start of a request, renewed by every touch). In an island it is live once a writer is ready.
    """
    rows = rows.sort("key", "sent")
    key, sent = pl.col("key"), pl.col("sent")
    rows = rows.with_columns(ttl=pl.col("ttl").max().over("key"))
    parted = (key != key.shift(1)) | (sent - sent.shift(1) > pl.col("ttl"))
    rows = rows.with_columns(island=parted.fill_null(value=True).cum_sum())
    first = pl.col("ready").min().over("island")
    return rows.with_columns(hit=(pl.col("look") & (first <= sent)).fill_null(value=False))


def written(name: str) -> pl.Expr:
    """How far along the prompt the last mark of one lifetime stands, in tokens."""
    here = (pl.col("mark") == name) & pl.col("ready").is_not_null()
    return pl.col("end").filter(here & (pl.col("mode") != "implicit")).max()


def cuts(simulated: pl.DataFrame, read: pl.Expr) -> pl.DataFrame:
    """Tokens per billing class of each call, of which `read` (from `ideal` and others) are read.

    What is not read is written again as far as the marks go: read = A, then each lifetime's last
    mark less what lies before it (billing.md 1.1).
    """
    reach = pl.col("cache_read")
    columns = []
    for name in WRITES:
        upto = pl.max_horizontal(reach, f"upto_{name}")
        columns.append((upto - reach).alias(f"cache_write_{name}"))
        reach = upto
    return simulated.with_columns(cache_read=read.cast(pl.Int64)).select(
        "call_no", "cache_read", *columns
    )
