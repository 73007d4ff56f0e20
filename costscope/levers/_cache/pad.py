"""Beginnings that fall short of what a provider caches, lengthened to it where that pays."""

from __future__ import annotations

import polars as pl

from costscope.levers._cache.policy import UNITS
from costscope.levers._cache.whole import holding
from costscope.levers._prefix import blocks, rehash

FREE, CHARGED = 100, 125
"""Hundredths of the input rate that a write costs: nothing extra where a provider caches by itself."""
SCOPED = ("scope", "prefix")
PAD = 0xA5A5A5A5


def padded(parts: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """`parts` with a block more behind the tools and system prompts that are shorter than the minimum
    and recur often enough: the same object where there are none.

    One that is used n times in w stretches without a gap longer than its lifetime pays from the length
    L on with n L > M ((n - w) read + w write), M the minimum: L* = M (r + (w - r) / N) of OpenAI's
    guide, N the uses a write. `calls`: call_no, scope, sent, ttl, life, mode, minimum.
    """
    short = worthwhile(recurring(heads(parts, calls)))
    return parts if short.is_empty() else lengthened(parts, short)


def heads(parts: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """The last block of tools and system of each call, where it ends below the minimum: call_no, seq,
    prefix, end and the facts of the call."""
    begins = (pl.col("role") == "system") | (pl.col("kind") == "tool_schema")
    facts = calls.select("call_no", "scope", "sent", "ttl", "life", "mode", "minimum")
    rows = blocks(holding(parts, calls["call_no"].to_numpy()))
    prompt = pl.col("billing_class") != "output"
    told = rows.filter(begins & prompt & (pl.col("content") != 0))
    last = told.unique("call_no", keep="last", maintain_order=True)
    found = last.select("call_no", "seq", "prefix", "end").join(facts, on="call_no")
    return found.filter(pl.col("end") < pl.col("minimum")).sort("call_no")


def recurring(found: pl.DataFrame) -> pl.DataFrame:
    """The heads, with `uses` of each beginning and the `writes` that its gaps make necessary."""
    rows = found.sort(*SCOPED, "sent", "call_no")
    gap = pl.col("sent") - pl.col("sent").shift(1).over(SCOPED)
    rows = rows.with_columns(late=(gap > pl.col("ttl")).fill_null(value=True))
    return rows.with_columns(
        uses=pl.len().over(SCOPED).cast(pl.Int64), writes=pl.col("late").sum().over(SCOPED).cast(pl.Int64)
    )  # fmt: skip


def worthwhile(found: pl.DataFrame) -> pl.DataFrame:
    """The heads that are dearer as they are than lengthened and cached."""
    write = pl.col("life").replace_strict(
        {name.removeprefix("cache_write_"): n for name, n in UNITS.items()},
        default=CHARGED, return_dtype=pl.Int64,
    )  # fmt: skip
    write = pl.when(pl.col("mode") == "implicit").then(FREE).otherwise(write)
    reads = (pl.col("uses") - pl.col("writes")) * UNITS["cache_read"]
    with_pad = pl.col("minimum") * (reads + pl.col("writes") * write)
    return found.filter(pl.col("uses") * pl.col("end") * FREE > with_pad)


def lengthened(parts: pl.DataFrame, short: pl.DataFrame) -> pl.DataFrame:
    """`parts` with a fresh block behind each of these heads that brings it to the minimum."""
    spot = short.select("call_no", "seq", pad=pl.col("minimum") - pl.col("end"), head="prefix")
    last = parts.join(spot, on=["call_no", "seq"]).unique(["call_no", "seq"], maintain_order=True)
    pads = last.with_columns(
        tokens=pl.col("pad"),
        content=pl.col("head") ^ pl.lit(PAD, pl.UInt64) | pl.lit(1, pl.UInt64),
        billing_class=pl.lit("fresh").cast(parts.schema["billing_class"]),
        kind=pl.lit("text").cast(parts.schema["kind"]),
        role=pl.lit("system").cast(parts.schema["role"]),
        segment=pl.lit("system").cast(parts.schema["segment"]),
    )
    moved = parts.join(
        spot.select("call_no", at="seq"), on="call_no", how="left", maintain_order="left"
    )
    behind = (pl.col("seq") > pl.col("at")).fill_null(value=False).cast(parts.schema["seq"])
    moved = moved.with_columns(seq=pl.col("seq") + behind).select(parts.columns)
    pads = pads.with_columns(seq=pl.col("seq") + 1).select(parts.columns)
    return rehash(pl.concat([moved, pads]))
