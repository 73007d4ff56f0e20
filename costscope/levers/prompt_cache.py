"""Provider prompt caching switched on where it is not in force yet, by each provider's own rules.

Where the log shows cached tokens it leaves the bill as it is: what is already cached is no saving.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from costscope.columns import codes, keys, places, taken
from costscope.errors import SettingsError
from costscope.levers._cache import words
from costscope.levers._cache.calibration import GROUP as FIT
from costscope.levers._cache.calibration import MILLION
from costscope.levers._cache.calls import NAMED, placed, ruled, seconds, with_place
from costscope.levers._cache.in_force import (
    Calibration,
    backtest,
    calibrate,
    in_force,
    in_force_of,
    in_use,
    losses,
)
from costscope.levers._cache.lru import capacity_of, lru
from costscope.levers._cache.pad import padded
from costscope.levers._cache.policy import POLICIES, Way, best, billing, tried_on
from costscope.levers._cache.rows import CHOSEN, CONVERSATION, LOGGED, PREFIX
from costscope.levers._cache.search import searched
from costscope.levers._cache.table import compared
from costscope.levers._cache.whole import holding
from costscope.levers._cut.cut import unbroken
from costscope.levers._prefix import blocks, reclassify
from costscope.levers._rows import IS_CACHED
from costscope.levers.interface import Lever
from costscope.model import Table, Workload
from costscope.once import once

__all__ = [
    "Calibration",
    "PromptCache",
    "calibrate",
    "in_force",
    "in_force_of",
    "unbroken",
]

CHARGED = pl.col("mode") != "implicit"
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
    """Lifetime of explicit marks: 5m or 1h (a write costs 1.25 or 2 times the input on Claude), or
    auto: for each feature the one that pays."""
    retention: str = ""
    """Lifetime where the provider sets the marks: 30m, 12h, 24h; empty for the provider's default; auto:
    12h for the features where its writes (2.5 times the input, not 1.25) pay."""
    breakpoints: str = "auto"
    """conversation (ends of tools, of system, and the last block), prefix (the first two only), or
    auto: the better of the two for each feature, and none where caching does not pay. optimised: also
    up to four marks that are searched for with the simulator."""
    pad: bool = False
    """Lengthen beginnings that fall short of the provider's minimum, where that pays."""
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
        if self.ttl not in ("5m", "1h", "auto"):
            raise SettingsError(f"prompt_cache.ttl is {self.ttl!r}; it is 5m, 1h or auto")
        if self.retention not in ("", "auto") and seconds(self.retention) is None:
            raise SettingsError(f"prompt_cache.retention is {self.retention!r}; write 30m or 12h")
        if self.breakpoints not in ("auto", "optimised", *POLICIES):
            known = ", ".join(("auto", "optimised", *POLICIES))
            raise SettingsError(f"prompt_cache.breakpoints is {self.breakpoints!r}; it is {known}")
        if self.capacity and capacity_of(self.capacity) is None:
            shown = f"prompt_cache.capacity is {self.capacity!r}"
            raise SettingsError(f"{shown}; write 5859 blocks, 3000000 tokens or unlimited")
        if not 0 <= self.miss_rate <= 1:
            raise SettingsError(f"prompt_cache.miss_rate is {self.miss_rate}; it is 0 to 1")

    def apply(self, workload: Workload) -> Workload:
        """Prompts of calls that are not cached are billed as read, written and fresh instead."""
        made = prepared(workload, self)
        tried = ways(made, self)
        cuts = best(made.parts, tried) if tried else None
        held = engines(made, self.capacity)
        if held is not None:
            read = held.filter(pl.col("cache_read") > 0)
            cuts = pl.concat([read] if cuts is None else [cuts, read], how="diagonal").fill_null(0)
        if cuts is None or cuts.is_empty():
            return workload
        return made.with_(parts=reclassify(made.parts, cuts))

    def variants(self) -> Sequence[Self]:
        """As it is; with marks and lifetimes chosen for each feature; and with padding, too."""
        if self != replace(type(self)(), capacity=self.capacity, miss_rate=self.miss_rate):
            return (self,)
        chosen = replace(self, ttl="auto", retention="auto", breakpoints="optimised")
        return self, chosen, replace(chosen, pad=True)

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
        held = engines(before, self.capacity)
        own = 0 if held is None else held.height
        known = words.notes(before, candidates(before, lived(self)[0]), self.miss_rate)
        grown = int(after.parts["tokens"].sum()) - int(before.parts["tokens"].sum())
        said = (*known, *words.held(own, self.capacity), *words.lengthened(grown))
        if self.breakpoints != "optimised":
            return said
        return (*said, *words.marked(spots_of(before.log, searching(lived(self)[0]))))

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """What each policy would read and write of the log as it was."""
        return table(before.log, self)


def prepared(workload: Workload, lever: PromptCache) -> Workload:
    """The workload, padded if that is asked for and pays anywhere."""
    if not lever.pad:
        return workload
    # What is read of it in the end does not matter here.
    plain = replace(lived(lever)[0], breakpoints="auto", miss_rate=0.0, capacity="")
    parts = lengthened(workload, plain)
    return workload if parts is workload.parts else workload.with_(parts=parts)


