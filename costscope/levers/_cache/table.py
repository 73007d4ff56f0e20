"""Ways of caching one log side by side, in tokens. No money: that is for a price book."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from costscope.levers._cache.policy import UNITS, Billing, Way, stretch
from costscope.model import Column, Table

ENOUGH = 500_000
"""Blocks that ways are compared on: of a log with more the calls of its first stretch of time."""
BY_ITSELF = "the provider's"
"""The lifetime where a provider caches unasked, and there are no marks."""
MODELS = 3
"""Of so many models, those with most tokens, every way is shown."""
WRITTEN = [name for name in UNITS if name != "cache_read"]
COLUMNS = (
    Column("model"), Column("marks"), Column("lifetime"), Column("calls", "count"),
    Column("read", "tokens"), Column("written", "tokens"), Column("fresh", "tokens"),
    Column("as fresh input", "tokens"),
)  # fmt: skip
NOTE = (
    "as fresh input: all of them weighed by the usual multipliers (read 0.1, written 1.25, for 1h 2, for "
    "12h 2.5); a model's own rates may differ, and the figure above is by those"
)


def compared(blocks: pl.DataFrame, ways: Sequence[Way], billed: Billing) -> Sequence[Table]:
    """A row for each model and way of caching that differs from the others; nothing without calls."""
    calls = pl.concat([way.calls.select("call_no", "sent", "model") for way in ways])
    calls = calls.unique("call_no").sort("call_no")
    looked = blocks.join(calls.select("call_no"), on="call_no", how="semi", maintain_order="left")
    some = stretch(looked, calls, ENOUGH)
    if some.is_empty():
        return ()
    sizes = lengths(some, calls)
    rows = [row for way in ways for row in summed(some, way, sizes, billed)]
    tokens: dict[str | int, int] = dict(models(sizes).iter_rows())
    rows.sort(key=lambda row: (-tokens[row[0]], row[0]))
    shown = list(tokens)[:MODELS]
    rows = different([row for row in rows if row[0] in shown])
    if not rows:
        return ()
    part = "" if some is looked else f"; on the first {sizes.height:,} calls"
    return (Table("Ways to cache", COLUMNS, rows, NOTE + part),)


def lengths(blocks: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """call_no, model and `length`: the tokens of each prompt."""
    prompt = pl.col("billing_class") != "output"
    sizes = blocks.filter(prompt).group_by("call_no").agg(length=pl.col("tokens").sum())
    return sizes.join(calls.select("call_no", pl.col("model").cast(pl.String)), on="call_no")


def models(sizes: pl.DataFrame) -> pl.DataFrame:
    """Models by their tokens, the most first."""
    return sizes.group_by("model").agg(pl.col("length").sum()).sort(-pl.col("length"), "model")


def summed(
    blocks: pl.DataFrame, way: Way, sizes: pl.DataFrame, billed: Billing
) -> list[tuple[str | int, ...]]:
    """A row of the table for each model."""
    lives = way.calls.select("call_no", life=lifetime())
    found = billed(blocks, way.calls).join(sizes, on="call_no").join(lives, on="call_no")
    units = pl.sum_horizontal(pl.col(kind) * (100 - unit) for kind, unit in UNITS.items())
    totals = found.group_by("model").agg(
        calls=pl.len().cast(pl.Int64), read=pl.col("cache_read").sum(),
        written=pl.sum_horizontal(WRITTEN).sum(), length=pl.col("length").sum(),
        saved=units.sum(), life=pl.col("life").unique().sort().str.join(", "),
    ).sort("model")  # fmt: skip
    return [
        (model, "" if life == BY_ITSELF else way.marks, life, calls, read, written, length - read - written,
         length - saved // 100)
        for model, calls, read, written, length, saved, life in totals.iter_rows()
    ]  # fmt: skip


def lifetime() -> pl.Expr:
    """What a call's marks live for, or that the provider decides it."""
    by_itself = (pl.col("mode") == "implicit") | (pl.col("life") == "")
    return pl.when(by_itself).then(pl.lit(BY_ITSELF)).otherwise("life")


def different(rows: Sequence[tuple[str | int, ...]]) -> list[tuple[str | int, ...]]:
    """The rows without those that bill a model as one before them does; a model of which nothing is
    ever read has none."""
    seen: set[tuple[str | int, ...]] = set()
    kept = []
    useful = {row[0] for row in rows if row[4]}
    for row in rows:
        figures = (row[0], *row[3:])
        if row[0] in useful and figures not in seen:
            seen.add(figures)
            kept.append(row)
    return kept
