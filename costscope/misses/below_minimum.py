"""A prompt that recurs but is shorter than what a provider caches, silently."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import polars as pl

from costscope.misses._state import MARKED, PROMPT, State, relaid
from costscope.misses.interface import About, Cause, Repair


class BelowMinimum(Cause):
    """Padded to the minimum, where the padding costs less than it saves."""

    order: ClassVar[int] = 60
    title: ClassVar[str] = "Below the provider's minimum"
    fix: ClassVar[str] = (
        "Lengthen the stable beginning to the provider's minimum (examples, rules, tools), or share "
        "one beginning among features."
    )
    only_if_it_pays: ClassVar[bool] = True

    def repaired(self, state: State) -> Repair | None:
        """Without a minimum; and, as the remedy, with heads padded to it."""
        short = _short(state)
        if short.is_empty():
            return None
        about = {
            group: About(f"{head:,} of {minimum:,} tokens")
            for group, head, minimum in short.group_by("group")
            .agg(pl.col("end").median().cast(pl.Int64), pl.col("minimum").median().cast(pl.Int64))
            .iter_rows()
        }
        here = pl.col("call_no").is_in(short["call_no"].implode())
        least = pl.when(here).then(pl.lit(1, pl.Int64)).otherwise("minimum")
        free = state.with_calls(minimum=least)
        return Repair(free, replace(state, blocks=_padded(state, short)), about=about)


def _short(state: State) -> pl.DataFrame:
    """The calls whose tools and system prompt others have too, but end before the minimum: with the
    seq, end and minimum of that."""
    head = pl.col("role").cast(pl.String).is_in(["system"]) | (
        pl.col("kind").cast(pl.String) == "tool_schema"
    )
    rows = state.blocks.filter(PROMPT & head & (pl.col("content") != 0))
    last = rows.group_by("call_no").agg(pl.col("seq", "end", "prefix").sort_by("seq").last())
    facts = state.calls.select("call_no", "group", "scope", "minimum")
    last = last.join(facts, on="call_no").filter(pl.col("end") < pl.col("minimum"))
    return last.filter(pl.len().over("scope", "prefix") > 1).sort("call_no")


def _padded(state: State, short: pl.DataFrame) -> pl.DataFrame:
    """The blocks with one more at the end of each of these heads, which takes over its mark."""
    key = ["call_no", "seq"]
    spot = short.select(*key, pad=pl.col("minimum") - pl.col("end"))
    ends = state.blocks.join(spot, on=key, maintain_order="left")
    pads = ends.with_columns(
        seq=pl.col("seq").cast(pl.Float64) + 0.5,
        content=pl.col("prefix") ^ pl.lit(0xA5A5A5A5, pl.UInt64) | pl.lit(1, pl.UInt64),
        tokens="pad",
        kind=pl.lit("text").cast(ends.schema["kind"]),
    )
    bare = pl.when(pl.struct(key).is_in(spot.select(pl.struct(key)).to_series().implode()) & MARKED)
    blocks = state.blocks.with_columns(
        pl.col("seq").cast(pl.Float64),
        breakpoint=bare.then(pl.lit("")).otherwise("breakpoint"),
    )
    return relaid(pl.concat([blocks, pads.select(state.blocks.columns)]))
