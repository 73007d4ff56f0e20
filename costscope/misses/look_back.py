"""More blocks in a turn than a provider looks back over, so that the mark of the turn before is not seen."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from costscope.misses._state import State
from costscope.misses.interface import About, Cause, Repair


class LookBack(Cause):
    """Every earlier end of a block is looked at."""

    order: ClassVar[int] = 50
    title: ClassVar[str] = "More blocks in a turn than the look-back"
    fix: ClassVar[str] = (
        "Set one more cache mark within the turn, at most as many blocks after the last one as the "
        "provider looks back over."
    )

    def repaired(self, state: State) -> Repair | None:
        """Without a look-back, if any prompt is longer than it."""
        blocks = state.blocks.group_by("call_no").len()
        calls = state.calls.join(blocks, on="call_no")
        long = calls.filter(pl.col("len") > pl.col("lookback"))
        if long.is_empty():
            return None
        about = {
            group: About(f"look-back of {limit} blocks")
            for group, limit in long.group_by("group").agg(pl.col("lookback").min()).iter_rows()
        }
        return Repair(state.with_calls(lookback=pl.lit(None, pl.Int64)), about=about)
