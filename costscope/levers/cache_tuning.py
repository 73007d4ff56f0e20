"""Other cache marks and lifetimes where prompt caching is in force already, where they pay.

Both sides are simulated: nothing that was billed is compared with a simulated figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import polars as pl

from costscope.levers._cache.choice import Choice, chosen, described, rebilled
from costscope.levers._cache.in_force import backtest, biller, calibrate
from costscope.levers._cache.policy import tried_on
from costscope.levers._cache.table import compared
from costscope.levers._prefix import blocks, reclassify
from costscope.levers._words import count
from costscope.levers.interface import Lever
from costscope.model import Table, Workload
from costscope.once import once

SHOWN = 5


@dataclass(frozen=True)
class CacheTuning(Lever):
    """Marks and lifetimes chosen for each feature whose calls are cached by marks.

    Where the provider caches by itself there is nothing to set. A feature whose marks cost more than
    they save under every policy is not cached at all.
    """

    title: ClassVar[str] = "Set cache marks and lifetimes where they pay"
    stage: ClassVar[str] = "prompt_cache"
    flag: ClassVar[str] = "cache-tuning"
    effort: ClassVar[str] = "low"
    risk: ClassVar[str] = "low"
    rewrites_prompts: ClassVar[bool] = True
    prerequisites: ClassVar[Sequence[str]] = (
        "The application builds its requests itself and can choose where it sets cache marks.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "Marks that a log does not carry are taken to be at the ends of tools, system and prompt.",
        "Chosen on the log that they are tried on; a search over four marks fits some chance.",
    )

    marks: bool = True
    """Move marks: to the ends of tools, system and prompt, or to up to four places found by search."""
    lifetimes: bool = True
    """Choose between 5m and 1h, and 30m and 12h, where both can be had."""

    def apply(self, workload: Workload) -> Workload:
        """The calls whose features gain by other marks or lifetimes, billed under those."""
        choice = decided(workload.log, self)
        cuts = None if choice is None else rebilled(workload, choice)
        if cuts is None or cuts.is_empty():
            return workload
        return workload.with_(parts=reclassify(workload.parts, cuts))

    def variants(self) -> Sequence[Self]:
        """Lifetimes alone, marks alone, both; none if one was set by hand."""
        if not (self.marks and self.lifetimes):
            return (self,)
        return replace(self, marks=False), replace(self, lifetimes=False), self

    def backtest(self, workload: Workload) -> Mapping[str, Any] | None:
        """The simulator against the tokens that the log was billed for as read from a cache."""
        return backtest(workload)

    def action(self, before: Workload, after: Workload) -> str:
        """What to change in which features."""
        choice = decided(before.log, self)
        said = [] if choice is None or after is before else described(choice)
        if not said:
            return "Leave cache marks and lifetimes as they are; none were found that save more."
        more = f"; and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
        return f"Change how prompts are cached. {'; '.join(said[:SHOWN])}{more}."

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """How many calls could be tried, and where caching as it is costs more than it saves."""
        choice = decided(before.log, self)
        if choice is None:
            return ["No call of this log is cached by marks, as far as its text explains the bill."]
        groups = choice.groups
        said = [f"Tried on {count(int(groups['calls'].sum()), 'call')} that are cached by marks."]
        lossy = groups.filter(pl.col("now") < 0).head(SHOWN)
        return said + [
            f"{row['feature'] or '(no feature)'} on {row['model']}: what is written and never read "
            f"again costs more than caching saves, by as much as {-row['now'] // 100:,} tokens of fresh "
            "input."
            for row in lossy.iter_rows(named=True)
        ]

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """What each policy with each lifetime would read and write of the log as it was."""
        return table(before.log, self)


@once
def decided(log: Workload, lever: CacheTuning) -> Choice | None:
    """What is chosen on the log as it was: its what-ifs keep to that."""
    return chosen(log, marks=lever.marks, lifetimes=lever.lifetimes)


@once
def table(log: Workload, lever: CacheTuning) -> Sequence[Table]:
    """The ways that are tried, on the log."""
    choice = decided(log, lever)
    if choice is None:
        return ()
    tried = blocks(tried_on(log.parts, choice.ways[0].calls))
    return compared(tried, choice.ways, biller(log, calibrate(log)))
