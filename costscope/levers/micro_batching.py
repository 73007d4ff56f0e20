"""What if several small calls that send the same prompt were one call, with one item after the other?

Not the provider's batch API: an answer comes at once, for all items together.

It stands in the stage of truncation, because it takes repeated text out of prompts and so changes
which calls there are: after response caches, which see single questions, and before a router or the
provider's cache, which see the call that is really made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._batch.jobs import owners, untimed
from costscope.levers._batch.pack import Fit, Wrapping, joined, packed, small
from costscope.levers._rows import added
from costscope.levers._words import count, duration, listing
from costscope.levers.interface import Lever
from costscope.model import Column, Table, Workload

WORST = 0.2
"""The pessimistic end's share of items that are asked again one by one. Nobody publishes one."""
WINDOWS = (10, 60, 300)
"""Seconds of collecting that are shown beside those that are set."""
MOST_FEATURES = 20


@dataclass(frozen=True)
class MicroBatching(Lever):
    """Packs small calls of the same prompt, close in time, into one call with several items.

    The shared prompt is paid once a pack, every query and every reply as before, and the numbers and
    separators on top. Calls of a conversation, with earlier turns, tools asked for or images stay,
    as do those of different users, tenants, features or models from each other.
    """

    title: ClassVar[str] = "Pack small calls of one prompt together"
    stage: ClassVar[str] = "truncation"
    flag: ClassVar[str] = "micro-batch"
    effort: ClassVar[str] = "medium"
    risk: ClassVar[str] = "medium"
    rewrites_prompts: ClassVar[bool] = True
    order: ClassVar[int] = 1
    """Behind what cuts prompts and replies: a cap would take a pack's reply for one that is too long."""
    prerequisites: ClassVar[Sequence[str]] = (
        "Answers that can wait for others to be asked: up to `window_s` seconds.",
        "An evaluation of packed answers beside single ones, item by item.",
        "Code that numbers the items, reads the numbered replies and asks again for missing ones.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "Items of one prompt influence each other; accuracy falls with their number and depends on "
        "their order (BatchPrompt, arXiv 2309.00384).",
        "One item can carry an instruction that changes the others' answers.",
        "Parameters other than the temperature are not compared.",
    )

    features: tuple[str, ...] = ()
    """Features (globs) whose calls are packed, those of one user together. Without any: all calls that
    the log names no user for."""
    never: tuple[str, ...] = ()
    """Features (globs) whose calls are never packed."""
    pack_items: int = 6
    """Items in a pack at most. With six the authors of batch prompting (Cheng, Kasai and Yu, EMNLP
    2023) found answers as good as single ones. Low end 3."""
    window_s: int = 60
    """Calls are collected for so many seconds, counted from the full minute, or until a pack is full.
    An assumption: as long as a background job does not notice."""
    max_query_tokens: int = 200
    """Only calls whose own question is no longer: an item to classify, not a document."""
    max_output_tokens: int = 50
    """Only calls whose reply is no longer: a label or a short phrase. Long replies drift apart."""
    pack_tokens: int = 30
    """What a pack's instruction adds to the prompt: one sentence on how to reply to numbered items
    (30 tokens of o200k_base)."""
    item_tokens: int = 5
    """What an item's number and line end add to the prompt: "\\n[12] " is 5 tokens of o200k_base."""
    item_output_tokens: int = 5
    """What an item's number and line end add to the reply; the same 5 tokens."""
    redo_share: float = 0.05
    """The share of packed items that are asked again by themselves, because a reply is missing or
    cannot be told from another. No figure is published. Low end 0.2, high 0."""

    def __post_init__(self) -> None:
        least = {"pack_items": 2, "window_s": 1, "max_query_tokens": 1, "max_output_tokens": 1}
        least |= dict.fromkeys(("pack_tokens", "item_tokens", "item_output_tokens"), 0)
        for name, most in least.items():
            if getattr(self, name) < most:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be {most} or more")
        if not 0 <= self.redo_share <= 1:
            raise SettingsError(f"redo_share is {self.redo_share}; it must lie from 0 to 1")

    def apply(self, workload: Workload) -> Workload:
        items = self._items(workload)
        if items.is_empty():
            return workload
        after = joined(workload, items, self._wrapping())
        return added(after, self._again(items), "micro_batching")

    def delay_s(self) -> int:
        """The time in which a pack is collected."""
        return self.window_s

    def action(self, before: Workload, after: Workload) -> str:
        items = self._items(before)
        if items.is_empty():
            return "Pack small calls of the same prompt into one; none was found."
        packs = count(items["leader"].n_unique(), "call")
        return (
            f"Pack {count(items.height, 'small call')} into {packs} of up to {self.pack_items} items: "
            f"those of {listing(owners(items))}."
        )

    def scenarios(self) -> tuple[Self, Self]:
        """Low: half as many items in a pack, a fifth asked again. High: none asked again."""
        few = max(2, self.pack_items // 2)
        worst = max(self.redo_share, WORST)
        return replace(self, pack_items=few, redo_share=worst), replace(self, redo_share=0.0)

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """What packing is taken to add, and how many small calls find no company."""
        found, items = self._small(before), self._items(before)
        if found.is_empty():
            return list(untimed(before))
        alone = found.height - items.height
        said = [
            f"Small calls that share their prompt's text with others: {found.height:,}; not packed, "
            f"because too few of them come within {duration(self.window_s)}: {alone:,}."
        ]
        if items.height:
            said.append(
                f"A pack is taken to add {self.pack_tokens} tokens, and each item {self.item_tokens} "
                f"to the prompt and {self.item_output_tokens} to the reply; {self.redo_share:.0%} of "
                "the items are asked again by themselves."
            )
        return [*said, *untimed(before)]

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """Packs by feature, and what a longer or shorter time of collecting would do."""
        found, items = self._small(before), self._items(before)
        return (self._by_feature(items), self._waits(found)) if items.height else ()

    def _wrapping(self) -> Wrapping:
        return Wrapping(self.pack_tokens, self.item_tokens, self.item_output_tokens)

    def _small(self, workload: Workload) -> pl.DataFrame:
        """The calls that could be items."""
        most = self.max_query_tokens, self.max_output_tokens
        return small(workload, Fit(self.features, self.never, *most))

    def _items(self, workload: Workload) -> pl.DataFrame:
        """The calls that are packed."""
        found = self._small(workload)
        return packed(found, self.pack_items, self.window_s, self._wrapping())

    def _again(self, items: pl.DataFrame) -> pl.DataFrame:
        """What is asked again, spread evenly: each pack pays its items' share of the single calls."""
        share = Fraction(str(self.redo_share))
        top, bottom = 2 * share.numerator, 2 * share.denominator
        part = [
            ((pl.col(name).sum() * top + share.denominator) // bottom).alias(f"{name}_tokens")
            for name in ("input", "output")
        ]
        again = items.group_by("leader", "model").agg(part).sort("leader")
        return again.rename({"leader": "call_no"})

    def _by_feature(self, items: pl.DataFrame) -> Table:
        spared = pl.col("shared").filter(pl.col("rank") > 0).sum()
        packs = pl.col("leader").n_unique()
        calls = pl.len().cast(pl.Int64)
        by = items.group_by("feature").agg(
            calls.alias("calls"), packs.cast(pl.Int64).alias("packs"),
            (calls / packs).round(2).alias("items"), spared.alias("spared"),
            (packs * self.pack_tokens + calls * (self.item_tokens + self.item_output_tokens))
            .cast(pl.Int64).alias("more"),
        )  # fmt: skip
        rows = by.sort(-pl.col("calls"), "feature").head(MOST_FEATURES).rows()
        return Table(
            "Small calls packed",
            [
                Column("feature"), Column("calls", "count"), Column("packs", "count"),
                Column("items in a pack", "number"), Column("prompt not sent again", "tokens"),
                Column("added by packing", "tokens"),
            ],
            [[feature or "(none)", *rest] for feature, *rest in rows],
        )  # fmt: skip

    def _waits(self, found: pl.DataFrame) -> Table:
        rows = [self._wait(found, seconds) for seconds in sorted({*WINDOWS, self.window_s})]
        return Table(
            "How long items would wait for company",
            [
                Column("collected for", "number"), Column("calls packed", "count"),
                Column("of small calls", "share"), Column("packs", "count"),
                Column("half wait at most", "number"), Column("9 of 10 wait at most", "number"),
            ],
            rows,
            note=f"In seconds; a full pack leaves at once. Calls are collected for {self.window_s} s "
            "(window_s).",
        )  # fmt: skip

    def _wait(self, found: pl.DataFrame, seconds: int) -> list[Any]:
        items = packed(found, self.pack_items, seconds, self._wrapping())
        wait = (items["leaves"] - items["sent_at"].dt.timestamp("us")) / 1_000_000
        ends = [wait.quantile(share, "nearest") for share in (0.5, 0.9)]
        shown = [None if end is None else round(float(end), 1) for end in ends]
        share = round(items.height / found.height, 6)
        return [seconds, items.height, share, items["leader"].n_unique(), *shown]
