"""What if only the last turns of a conversation were sent along? A sliding window over history.

Not a summary of what is left out, and never a cut through system, tools, context or query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._prefix import rehash
from costscope.levers._rows import to_fresh
from costscope.levers._words import count, percent
from costscope.levers.interface import Lever
from costscope.model import Workload


@dataclass(frozen=True)
class History(Lever):
    """Drops history that is older than the last `turns` turns before the current one.

    Whole turns go, so a tool call never loses its result. Prefixes are made anew, and what was read
    from the provider's cache behind the first gap counts as fresh until caching is simulated again.
    """

    title: ClassVar[str] = "Send fewer old turns"
    stage: ClassVar[str] = "truncation"
    flag: ClassVar[str] = "truncate"
    effort: ClassVar[str] = "low"
    risk: ClassVar[str] = "high"
    rewrites_prompts: ClassVar[bool] = True
    prerequisites: ClassVar[Sequence[str]] = (
        "The application builds the prompt itself and does not leave history to the provider.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "Answers will differ wherever they needed what was dropped; nothing here measures that.",
        "A window that moves with every turn breaks the provider's cached prefix behind the system "
        "prompt; that loss is in the figure where the log shows caching.",
    )

    turns: int = 6
    """How many turns before the current one are kept."""

    def __post_init__(self) -> None:
        if self.turns < 0:
            raise SettingsError(f"turns is {self.turns}; it must be 0 or more")

    def apply(self, workload: Workload) -> Workload:
        cut = workload.parts.with_columns(self._old().alias("_old"))
        if not cut["_old"].any():
            return workload
        gaps = cut.filter("_old").group_by("call_no").agg(pl.col("seq").min().alias("_gap"))
        kept = cut.filter(~pl.col("_old")).join(
            gaps, on="call_no", how="left", maintain_order="left"
        )
        kept = to_fresh(kept, (pl.col("seq") > pl.col("_gap")).fill_null(value=False))
        return workload.with_(parts=rehash(kept.drop("_old", "_gap")))

    def action(self, before: Workload, after: Workload) -> str:
        had, has = (int(w.parts["tokens"].sum()) for w in (before, after))
        if had == has:
            return "Send only the last turns of a conversation; none is longer."
        share = percent(had - has, had)
        return (
            f"Send only the last {count(self.turns, 'turn')} of a conversation: "
            f"{count(had - has, 'token')} ({share} of all) need not be sent."
        )

    def variants(self) -> Sequence[Self]:
        """Longer windows, the longest first; none if the window was set by hand."""
        if self.turns != type(self).turns:
            return (self,)
        return tuple(replace(self, turns=turns) for turns in (20, 12, self.turns))

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """How much of the log the window reaches."""
        calls = pl.col("call_no").filter(IS_HISTORY).n_unique()
        had, has = (w.parts.select(calls).item() for w in (before, after))
        return [
            f"{count(had, 'call')} sent history; {count(had - has, 'call')} would send none. "
            "Turns are counted by user messages, so a long run of tools is one turn."
        ]

    def _old(self) -> pl.Expr:
        """Parts of history more than `turns` turns before the call's own."""
        current = pl.col("turn").max().over("call_no")
        return IS_HISTORY & (pl.col("turn") < current - self.turns)


IS_HISTORY = pl.col("segment") == "history"
