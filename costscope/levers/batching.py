"""What if calls that can wait went through the provider's batch API, at its lower rates?

Not a scheduler, and not flex processing, which has the same rates but answers at once or never.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from costscope.columns import Ints, places
from costscope.errors import SettingsError
from costscope.levers._batch.jobs import (
    CLEARER,
    NAMED,
    WHY,
    Waits,
    able,
    alone,
    in_tier,
    owners,
    ruled,
    untimed,
    waiting,
)
from costscope.levers._batch.limits import limits
from costscope.levers._batch.words import against_flex, delays, flush, jobs, sizes
from costscope.levers._prefix import reclassify
from costscope.levers._rows import CACHED, by_class
from costscope.levers._words import count, listing
from costscope.levers.interface import Lever
from costscope.model import Table, Workload
from costscope.once import once
from costscope.prices.rules import batch_rule, caching_rule

WORST, BEST = 0.30, 0.98
"""Cache hits seen within batches, as shares of those outside them (Anthropic, Message Batches docs:
30 to 98 %). Other providers publish none; theirs are taken to be alike."""

LONGEST_WINDOW = 24
"""Hours within which every provider answers a batch (the billing rules of `prices`)."""


@dataclass(frozen=True)
class Batching(Lever):
    """Moves calls that can wait to the batch tier, where the provider has one for their model.

    Without `features` and `tags` it looks for work that a machine does and nobody waits for: calls
    without a user that go on no conversation, of a job that comes in bursts and is silent most of
    the time, or at the same time of the hour or of the night. A job is a feature, else a template,
    else a model. What a log shows of that is judged on the log as it was, whatever other changes
    drop or join.
    """

    title: ClassVar[str] = "Batch the calls that can wait"
    stage: ClassVar[str] = "batching"
    flag: ClassVar[str] = "batch"
    effort: ClassVar[str] = "medium"
    risk: ClassVar[str] = "low"
    family: ClassVar[str] = "waiting"
    rewrites_prompts: ClassVar[bool] = False
    prerequisites: ClassVar[Sequence[str]] = (
        "Nobody and nothing waits for these answers: they may take as long as the batch window, "
        "24 hours with most providers, though most batches end sooner.",
        "Code that collects calls, submits them and reads the results.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "That a call can wait is concluded from when it was made; only its owner knows.",
        "Batches are cached on a best effort; the share of cached tokens that survives is assumed.",
        "What a batch leaves unfinished is not billed, or goes into the next one; only time is lost.",
    )

    features: tuple[str, ...] = ()
    """Features (globs) whose calls can wait, whatever the log looks like."""
    tags: tuple[str, ...] = ()
    """Tags whose calls can wait, each a key, = and a glob: "priority=low", "job=nightly-*"."""
    never: tuple[str, ...] = ()
    """Features (globs) whose calls must not wait, whatever the log looks like."""
    flush_hours: int = 1
    """Calls are collected for so many hours, counted from 00:00 UTC, before they are submitted. An
    hour adds little to a window of 24 and is what most batches take themselves (Anthropic's docs).
    Where a provider refuses small jobs (Bedrock: below 100 calls of a model), calls of a flush that
    is too small stay as they are, and a longer time moves more."""
    max_delay_hours: int | None = None
    """Move only what is answered within so many hours: flush_hours plus the provider's window."""
    burst_calls: int = 20
    """Calls that make a burst, each at most `burst_gap_s` after the one before; also the least that a
    job at fixed times must have."""
    burst_gap_s: int = 60
    """An assumption, like the other rules of what a burst is: a loop over records asks again within a
    minute, a person reads the answer first."""
    burst_share: float = 0.8
    """How much of a job has to lie in bursts, or at its time of the hour or of the day."""
    busy_share: float = 0.25
    """At most this share of the log's time may be covered by a job's bursts; one that is always busy
    is a service, not a job."""
    cache_kept: float = 0.65
    """The share of cached tokens that a batch still reads from the cache, the middle of the 30 to
    98 % that Anthropic's docs report. Low 0.3, high 0.98."""

    def __post_init__(self) -> None:
        self._waits().check()
        if not 0 <= self.cache_kept <= 1:
            raise SettingsError(f"cache_kept is {self.cache_kept}; it must lie from 0 to 1")
        if self.flush_hours < 1:
            raise SettingsError(f"flush_hours is {self.flush_hours}; it must be 1 or more")

    def apply(self, workload: Workload) -> Workload:
        chosen = self._chosen(workload)
        if chosen.is_empty():
            return workload
        calls, cached = in_tier(workload, chosen, "batch"), _cached(workload.parts, chosen)
        if cached.is_empty():
            return workload.with_(calls=calls)
        parts = reclassify(workload.parts, self._cuts(cached))
        return workload.with_(calls=calls, parts=parts)

    def delay_s(self) -> int:
        """The time to the flush, and the longest window of any provider."""
        hours = self.flush_hours + LONGEST_WINDOW
        return 3_600 * min(hours, hours if self.max_delay_hours is None else self.max_delay_hours)

    def action(self, before: Workload, after: Workload) -> str:
        moved = _moved(before, after)
        if moved.is_empty():
            return "Send calls that can wait through the batch API; none was found."
        calls = count(moved.height, "call")
        return (
            f"Send {calls} that can wait through the batch API: those of {listing(owners(moved))}."
        )

    def scenarios(self) -> tuple[Self, Self]:
        """Low: only jobs five times as large, 30 % of cached tokens kept. High: 98 % kept."""
        kept = min(self.cache_kept, WORST), max(self.cache_kept, BEST)
        said = self.features or self.tags
        clear = self.burst_calls if said else self.burst_calls * CLEARER
        return (
            replace(self, burst_calls=clear, cache_kept=kept[0]),
            replace(self, cache_kept=kept[1]),
        )

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """How long the answers may take, what becomes of cached tokens, and what stays and why."""
        chosen = self._chosen(before)
        said = [*self._delay(chosen), *self._kept(before, chosen), *self._stays(before, chosen)]
        return [*said, *untimed(before)]

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """Who can wait and why, for how long, what a batch may hold, and flex beside it."""
        chosen = self._chosen(before)
        if chosen.is_empty():
            return ()
        cached = _cached(before.parts, chosen)
        left = self._cuts(cached).select(kept="cache_read")
        cached = cached.select("call_no", had="cache_read").hstack(left)
        return (
            jobs(chosen),
            delays(chosen, self.flush_hours),
            sizes(chosen, before.parts, self.flush_hours),
            against_flex(chosen, cached),
        )

    def _delay(self, chosen: pl.DataFrame) -> Iterator[str]:
        if chosen.height:
            hours = int(chosen.select(pl.col("hours").max()).item()) + self.flush_hours
            yield (
                f"Answers may take {count(hours, 'hour')}: up to {self.flush_hours} until the calls "
                "are submitted, the rest is the batch window."
            )

    def _kept(self, before: Workload, chosen: pl.DataFrame) -> Iterator[str]:
        """What becomes of cached tokens, where the calls have any."""
        read = _cached(before.parts, chosen).filter(pl.col("cache_read") > 0)
        if read.filter(pl.col("caching") != "none").height:
            yield f"{self.cache_kept:.0%} of the tokens read from a cache are taken to stay cached."
        lost = read.filter(pl.col("caching") == "none")["model"].unique().sort().to_list()
        if lost:
            yield f"Nothing is cached in batches of {listing(lost)}."

    def _stays(self, before: Workload, chosen: pl.DataFrame) -> Iterator[str]:
        """What could wait but is not moved, and what is moved although it goes on a conversation."""
        sold = _sold(before, self._waits())
        late, small = self._within(sold), self._large(sold)
        if late.height < sold.height:
            calls = count(sold.height - late.height, "call")
            yield f"{calls} that can wait would take more than {self.max_delay_hours} hours."
        if small.height < sold.height:
            calls = count(sold.height - small.height, "call")
            yield (
                f"Flushes of {count(self.flush_hours, 'hour')} are too small for the provider to take "
                f"{calls} that can wait; a longer flush_hours moves more."
            )
        talks = chosen.filter((pl.col(WHY) == NAMED) & ~alone()).height
        if talks:
            yield (
                f"Within conversations of several calls: {count(talks, 'call')}; each waits for the one "
                "before, and its batch."
            )

    def _waits(self) -> Waits:
        return Waits(*(getattr(self, name) for name in Waits._fields))

    def _chosen(self, workload: Workload) -> pl.DataFrame:
        """The calls to move, with JOB, WHY, day, and the rule of their batch: hours, caching,
        write_class."""
        return self._large(self._within(_sold(workload, self._waits())))

    def _within(self, found: pl.DataFrame) -> pl.DataFrame:
        if self.max_delay_hours is None:
            return found
        return found.filter(pl.col("hours") + self.flush_hours <= self.max_delay_hours)

    def _large(self, found: pl.DataFrame) -> pl.DataFrame:
        """Those in flushes that are large enough for the provider."""
        if not (found["least"] > 0).any():
            return found
        size = pl.len().over("provider", "channel", "model", flush(self.flush_hours))
        return found.filter(size >= pl.col("least"))

    def _cuts(self, cached: pl.DataFrame) -> pl.DataFrame:
        """For each of `_cached` calls what is left of its cached tokens in a batch: nothing, or a share
        of what was read.

        What is read no longer is written again where the provider charges for writing.
        """
        share, read = Fraction(str(self.cache_kept)), pl.col("cache_read")
        kept = read * share.numerator // share.denominator
        left = {"cache_read": kept} | {
            name: pl.col(name) + pl.when(pl.col("write_class") == name).then(read - kept).otherwise(0)
            for name in CACHED if name != "cache_read"
        }  # fmt: skip
        none = pl.col("caching") == "none"
        return cached.select(
            "call_no", *(pl.when(none).then(0).otherwise(x).alias(n) for n, x in left.items())
        )


def _cached(parts: pl.DataFrame, chosen: pl.DataFrame) -> pl.DataFrame:
    """Those of the chosen calls that have cached tokens, with how many of each class."""
    table = by_class(parts, chosen["call_no"], CACHED)
    rows = np.flatnonzero(table.any(axis=1))
    return chosen[rows].hstack(pl.DataFrame(table[rows], schema=list(CACHED)))


def _sold(workload: Workload, waits: Waits) -> pl.DataFrame:
    """The calls that can wait and for whose model there is a batch API."""
    return _seller(workload.log, waits)(workload.calls)


@once
def _seller(log: Workload, waits: Waits) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The same by tables of calls, of which most what-ifs share one."""
    found = waiting(log, waits)
    return once(lambda calls: ruled(able(found, calls), _rule, _RULE))


_RULE = {"hours": pl.Int64, "caching": pl.String, "write_class": pl.String, "least": pl.Int64}


def _rule(provider: str, channel: str, model: str, day: Any) -> tuple[Any, ...] | None:
    rule = batch_rule(provider, channel, model, day)
    if rule is None:
        return None
    caching = caching_rule(provider, channel, model, day)
    write_class = caching.write_class if caching is not None else ""
    least = limits(provider, channel, model).least or 0
    return rule.window_hours, rule.caching, write_class, least


def _moved(before: Workload, after: Workload) -> pl.DataFrame:
    """The calls of `before` that `after` has in another tier."""
    numbers, left = (workload.calls["call_no"].to_numpy() for workload in (before, after))
    at = places(numbers, left)
    stay = np.flatnonzero(at >= 0)
    other = before.calls["tier"].gather(stay) != after.calls["tier"].gather(at[stay])
    rows: Ints = stay[other.to_numpy()]
    return before.calls[rows]
