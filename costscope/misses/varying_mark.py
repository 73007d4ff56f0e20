"""A cache mark on the block that varies: every call writes, and none ever reads."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import polars as pl

from costscope.levers._cache.rows import LOGGED
from costscope.misses._state import EXPLICIT, MARKED, PROMPT, State
from costscope.misses.interface import About, Cause, Repair

ENOUGH = 5
SELDOM = 0.1
"""A mark that at most this share of the calls ever find again is on what varies."""


class VaryingMark(Cause):
    """Marks stand at the last block that other calls have too, and nowhere that none has."""

    order: ClassVar[int] = 40
    title: ClassVar[str] = "Cache mark on what varies"
    fix: ClassVar[str] = (
        "Set the cache mark at the end of what is the same in every call (on OpenAI an explicit "
        "breakpoint), not on the block that varies."
    )

    def repaired(self, state: State) -> Repair | None:
        """With the marks moved in groups whose last marks are hardly ever found again."""
        shared = _shared(state)
        groups = _misplaced(state, shared)
        if not groups:
            return None
        here = pl.col("group").is_in(groups)
        blocks = _remarked(state.blocks, shared, state.calls.filter(here).select("call_no", "life"))
        # On OpenAI: explicit marks only, for by default the end of the prompt is marked, too.
        mode = pl.when(here & ~EXPLICIT).then(pl.lit("explicit")).otherwise("mode")
        free = replace(state, blocks=blocks).with_calls(mode=mode)
        return Repair(free, about={g: About("mark at the end of the prompt") for g in groups})


def _remarked(blocks: pl.DataFrame, shared: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """The blocks with marks of these calls at the ends of their system prompt and of all that other
    calls have, too, and otherwise only where another call has the same prefix."""
    found = shared.join(calls, on="call_no", how="inner", maintain_order="left")
    stable = pl.col("shared") & (pl.col("content") != 0) & PROMPT
    system = stable & (pl.col("role").cast(pl.String) == "system")
    ends = [
        pl.col("seq") == pl.col("seq").filter(which).max().over("call_no")
        for which in (stable, system)
    ]
    mark = pl.when(pl.any_horizontal(ends)).then("life").when("shared").then("breakpoint")
    marked = found.with_columns(breakpoint=mark.otherwise(pl.lit(""))).select(blocks.columns)
    others = blocks.join(found.select("call_no").unique(), on="call_no", how="anti")
    return pl.concat([others, marked]).sort("call_no", "seq")


def _shared(state: State) -> pl.DataFrame:
    """The blocks of prompts of calls with marks, and whether another call has the same prefix."""
    marks = (pl.col("mode") != "implicit") & (pl.col("policy") == LOGGED)
    calls = state.calls.filter(marks).select("call_no", "scope", "group")
    rows = state.blocks.join(calls, on="call_no", maintain_order="left")
    return rows.with_columns(shared=pl.col("call_no").n_unique().over("scope", "prefix") > 1)


def _misplaced(state: State, shared: pl.DataFrame) -> list[int]:
    """The groups in which last marks are hardly ever found again, though a part of the prompt could be."""
    told = shared.filter(PROMPT & (pl.col("content") != 0))
    modes = state.calls.select("call_no", "mode")
    told = told.join(modes, on="call_no", maintain_order="left")
    answers = pl.col("role").cast(pl.String).is_in(["user", "tool"])
    spot = MARKED | (~EXPLICIT & answers)
    calls = told.group_by("call_no", "group", maintain_order=True).agg(
        some=pl.col("shared").any(),
        marked=spot.any(),
        found=pl.col("shared").filter(spot).last(),
    )
    groups = calls.filter("marked").group_by("group").agg(
        n=pl.len(), found=pl.col("found").sum(), some=pl.col("some").any()
    )  # fmt: skip
    bad = (pl.col("n") >= ENOUGH) & (pl.col("found") <= SELDOM * pl.col("n")) & pl.col("some")
    return groups.filter(bad)["group"].sort().to_list()
