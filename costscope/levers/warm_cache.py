"""Caches kept warm: pings over gaps, and parallel calls that wait until the first is answered.

Only what a gap or a parallel start costs is won back; marks and lifetimes stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import polars as pl

from costscope.levers._cache.calls import ANSWER, SECOND
from costscope.levers._cache.pings import planned
from costscope.levers._cache.policy import UNITS
from costscope.levers._cache.warm import Warm, warmed
from costscope.levers._prefix import reclassify
from costscope.levers._rows import FIRST_ADDED, added
from costscope.levers._runs import runs
from costscope.levers._words import count, listing, percent
from costscope.levers.interface import Lever
from costscope.model import Column, Table, Workload
from costscope.once import once

COLUMNS = (
    Column("feature"), Column("model"), Column("lifetime"), Column("pings in a row", "count"),
    Column("pings", "count"), Column("of no use", "count"), Column("read by pings", "tokens"),
    Column("not written again", "tokens"),
)  # fmt: skip


@dataclass(frozen=True)
class WarmCache(Lever):
    """Pings where they cost less than the rewrites that they spare, and bursts sent one call first.

    A ping is a call that reads the prompt so far and answers one token, so that its entry lives on.
    Nobody knows while waiting whether a call will come, so pings are sent in every gap of a feature
    that gets them, up to a number of them, and also after the last call of each conversation.
    """

    title: ClassVar[str] = "Keep caches warm"
    stage: ClassVar[str] = "prompt_cache"
    flag: ClassVar[str] = "cache-tuning"
    effort: ClassVar[str] = "medium"
    risk: ClassVar[str] = "low"
    rewrites_prompts: ClassVar[bool] = True
    prerequisites: ClassVar[Sequence[str]] = (
        "A program of one's own holds conversations open and can send a call by itself.",
        "Parallel calls can wait some two seconds for the answer of the first to begin.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "How many pings in a row pay is fitted to the gaps of this log.",
        "Pings count towards rate limits, and a longer lifetime of the cache may be cheaper.",
    )

    pings: bool = True
    """Send pings over gaps, where the provider charges for writes."""
    wait: bool = True
    """Send the first of several parallel calls alone, and the others once its answer begins."""

    def apply(self, workload: Workload) -> Workload:
        """With pings added, and with what is read thanks to them and to waiting."""
        warm = missed(workload)
        if warm is None:
            return workload
        sent = planned(warm.steps) if self.pings else planned(warm.steps).clear()
        more = gained(warm, sent, wait=self.wait)
        if more.is_empty():
            return workload
        changed = workload.with_(parts=reclassify(workload.parts, moved(workload, more)))
        return with_pings(changed, sent)

    def variants(self) -> Sequence[Self]:
        """Waiting alone, then pings, too; none if one was switched off by hand."""
        if not (self.pings and self.wait):
            return (self,)
        return replace(self, pings=False), self

    def delay_s(self) -> int:
        """How long a parallel call waits for the first one's answer to begin."""
        return ANSWER // SECOND if self.wait else 0

    def action(self, before: Workload, after: Workload) -> str:
        """Where to ping, and which features to send one call ahead."""
        warm = missed(before)
        rows = [] if warm is None or not self.pings else summed(planned(warm.steps))
        said = [f"{row[0]} (up to {row[3]} in a row, for {row[2]} entries)" for row in rows]
        told = f"Send keep-alive pings in {listing(said)}. " if said else ""
        waits = 0 if warm is None or not self.wait else warm.apart.height
        if waits:
            told += (
                f"Let {count(waits, 'parallel call')} wait until the answer of the first begins."
            )
        return told.strip() or "Nothing to keep warm: no gap is cheaper to bridge than to pay for."

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """How many pings, and how many of them nobody came back for."""
        warm = missed(before)
        sent = None if warm is None or not self.pings else planned(warm.steps)
        if sent is None or sent.is_empty():
            return []
        pings, vain = (
            int(sent["pings"].sum()),
            int(sent.filter(pl.col("gained") == 0)["pings"].sum()),
        )
        return [
            f"Added {count(pings, 'ping')} a minute before entries expire; {percent(vain, pings)} of "
            "them spare nothing, for no call comes in time, or one comes that would have been in time."
        ]

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """Per feature how many pings, and what they read and spare."""
        warm = missed(before)
        rows = [] if warm is None or not self.pings else summed(planned(warm.steps))
        return (Table("Pings that pay", COLUMNS, rows),) if rows else ()


