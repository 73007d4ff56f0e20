"""Provider prompt caching switched on where it is not in force yet, by each provider's own rules.

Where the log shows cached tokens it leaves the bill as it is: what is already cached is no saving.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers import _cache_words as words
from costscope.levers._cache_calls import placed, ruled, seconds
from costscope.levers._cache_lru import capacity_of, lru
from costscope.levers._cache_policy import POLICIES, best
from costscope.levers._cache_rows import CONVERSATION, PREFIX
from costscope.levers._calibration import GROUP as FIT
from costscope.levers._calibration import MILLION, READ
from costscope.levers._in_force import (
    Calibration,
    backtest,
    calibrate,
    in_force,
    in_force_of,
    losses,
    situated,
)
from costscope.levers._prefix import blocks, reclassify
from costscope.levers._rows import IS_CACHED
from costscope.levers.interface import Lever
from costscope.model import Workload
from costscope.once import once

__all__ = ["Calibration", "PromptCache", "calibrate", "in_force", "in_force_of"]

DOCUMENTED_MISS = 0.13
"""OpenAI's guide: a customer's hit rate was 87 % with a prompt_cache_key (billing.md, section 6)."""


@dataclass(frozen=True)
class PromptCache(Lever):
    """What provider caching would have billed on calls that are not cached."""

    title: ClassVar[str] = "Turn prompt caching on"
    stage: ClassVar[str] = "prompt_cache"
    flag: ClassVar[str] = "cache"
    effort: ClassVar[str] = "low"
    risk: ClassVar[str] = "low"
    rewrites_prompts: ClassVar[bool] = False
    prerequisites: ClassVar[Sequence[str]] = (
        "The beginning of a prompt is the same, byte for byte, from call to call.",
        "Calls with one beginning follow each other within the lifetime of the cache.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "Caches are best effort: a call that reaches another machine misses.",
        "What was warm before the first call of the log is taken to be cold.",
        "Only whole blocks are compared: a block that changes in its middle counts as changed from "
        "its beginning.",
    )

    ttl: str = "5m"
    """Lifetime of explicit marks: 5m or 1h (a write costs 1.25 or 2 times the input on Claude)."""
    retention: str = ""
    """Lifetime where the provider sets the marks: 30m, 12h; empty for the provider's default."""
    breakpoints: str = "auto"
    """conversation (ends of tools, of system, and the last block), prefix (the first two only), or
    auto: the better of the two for each feature, and none where caching does not pay."""
    implicit: bool = True
    """Count providers that cache by themselves, though their bill shows nothing read."""
    miss_rate: float = 0.05
    """Share of the ideal that is not found again, where no bill tells it."""
    ideal: bool = False
    """Nothing is evicted or misrouted."""
    capacity: str = ""
    """What the prefix cache of a self-hosted engine holds: "5859 blocks", "3000000 tokens", unlimited;
    empty to leave calls to such engines as they are. Each model of a region is an engine."""

    def __post_init__(self) -> None:
        """Raises SettingsError for a value that means nothing."""
        if self.ttl not in ("5m", "1h"):
            raise SettingsError(f"prompt_cache.ttl is {self.ttl!r}; it is 5m or 1h")
        if self.retention and seconds(self.retention) is None:
            raise SettingsError(f"prompt_cache.retention is {self.retention!r}; write 30m or 12h")
        if self.breakpoints not in ("auto", *POLICIES):
            known = ", ".join(("auto", *POLICIES))
            raise SettingsError(f"prompt_cache.breakpoints is {self.breakpoints!r}; it is {known}")
        if self.capacity and capacity_of(self.capacity) is None:
            shown = f"prompt_cache.capacity is {self.capacity!r}"
            raise SettingsError(f"{shown}; write 5859 blocks, 3000000 tokens or unlimited")
        if not 0 <= self.miss_rate <= 1:
            raise SettingsError(f"prompt_cache.miss_rate is {self.miss_rate}; it is 0 to 1")

    def apply(self, workload: Workload) -> Workload:
        """Prompts of calls that are not cached are billed as read, written and fresh instead."""
        calls, all_blocks = candidates(workload, self), blocks(workload.parts)
        policies = (CONVERSATION, PREFIX) if self.breakpoints == "auto" else (self.breakpoints,)
        found = best(all_blocks, calls, READ, policies).drop("policy")
        held = engines(workload, all_blocks, self.capacity)
        cuts = pl.concat([found, held], how="diagonal").fill_null(0)
        if cuts.is_empty():
            return workload
        return workload.with_(parts=reclassify(workload.parts, cuts))

    def scenarios(self) -> tuple[Self, Self]:
        """Low: a documented miss rate where none is fitted, and nothing from providers that cache by
        themselves. High: the ideal."""
        missing = max(self.miss_rate, DOCUMENTED_MISS)
        return replace(self, miss_rate=missing, implicit=False), replace(self, ideal=True)

    def backtest(self, workload: Workload) -> Mapping[str, Any] | None:
        """The simulator against the tokens that the log was billed for as read from a cache."""
        return backtest(workload)

    def action(self, before: Workload, after: Workload) -> str:
        """What to switch on, for which models, and how much of the prompts would be read."""
        return words.action(before, after, self.ttl)

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """What could not be simulated, what was left as billed, and what was assumed of misses."""
        own = engines(before, blocks(before.parts), self.capacity).height
        known = words.notes(before, candidates(before, self), self.miss_rate)
        return (*known, *words.held(own, self.capacity))


@once
def candidates(workload: Workload, lever: PromptCache) -> pl.DataFrame:
    """The calls that could be cached and are not, with the share and the tokens they lose."""
    shown = situated(workload).filter("in_force")
    calls = ruled(workload.calls, lever.ttl, lever.retention).join(shown, on="call_no", how="anti")
    if not lever.implicit:
        calls = calls.filter(pl.col("mode") != "implicit")
    calls = calls.join(losses(workload.log), on=FIT, how="left", maintain_order="left")
    known = pl.col("most").is_not_null() | lever.ideal
    assumed = 0 if lever.ideal else round(lever.miss_rate * MILLION)
    return calls.with_columns(
        most=pl.lit(0) if lever.ideal else pl.col("most").fill_null(assumed),
        ttl=pl.when(known).then("longest").otherwise("ttl"),
    )


def engines(workload: Workload, all_blocks: pl.DataFrame, capacity: str) -> pl.DataFrame:
    """call_no and `cache_read` of the calls to self-hosted engines, if they hold that much."""
    room = capacity_of(capacity)
    cached = workload.parts.filter(IS_CACHED & (pl.col("tokens") > 0)).select("call_no")
    own = placed(workload.calls).filter(pl.col("channel").cast(pl.String) == words.SELF_HOSTED)
    own = own.join(cached, on="call_no", how="anti")
    if room is None or own.is_empty():
        return pl.DataFrame(schema={"call_no": pl.Int64, "cache_read": pl.Int64})
    return lru(all_blocks, own, room).select("call_no", "cache_read")
