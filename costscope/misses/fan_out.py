"""Calls sent side by side before the first of them could be read from: each finds nothing."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from costscope.misses._state import State
from costscope.misses.interface import Cause, Repair


class FanOut(Cause):
    """An entry can be read as soon as it is sent, and no two calls are sent at once."""

    order: ClassVar[int] = 90
    title: ClassVar[str] = "Parallel calls on a cold cache"
    fix: ClassVar[str] = (
        "Send one call first, wait until its answer begins, then send the others; or warm the cache up "
        "beforehand."
    )

    def repaired(self, state: State) -> Repair | None:
        """With what a call writes readable for the very next one."""
        calls = state.calls.sort("scope", "sent", "call_no")
        beside = pl.col("sent") < pl.col("ready").shift(1).over("scope")
        if not calls.select(beside.any()).item():
            return None
        later = pl.col("sent") + pl.int_range(pl.len()).over("scope", "sent")
        apart = calls.with_columns(sent=later, ready=later).sort("call_no")
        return Repair(State(state.blocks, apart, state.spans))
