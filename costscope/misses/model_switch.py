"""A conversation that goes on with another model, which has nothing of it in its cache."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from costscope.misses._state import State
from costscope.misses.interface import About, Cause, Repair

TALK = pl.coalesce("session", "trace")


class ModelSwitch(Cause):
    """Every conversation stays where most of its calls are. Models keep their prices: only what is
    cached is compared."""

    order: ClassVar[int] = 70
    title: ClassVar[str] = "Model switched within a conversation"
    fix: ClassVar[str] = (
        "Choose the model once, at the start of a conversation, or count the re-reading of its history "
        "as a part of the price of a switch."
    )

    def repaired(self, state: State) -> Repair | None:
        """With each conversation in the cache scope of most of its calls."""
        calls = state.calls.with_columns(talk=TALK)
        mixed = pl.col("talk").is_not_null() & (pl.col("scope").n_unique().over("talk") > 1)
        switched = calls.filter(mixed)
        if switched.is_empty():
            return None
        counts = switched.group_by("talk", "scope").agg(
            n=pl.len().cast(pl.Int64), first=pl.col("sent").min()
        )
        home = counts.sort("talk", -pl.col("n"), "first", "scope").unique(
            "talk", keep="first", maintain_order=True
        )
        moved = calls.join(
            home.select("talk", home="scope"), on="talk", how="left", maintain_order="left"
        )
        moved = moved.with_columns(scope=pl.coalesce("home", "scope")).drop("home", "talk")
        return Repair(State(state.blocks, moved, state.spans), about=_about(switched))


def _about(switched: pl.DataFrame) -> dict[int, About]:
    models = switched.group_by("group").agg(pl.col("model").cast(pl.String).unique().sort())
    return {group: About(" / ".join(names[:3])) for group, names in models.iter_rows()}
