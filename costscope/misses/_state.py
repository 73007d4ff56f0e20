"""Prompts and cache rules of the calls that are looked at, and what the simulator bills for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

import polars as pl

from costscope.levers._cache.calibration import READ
from costscope.levers._cache.in_force import losses, situated, with_loss
from costscope.levers._cache.sim import cuts, simulate
from costscope.levers._prefix import blocks, rehash
from costscope.model import CLASSES, INPUT_CLASSES, Workload
from costscope.once import once

GROUP = ("feature", "template")
PROMPT = pl.col("billing_class").cast(pl.String) != "output"
MARKED = pl.col("breakpoint") != ""
EXPLICIT = pl.col("mode") == "explicit"
PROGRAM = ("provider", "channel", "model", *GROUP)
SPANS = {"content": pl.UInt64, "nth": pl.Int64, "span": pl.UInt64, "tokens": pl.Int64}
"""Texts told apart: the spans (lines, sentences) of each, in order, and their tokens."""


class Book(Protocol):
    """The part of a price book that is needed here."""

    def rates(self, calls: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """(call_no, rate_no) and (rate_no, billing_class, rate_pd, source)."""


@dataclass(frozen=True)
class State:
    """A log as the simulator takes it.

    `blocks`: as `_prefix.blocks` gives them, marks as text. `calls`: a row a call with its rule, its
    policy, `group` (of its feature and template), `lost` and `most`, and a rate for each class.
    `spans`: see SPANS.
    """

    blocks: pl.DataFrame
    calls: pl.DataFrame
    spans: pl.DataFrame

    def with_calls(self, *columns: pl.Expr, **named: pl.Expr) -> Self:
        """The same with other facts of calls."""
        return replace(self, calls=self.calls.with_columns(*columns, **named))

    def mixed(self, other: Self, groups: Sequence[int]) -> Self:
        """The calls of some groups as `other` has them, the rest as they are here."""
        theirs = self.calls.filter(pl.col("group").is_in(groups))["call_no"].implode()
        take = pl.col("call_no").is_in(theirs)
        tables = {
            name: pl.concat(
                [getattr(self, name).filter(~take), getattr(other, name).filter(take)],
                how="diagonal_relaxed",
            ).sort(by)
            for name, by in (("blocks", ["call_no", "seq"]), ("calls", ["call_no"]))
        }
        return replace(self, **tables, spans=other.spans)


def state_of(workload: Workload, book: Book, spans: pl.DataFrame, most: int) -> State:
    """The calls that a provider caches, or was asked to: those with a time, a rule and billed usage; of
    a log of more than `most` parts the latest."""
    calls = situated(workload)
    about = workload.calls.select("call_no", pl.exclude(calls.columns))
    calls = calls.join(about, on="call_no", how="left", maintain_order="left")
    asked = pl.col("in_force") | (pl.col("marks").sum().over(PROGRAM) > 0)
    calls = _latest(calls.filter(asked | ~EXPLICIT), workload.parts, most).with_columns(
        ttl=pl.when("in_force").then("longest").otherwise("ttl"),
        group=pl.struct(pl.col(GROUP).fill_null("")).rank("dense").cast(pl.Int64),
    )
    lost = with_loss(calls, losses(workload)).with_columns(pl.col("lost", "most").fill_null(0))
    calls = calls.join(lost, on="call_no", maintain_order="left").sort("call_no")
    kept = workload.parts.join(calls.select("call_no"), on="call_no", how="semi")
    found = blocks(kept).with_columns(pl.col("breakpoint").cast(pl.String))
    return State(found, _rated(calls, found, book), spans.select(*SPANS).cast(pl.Schema(SPANS)))


def _latest(calls: pl.DataFrame, parts: pl.DataFrame, most: int) -> pl.DataFrame:
    if parts.height <= most:
        return calls
    sizes = parts.group_by("call_no").len()
    rows = calls.join(sizes, on="call_no").sort("sent", "call_no", descending=True)
    return rows.filter(pl.col("len").cum_sum() <= most).drop("len")


def _rated(calls: pl.DataFrame, found: pl.DataFrame, book: Book) -> pl.DataFrame:
    """The calls with a column `<class>_pd` for each class: picodollars a token."""
    lengths = found.filter(PROMPT).group_by("call_no").agg(input_tokens=pl.col("tokens").sum())
    known = calls.join(lengths, on="call_no", how="left", maintain_order="left")
    known = known.with_columns(pl.col("input_tokens").fill_null(0))
    keyed, rates = book.rates(known)
    wide = rates.with_columns(pl.col("billing_class").cast(pl.String)).pivot(
        on="billing_class", on_columns=CLASSES, index="rate_no", values="rate_pd"
    )
    wide = wide.rename({name: f"{name}_pd" for name in CLASSES})
    return calls.join(keyed, on="call_no", maintain_order="left").join(
        wide, on="rate_no", how="left", maintain_order="left"
    )


def relaid(rows: pl.DataFrame) -> pl.DataFrame:
    """Blocks in the order of (call_no, seq), which may be fractions, numbered, summed and hashed anew."""
    rows = rows.sort("call_no", "seq", maintain_order=True)
    rows = rows.with_columns(
        seq=pl.int_range(pl.len()).over("call_no").cast(pl.Int32),
        end=pl.col("tokens").cum_sum().over("call_no"),
    )
    return rehash(rows)


@once
def billed(state: State) -> pl.DataFrame:
    """What the simulator bills for each call's prompt: call_no, group, `read` (tokens) and `pd`
    (picodollars i128, null without a price). Calls without text are left out."""
    return _priced(state, simulated(state), READ)


def billed_as(state: State, reads: pl.DataFrame) -> pl.DataFrame:
    """The same, had each call read so many tokens: `reads` has call_no and `read`."""
    found = simulated(state).join(reads, on="call_no", maintain_order="left")
    return _priced(state, found, pl.col("read"))


@once
def simulated(state: State) -> pl.DataFrame:
    """What the simulator says of each call, see `_cache.sim.simulate`, with `lost` and `most`."""
    about = state.calls.select("call_no", "lost", "most")
    return simulate(state.blocks, state.calls).join(about, on="call_no", maintain_order="left")


def _priced(state: State, found: pl.DataFrame, read: pl.Expr) -> pl.DataFrame:
    about = state.calls.select("call_no", "group", *(f"{c}_pd" for c in INPUT_CLASSES))
    cut = cuts(found, read).join(about, on="call_no", maintain_order="left")
    length = state.blocks.filter(PROMPT).group_by("call_no").agg(length=pl.col("tokens").sum())
    cut = cut.join(length, on="call_no", maintain_order="left")
    cached = [name for name in INPUT_CLASSES if name != "fresh"]
    cut = cut.with_columns(fresh=pl.col("length") - pl.sum_horizontal(cached))
    paid = [
        pl.when(pl.col(c) == 0).then(0).otherwise(pl.col(c).cast(pl.Int128) * pl.col(f"{c}_pd"))
        for c in INPUT_CLASSES
    ]
    return cut.select(
        "call_no", "group", read="cache_read", pd=pl.sum_horizontal(paid, ignore_nulls=False)
    )
