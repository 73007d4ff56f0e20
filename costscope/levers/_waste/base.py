"""What the levers against waste share: calls that bought nothing are found, dropped and told by kind.

Each kind of waste is a lever of its own. Nothing here decides what waste is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from costscope.levers._rows import IS_OUTPUT, sizes_among, without
from costscope.levers._runs import runs
from costscope.levers._words import count, percent
from costscope.levers.interface import Lever
from costscope.model import Column, Table, Workload
from costscope.once import once

FOUND = {"call_no": pl.Int64, "kind": pl.String}

CALLER = pl.coalesce("session", "trace", "user_id")
"""Who asks, as narrowly as the log says; null where it says nothing."""

SECONDS = 1_000_000

KEPT_HISTORY = (
    "Later calls that carry what a dropped call answered keep it in their prompts, so the figure is "
    "rather too low."
)


@dataclass(frozen=True)
class Waste(Lever):
    """A lever that drops calls which `found` names."""

    stage: ClassVar[str] = "waste"
    flag: ClassVar[str] = "waste"
    rewrites_prompts: ClassVar[bool] = True
    advice: ClassVar[str]
    """What to do about it, as the beginning of a sentence."""
    noun: ClassVar[str]
    """What one such call is."""

    @abstractmethod
    def found(self, workload: Workload) -> pl.DataFrame:
        """call_no and `kind` (a few words) of the calls that are waste, a row each."""

    def apply(self, workload: Workload) -> Workload:
        gone = known(workload, self)
        return workload if gone.is_empty() else without(workload, gone["call_no"])

    def action(self, before: Workload, after: Workload) -> str:
        gone = before.calls.height - after.calls.height
        if not gone:
            return f"{self.advice}; none was found."
        share = percent(gone, before.calls.height)
        return (
            f"{self.advice}: {count(gone, self.noun)} ({share} of all calls) need not be paid for."
        )

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """The kinds that were found, with their calls and tokens."""
        gone = known(before, self)
        return [] if gone.is_empty() else [kinds(self.title, before, gone)]


@once
def known(workload: Workload, lever: Waste) -> pl.DataFrame:
    """What a lever finds in a workload, looked for once."""
    return lever.found(workload)


def none() -> pl.DataFrame:
    """That nothing was found."""
    return pl.DataFrame(schema=FOUND)


def sized(workload: Workload, calls: pl.DataFrame) -> pl.DataFrame:
    """These calls that have parts, with the tokens of each: see `_rows.sizes`."""
    sized = sizes_among(workload.parts, calls["call_no"])
    return calls.join(sized, on="call_no", maintain_order="left")


def carried(parts: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """call_no of those of these calls of whose reply some block stands in a prompt: somebody used it."""
    said = spoken(parts, calls["call_no"]).filter(pl.col("content") != 0)
    there = prompts_with(parts, said["content"])["content"].unique()
    return said.filter(pl.col("content").is_in(there.implode())).select("call_no").unique()


def spoken(parts: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    """call_no, segment and content of the blocks of these calls' replies."""
    mine = parts[["call_no", "segment", "billing_class", "content"]]
    return mine[runs(parts).rows(numbers.to_numpy())].filter(IS_OUTPUT).drop("billing_class")


def prompts_with(parts: pl.DataFrame, contents: pl.Series) -> pl.DataFrame:
    """call_no and content of the blocks of prompts that have one of these contents."""
    known = pl.col("content").is_in(contents.unique().implode())
    parts = parts[["call_no", "billing_class", "content"]]
    return parts.filter(known & ~IS_OUTPUT).drop("billing_class")


def kinds(title: str, workload: Workload, found: pl.DataFrame) -> Table:
    """The calls of each kind, the most frequent first, with their tokens and features."""
    calls = workload.calls.select("call_no", "feature", "model").join(found, on="call_no")
    where = pl.coalesce("feature", "model").unique().sort()
    rows = (
        sized(workload, calls)
        .group_by("kind")
        .agg(
            pl.len().cast(pl.Int64).alias("calls"),
            pl.col("input_tokens").sum(),
            pl.col("output_tokens").sum(),
            where.str.join(", "),
        )
        .sort(-pl.col("calls"), "kind")
    )
    columns = [
        Column("kind"), Column("calls", "count"), Column("input tokens", "tokens"),
        Column("output tokens", "tokens"), Column("in"),
    ]  # fmt: skip
    return Table(title, columns, list(rows.iter_rows()))
