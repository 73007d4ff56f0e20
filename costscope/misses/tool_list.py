"""Tool definitions that change, or come in another order, before a system prompt that stays."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import polars as pl

from costscope.misses._state import PROMPT, State, relaid
from costscope.misses.interface import About, Cause, Repair

SCHEMA = pl.col("kind").cast(pl.String) == "tool_schema"
HEAD = ("group", "system")


class ToolList(Cause):
    """Every call that has the same system prompt offers the same tools in one order."""

    order: ClassVar[int] = 30
    title: ClassVar[str] = "Tool definitions change"
    fix: ClassVar[str] = (
        "Send the whole tool list in one order with sorted keys, and choose among it by tool_choice "
        "or allowed tools."
    )

    def repaired(self, state: State) -> Repair | None:
        """With the tools of a call as one block that is the same in every call."""
        lists = listed(state)
        if lists.is_empty():
            return None
        key = pl.struct("group", "system").hash(7) | pl.lit(1, pl.UInt64)
        lists = lists.with_columns(content=key, longest=pl.col("tokens").max().over(HEAD))
        return Repair(replace(state, blocks=_replaced(state, lists)), about=_about(lists))


def listed(state: State) -> pl.DataFrame:
    """A row for each call whose tools differ from others with the same system prompt."""
    tools = state.blocks.filter(PROMPT & SCHEMA & (pl.col("content") != 0))
    system = pl.col("role").cast(pl.String) == "system"
    spoken = state.blocks.filter(PROMPT & system & ~SCHEMA & (pl.col("content") != 0))
    said = spoken.group_by("call_no").agg(system=pl.col("content").first())
    lists = tools.group_by("call_no").agg(
        order=pl.col("content").cast(pl.String).str.join(" "),
        any_order=pl.col("content").sort().cast(pl.String).str.join(" "),
        seq=pl.col("seq").min(), tokens=pl.col("tokens").sum(),
        mark=pl.col("breakpoint").max(),
    )  # fmt: skip
    lists = lists.join(said, on="call_no", how="left").join(
        state.calls.select("call_no", "group"), on="call_no"
    )
    varied = lists.filter(pl.col("order").n_unique().over(HEAD) > 1)
    return varied.sort("call_no")


def _replaced(state: State, lists: pl.DataFrame) -> pl.DataFrame:
    """The blocks with the tools of each of these calls as one, as long as the longest list."""
    given = lists.select("call_no", "seq", "content", tokens=pl.col("longest"), breakpoint="mark")
    touched = state.blocks.join(given.select("call_no"), on="call_no", how="semi")
    first = touched.drop("content", "tokens", "breakpoint").join(given, on=["call_no", "seq"])
    tools = PROMPT & SCHEMA & (pl.col("content") != 0)
    others = touched.filter(~tools)
    rest = state.blocks.join(given.select("call_no"), on="call_no", how="anti")
    columns = state.blocks.columns
    return relaid(pl.concat([part.select(columns) for part in (rest, others, first)]))


def _about(lists: pl.DataFrame) -> dict[int, About]:
    """Whether the tools of a group are the same ones in another order."""
    found = {}
    counts = lists.group_by("group").agg(pl.col("order", "any_order").n_unique())
    for group, orders, sets in counts.iter_rows():
        what = "one list in" if sets == 1 else f"{sets:,} lists in"
        found[group] = About(f"tools: {what} {orders:,} orders")
    return found