@once
def missed(workload: Workload) -> Warm | None:
    """What gaps and parallel calls cost."""
    return warmed(workload)


def gained(warm: Warm, sent: pl.DataFrame, *, wait: bool) -> pl.DataFrame:
    """call_no and `more`: the tokens that a call reads more."""
    by_pings = sent.filter(pl.col("gained") > 0).select(call_no="follower", more="gained")
    by_waiting = warm.apart if wait else warm.apart.clear()
    every = pl.concat([by_pings, by_waiting]).group_by("call_no").agg(pl.col("more").max())
    return every.sort("call_no")


def moved(workload: Workload, more: pl.DataFrame) -> pl.DataFrame:
    """call_no and the cached classes, with `more` tokens read that were written, else fresh."""
    kind = pl.col("billing_class")
    sums = {name: pl.col("tokens").filter(kind == name).sum() for name in UNITS}
    parts = workload.parts
    mine = parts[["call_no", "billing_class", "tokens"]][
        runs(parts).rows(more["call_no"].to_numpy())
    ]
    rows = mine.group_by("call_no").agg(**sums).join(more, on="call_no").sort("call_no")
    end, columns = pl.col("cache_read") + pl.col("more"), []
    start = pl.col("cache_read")
    for name in list(UNITS)[1:]:
        upto = start + pl.col(name)
        left = pl.max_horizontal(upto, end) - pl.max_horizontal(start, end)
        columns.append(left.alias(name))
        start = upto
    return rows.select("call_no", end.alias("cache_read"), *columns)


def with_pings(workload: Workload, sent: pl.DataFrame) -> Workload:
    """The workload with a call for each ping, which reads what was cached and answers one token."""
    rows = sent.select(pl.exclude("model")).join(
        workload.calls.select("call_no", "model"), on="call_no"
    )
    rows = rows.sort("call_no").select(
        pl.col("call_no", "model", "pings"), input_tokens="reach", output_tokens=pl.lit(1, pl.Int64)
    )
    each = rows.select(pl.all().repeat_by("pings").explode()).drop("pings")
    more = added(workload, each, "warm_cache")
    ours = pl.col("call_no") >= max(FIRST_ADDED, highest(workload) + 1)
    kind = workload.parts.schema["billing_class"]
    read = pl.when(ours & (pl.col("billing_class") == "fresh")).then(pl.lit("cache_read", kind))
    return more.with_(parts=more.parts.with_columns(billing_class=read.otherwise("billing_class")))


def highest(workload: Workload) -> int:
    """The highest number of a call."""
    return int(workload.calls.select(pl.col("call_no").max().fill_null(0)).item())


def summed(sent: pl.DataFrame) -> list[tuple[str | int, ...]]:
    """A row of the table for each feature, the most spared tokens first."""
    vain = pl.col("pings").filter(pl.col("gained") == 0).sum()
    rows = sent.group_by("feature", pl.col("model").cast(pl.String), "life").agg(
        most=pl.col("most").max(), pings=pl.col("pings").sum(), vain=vain,
        tokens=(pl.col("pings") * pl.col("reach")).sum(), spared=pl.col("gained").sum(),
    ).sort(-pl.col("spared"), "feature", "model", nulls_last=True)  # fmt: skip
    return list(rows.with_columns(pl.col("feature").fill_null("(none)")).iter_rows())
