"""A prompt that comes back after its entry has expired."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import polars as pl

from costscope.levers._cache.rows import WRITES
from costscope.misses._state import MARKED, PROMPT, State
from costscope.misses.interface import About, Cause, Repair

SHRINK = 1_000
"""Gaps are made so much shorter: of days, a few minutes."""
SECOND = 1_000_000
HOUR = 3_600 * SECOND
LONGER = {"5m": "1h", "30m": "12h"}
STEPS = (
    ("up to 5 min", 300_000_000), ("5 to 30 min", 1_800_000_000), ("30 to 60 min", HOUR),
    ("1 to 12 h", 12 * HOUR), ("12 to 24 h", 24 * HOUR),
)  # fmt: skip
BEYOND = "over 24 h"


class TtlGap(Cause):
    """Nothing ever expires; as the remedy, prompts live longer where that can be had."""

    order: ClassVar[int] = 100
    title: ClassVar[str] = "Came back after the cache had expired"
    fix: ClassVar[str] = (
        "Ask for the longer lifetime: its dearer writes are paid for by what is read after the gaps."
    )
    in_vain: ClassVar[str] = (
        "A longer lifetime for all of these calls would not pay, or none can be asked for; send what "
        "belongs together closer together."
    )

    def repaired(self, state: State) -> Repair | None:
        """With time a thousand times as slow for the caches."""
        quick = [pl.col(name) // SHRINK for name in ("sent", "ready")]
        about = {g: About(gaps=steps) for g, steps in _gaps(state).items()}
        if not about:
            return None
        return Repair(state.with_calls(*quick), _longer(state), about=about)


def _longer(state: State) -> State:
    """With the longer lifetime wherever there is one: marks of Claude for an hour, those that OpenAI
    charges for twelve."""
    calls = state.calls.with_columns(
        longer=pl.col("life").replace_strict(LONGER, default=None, return_dtype=pl.String)
    )
    ours = calls.filter(pl.col("longer").is_not_null() & (pl.col("mode") != "implicit"))
    blocks = state.blocks.join(
        ours.select("call_no", "longer"), on="call_no", how="left", maintain_order="left"
    )
    mark = pl.when(MARKED & pl.col("longer").is_not_null()).then("longer").otherwise("breakpoint")
    charged = pl.col("longer").is_not_null() & (pl.col("mode") != "implicit")
    seconds = pl.col("longer").replace_strict(WRITES, default=None, return_dtype=pl.Int64)
    calls = calls.with_columns(
        life=pl.when(charged).then("longer").otherwise("life"),
        ttl=pl.when(charged).then(seconds * SECOND).otherwise("ttl"),
    )
    return replace(
        state,
        blocks=blocks.with_columns(breakpoint=mark).drop("longer"),
        calls=calls.drop("longer"),
    )


def _gaps(state: State) -> dict[int, tuple[tuple[str, int], ...]]:
    """By group how many calls came how long after the last touch of the longest prefix that they had in
    common with an earlier call; only of groups in which some came later than their lifetime."""
    facts = state.calls.select("call_no", "scope", "group", "sent", "ttl")
    rows = state.blocks.filter(pl.col("content") != 0).join(facts, on="call_no")
    rows = rows.select("call_no", "seq", "scope", "group", "sent", "ttl", "prefix", asked=PROMPT)
    rows = rows.sort("scope", "prefix", "sent", "call_no").with_columns(
        gap=pl.col("sent") - pl.col("sent").shift(1).over("scope", "prefix")
    )
    known = rows.filter(pl.col("asked") & pl.col("gap").is_not_null()).sort("call_no", "seq")
    calls = known.group_by("call_no", maintain_order=True).agg(
        pl.col("group").first(), pl.col("gap").last(), late=(pl.col("gap") > pl.col("ttl")).any()
    )
    named = calls.with_columns(step=_step(pl.col("gap")))
    late = named.filter(pl.col("late").any().over("group"))
    counts = {(g, s): n for g, s, n in late.group_by("group", "step").len().iter_rows()}
    names = [*(name for name, _ in STEPS), BEYOND]
    return {
        group: tuple((name, counts.get((group, name), 0)) for name in names)
        for group in late["group"].unique().sort()
    }


def _step(gap: pl.Expr) -> pl.Expr:
    """The name of the step of a histogram that a gap in microseconds is in."""
    found = pl.lit(BEYOND)
    for name, upto in reversed(STEPS):
        found = pl.when(gap <= upto).then(pl.lit(name)).otherwise(found)
    return found
