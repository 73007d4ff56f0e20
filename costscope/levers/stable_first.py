"""What if what is the same in every call came first, and what changes from call to call came last?

Whole blocks are moved, and only where a request lets them stand: not what varies within one text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._cache.stable_order import KEY, placed, reordered
from costscope.levers._words import count, listing
from costscope.levers.interface import Lever
from costscope.model import Column, Table, Workload
from costscope.once import once

COLUMNS = (
    Column("feature"), Column("model"), Column("calls", "count"),
    Column("blocks behind the last message", "count"), Column("tokens", "tokens"),
    Column("blocks in another order", "count"),
)  # fmt: skip


@dataclass(frozen=True)
class StableFirst(Lever):
    """Blocks of tool lists and system prompts in the order of how many calls share them.

    Tools stay among tools and system text among system text, for providers put them in that order.
    A system block that changes within a conversation goes behind the last message.
    """

    title: ClassVar[str] = "Order prompts stable first"
    stage: ClassVar[str] = "truncation"
    flag: ClassVar[str] = "stable-first"
    effort: ClassVar[str] = "medium"
    risk: ClassVar[str] = "medium"
    rewrites_prompts: ClassVar[bool] = True
    prerequisites: ClassVar[Sequence[str]] = (
        "The application builds the prompt from parts that can change places.",
        "Caching is in force, or is switched on together with this: alone it saves nothing.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "A model may follow instructions otherwise if they come in another order; test that.",
        "Only whole blocks are moved; a timestamp in the middle of a text is not taken out of it.",
    )

    rare: float = 0.2
    """A block that at most this share of a feature's calls have is no version of a template."""
    least: int = 5
    """Fewer calls of a feature show nothing of what varies in it."""

    def __post_init__(self) -> None:
        """Raises SettingsError for a value that means nothing."""
        if not 0 <= self.rare <= 1:
            raise SettingsError(f"stable_first.rare is {self.rare}; it is 0 to 1")
        if self.least < 2:
            raise SettingsError(f"stable_first.least is {self.least}; it is 2 or more")

    def apply(self, workload: Workload) -> Workload:
        """The prompts in their new order; what is cached of it is simulated afterwards."""
        order = ordered(workload, self)
        return workload if order.is_empty() else reordered(workload, order)

    def action(self, before: Workload, after: Workload) -> str:
        """In which features to change the order."""
        rows = summed(before, ordered(before, self))
        if not rows:
            return "Leave prompts in their order: tools and system text come stable first already."
        features = listing([f"{row[0]} ({row[2]:,} calls)" for row in rows])
        return (
            f"Put what all calls share at the beginning of the prompt in {features}, and what changes from "
            "call to call behind the last message."
        )

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """How much moves."""
        order = ordered(before, self)
        if order.is_empty():
            return []
        gone = order.filter("moved")
        calls = order["call_no"].n_unique()
        return [
            f"In {count(calls, 'call')} tools or system text come in another order; in "
            f"{count(gone['call_no'].n_unique(), 'call')} {count(gone.height, 'block')} would stand behind "
            "the last message."
        ]

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """Per feature what moves where."""
        rows = summed(before, ordered(before, self))
        return (Table("What moves", COLUMNS, rows),) if rows else ()


@once
def ordered(workload: Workload, lever: StableFirst) -> pl.DataFrame:
    """What is to change places, see `_stable_order.placed`."""
    return placed(workload, lever.rare, lever.least)


def summed(workload: Workload, order: pl.DataFrame) -> list[tuple[str | int, ...]]:
    """A row for each feature and model, those with most calls first."""
    if order.is_empty():
        return []
    sizes = workload.parts.group_by(KEY).agg(pl.col("tokens").sum())
    about = workload.calls.select("call_no", "feature", pl.col("model").cast(pl.String))
    rows = order.join(about, on="call_no").join(sizes, on=KEY)
    other = ~pl.col("moved") & (pl.col("to") != pl.col("seq"))
    sums = rows.group_by("feature", "model").agg(
        calls=pl.col("call_no").n_unique().cast(pl.Int64), gone=pl.col("moved").sum().cast(pl.Int64),
        tokens=pl.col("tokens").filter("moved").sum(), other=other.sum().cast(pl.Int64),
    )  # fmt: skip
    ranked = sums.sort(-pl.col("calls"), "feature", "model", nulls_last=True)
    return list(ranked.with_columns(pl.col("feature").fill_null("(no feature)")).iter_rows())
