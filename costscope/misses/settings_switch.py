"""A conversation that goes on under other settings, for which the provider reads its prompt anew."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from costscope.misses._state import State
from costscope.misses.interface import About, Cause, Repair
from costscope.misses.model_switch import TALK

TALKS = ("talk", "scope")


class SettingsSwitch(Cause):
    """Every conversation keeps, with each model, the settings of most of its calls.

    Which settings count, and what of a prompt is read anew, is the provider's rule: with Anthropic the
    messages, with OpenAI all. A log tells them apart, not what they are.
    """

    order: ClassVar[int] = 75
    title: ClassVar[str] = "Settings switched within a conversation"
    fix: ClassVar[str] = (
        "Keep tool_choice, thinking, effort, verbosity and the answer's format the same from the first "
        "call of a conversation to its last, or count the re-reading of its history as a part of the "
        "price of a switch."
    )

    def repaired(self, state: State) -> Repair | None:
        """With each conversation under the settings of most of its calls."""
        counted = pl.col("resets").fill_null("") != ""
        calls = state.calls.with_columns(talk=pl.when(counted).then(TALK))
        mixed = pl.col("talk").is_not_null() & (pl.col("params_hash").n_unique().over(TALKS) > 1)
        switched = calls.filter(mixed)
        if switched.is_empty():
            return None
        counts = switched.group_by(*TALKS, "params_hash").agg(
            n=pl.len().cast(pl.Int64), first=pl.col("sent").min()
        )
        most = counts.sort(*TALKS, -pl.col("n"), "first", "params_hash").unique(
            TALKS, keep="first", maintain_order=True
        )
        kept = calls.join(
            most.select(*TALKS, kept="params_hash"), on=TALKS, how="left", maintain_order="left"
        )
        kept = kept.with_columns(params_hash=pl.coalesce("kept", "params_hash")).drop(
            "kept", "talk"
        )
        return Repair(State(state.blocks, kept, state.spans), about=_about(switched))


def _about(switched: pl.DataFrame) -> dict[int, About]:
    found = switched.group_by("group").agg(pl.col("params_hash").n_unique())
    return {group: About(f"{n} sets of settings") for group, n in found.iter_rows()}
