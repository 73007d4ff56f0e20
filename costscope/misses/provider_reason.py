"""Misses for which the provider itself names the reason: what no prompt shows, a switch of settings too."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from costscope.misses._state import State, billed, simulated
from costscope.misses._told import REASON, reasons
from costscope.misses.interface import About, Cause, Repair

SHOWN = 3


class ProviderReason(Cause):
    """Calls of which the provider said that the request had changed read what their prompts had in
    common with those before them.

    What that is, the simulator says: the tokens beside a reason are the provider's estimate from
    lengths in bytes, which is no bill. The first difference is named, others may stand behind it.
    """

    order: ClassVar[int] = 110
    title: ClassVar[str] = "The provider names the reason"
    fix: ClassVar[str] = (
        "Keep what the provider names the same from call to call: the model, the tools, settings such as "
        "effort and format, the service tier."
    )

    def repaired(self, state: State) -> Repair | None:
        """With all read that the prompts allow, where a reason was given."""
        told = reasons(state.calls)
        if told.is_empty():
            return None
        shown = state.calls.filter("in_force").select("call_no", "billed").join(told, on="call_no")
        ideal = simulated(state).select("call_no", "ideal").join(shown, on="call_no")
        rows = billed(state).select("call_no", "read").join(
            ideal.filter(pl.col("ideal") > pl.col("billed")),
            on="call_no", how="left", maintain_order="left",
        )  # fmt: skip
        was, reads = (
            rows.select("call_no", read=pl.coalesce(name, "read")) for name in ("billed", "ideal")
        )
        return Repair(state, reads=reads, was=was, about=_about(state, told))


def _about(state: State, told: pl.DataFrame) -> dict[int, About]:
    """Of each group the reasons, the most frequent first."""
    rows = told.join(state.calls.select("call_no", "group"), on="call_no")
    counts = (
        rows.group_by("group", REASON)
        .len()
        .sort("group", "len", REASON, descending=[False, True, False])
    )
    named = counts.with_columns(text=pl.format("{} ({})", REASON, "len"))
    groups = named.group_by("group", maintain_order=True).agg(pl.col("text").head(SHOWN))
    return {group: About(", ".join(texts)) for group, texts in groups.iter_rows()}
