"""What a store of answers holds: for how long each, and what makes room for others. Not a lever."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from costscope.levers._answers.allowed import moments
from costscope.levers._cache.lru import passed


def held(made: pl.DataFrame, keys: Sequence[str], ttl_us: int) -> pl.DataFrame:
    """From and until when (microseconds: start, until) the answer of each call is held: until its time
    is up, or a newer one of the same request (`keys`) is there."""
    _, answered = moments()
    made = made.with_columns(answered.alias("start")).sort(*keys, "start", "call_id")
    newer = pl.col("start").shift(-1).over(keys)
    until = pl.min_horizontal(pl.col("start") + ttl_us, newer)
    return made.select("start", until.alias("until"))


def lost(asked: pl.DataFrame, keys: Sequence[str], room: int) -> pl.Series:
    """`lost`, a flag per call: whether its request (`keys`) was made before, and so many others have
    been since that its answer is gone, where `room` answers fit and the one that was asked for longest
    ago goes first. Every request, a hit too, makes its answer the newest."""
    if asked.height <= room or asked.n_unique(keys) <= room:
        return pl.repeat(value=False, n=asked.height, eager=True).alias("lost")
    turns = asked.select(
        pl.struct(keys).rank("dense").alias("kind"),
        "sent_at",
        "call_id",
        row=pl.int_range(pl.len()),
    ).sort("sent_at", "call_id")
    kinds = turns["kind"].to_list()
    there = pl.Series(passed(kinds, [1] * len(kinds), room), dtype=pl.Boolean)
    before = pl.int_range(pl.len()).over("kind") > 0
    return turns.select("row", lost=before & ~there).sort("row")["lost"]