@once
def lengthened(workload: Workload, lever: PromptCache) -> pl.DataFrame:
    """Its parts with padding."""
    return padded(workload.parts, candidates(workload, lever))


def lived(lever: PromptCache) -> list[PromptCache]:
    """The lever with each lifetime that it may choose, the shorter first."""
    short = replace(
        lever,
        ttl="5m" if lever.ttl == "auto" else lever.ttl,
        retention="" if lever.retention == "auto" else lever.retention,
    )
    long = replace(
        lever,
        ttl="1h" if lever.ttl == "auto" else lever.ttl,
        retention="12h" if lever.retention == "auto" else lever.retention,
    )
    return [short] if short == long else [short, long]


def ways(workload: Workload, lever: PromptCache) -> list[Way]:
    """What is tried: marks by policy, with each lifetime, and marks that are searched for."""
    usual = {"auto": (CONVERSATION, PREFIX), "optimised": (CONVERSATION, PREFIX)}
    found: list[Way] = []
    for one in lived(lever):
        calls = candidates(workload, one)
        policies = usual.get(lever.breakpoints, (lever.breakpoints,))
        for name in policies:
            # Where a provider caches by itself, every policy is the first one.
            some = calls.filter(CHARGED) if found else calls
            found += [Way(name, some.with_columns(policy=pl.lit(name)))] if some.height else []
        if lever.breakpoints == "optimised":
            spots = spots_of(workload.log, searching(one))
            found.append(Way("optimised", with_spots(calls, spots)))
    return found


def searching(lever: PromptCache) -> PromptCache:
    """The lever as it looks for marks, whatever is assumed of misses: it looks once."""
    return replace(lever, implicit=True, ideal=False, miss_rate=0.0)


@once
def spots_of(log: Workload, lever: PromptCache) -> pl.DataFrame:
    """The marks that are best on the log as it was, by NAMED: its what-ifs keep to them."""
    made = prepared(log, lever)
    calls = candidates(made, lever).filter(CHARGED)
    rows = with_place(
        calls.with_columns(spots=pl.Series(searched(made.parts, calls), dtype=pl.Int64))
    )
    return rows.select(*NAMED, pl.col("model").cast(pl.String), "spots").unique(NAMED)


def with_spots(calls: pl.DataFrame, spots: pl.DataFrame) -> pl.DataFrame:
    """The calls with the marks chosen for their group; where a provider caches by itself, as it does."""
    spots = spots.drop("model")
    rows = with_place(calls).join(
        spots, on=NAMED, how="left", nulls_equal=True, maintain_order="left"
    )
    asked = pl.col("spots").is_not_null()
    return rows.with_columns(
        policy=pl.when(asked).then(pl.lit(CHOSEN)).otherwise(pl.lit(LOGGED)),
        spots=pl.col("spots").fill_null(0),
    )


@once
def candidates(workload: Workload, lever: PromptCache) -> pl.DataFrame:
    """The calls that could be cached and are not, sorted, with the share and the tokens they lose."""
    rows = ruled(workload.calls, lever.ttl, lever.retention)
    left = ~in_use(rows, workload.parts)
    if not lever.implicit:
        left &= codes(rows["mode"], ("implicit",)) < 0
    calls, fits = taken(rows, np.flatnonzero(left)), losses(workload.log)
    place = places(keys(calls, FIT), keys(fits, FIT))
    lost, most = (np.append(fits[name].to_numpy(), 0)[place] for name in ("lost", "most"))
    fitted = pl.Series(place >= 0)
    assumed = 0 if lever.ideal else round(lever.miss_rate * MILLION)
    return calls.with_columns(
        lost=pl.when(fitted).then(pl.Series(lost)),
        most=pl.when(fitted & (not lever.ideal)).then(pl.Series(most)).otherwise(assumed),
        ttl=pl.when(fitted | lever.ideal).then("longest").otherwise("ttl"),
    )


@once
def table(log: Workload, lever: PromptCache) -> Sequence[Table]:
    """Every policy with every lifetime on one log, whatever the lever itself is set to."""
    every = replace(lever, ttl="auto", retention="auto")
    if lever.breakpoints != "optimised":
        every = replace(every, breakpoints="auto")
    tried = ways(log, every)
    if not tried:
        return ()
    calls = tried[0].calls.filter(pl.col("mode") == "breakpoint")
    if calls.height:
        tried.append(Way("implicit", calls.with_columns(policy=pl.lit(LOGGED))))
    return compared(blocks(tried_on(log.parts, tried[0].calls)), tried, billing)


def engines(workload: Workload, capacity: str) -> pl.DataFrame | None:
    """call_no and `cache_read` of the calls to self-hosted engines, if they hold that much; None where
    that is not known, or there are none."""
    room = capacity_of(capacity)
    if room is None:
        return None
    cached = workload.parts.filter(IS_CACHED & (pl.col("tokens") > 0)).select("call_no")
    own = placed(workload.calls).filter(pl.col("channel").cast(pl.String) == words.SELF_HOSTED)
    own = own.join(cached, on="call_no", how="anti")
    if own.is_empty():
        return None
    told = blocks(holding(workload.parts, own["call_no"].to_numpy()))
    return lru(told, own, room).select("call_no", "cache_read")
