"""How many GPUs a load of calls needs, and how busy they are: whole numbers, no price. Not a lever."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import polars as pl

from costscope.levers._own.fees import MONTH_US

SECOND_US = 1_000_000


class Load(NamedTuple):
    """What some calls ask of an engine."""

    calls: int
    span: int
    """Microseconds that the log covers."""
    work: int
    """Of all of the calls, in the unit of Engine.work."""
    peak: int
    """Of those within the busiest slot."""


@dataclass(frozen=True)
class Engine:
    """One copy of a model, on as many GPUs as it takes."""

    gpus: int
    prefill: int
    """Prompt tokens a second of one GPU that does nothing else."""
    decode: int
    """Reply tokens a second of one GPU that does nothing else."""
    most: Fraction
    """How much of its time the busiest slot may take."""
    slot_us: int

    def work(self, prompt: pl.Expr, reply: pl.Expr) -> pl.Expr:
        """What so many tokens take, in GPU seconds times `prefill` times `decode`: a whole number."""
        return (prompt * self.decode + reply * self.prefill).cast(pl.Int128)

    def load(self, calls: pl.DataFrame, span: int) -> Load:
        """The load of calls (sent_at, prefill, output_tokens) over `span` microseconds."""
        slot = pl.col("sent_at").dt.timestamp("us") // self.slot_us
        work = self.work(pl.col("prefill"), pl.col("output_tokens")).sum()
        slots = calls.group_by(slot).agg(work.alias("work"))["work"].to_list()
        return Load(calls.height, span, sum(slots), max(slots, default=0))

    def needed(self, load: Load) -> int:
        """How many GPUs the busiest slot needs, in whole engines, one at least."""
        one = self.gpus * self.most * self._can(self.slot_us)
        return self.gpus * max(1, -(-load.peak // one))

    def mean_use(self, load: Load) -> Fraction:
        """The share of the needed GPUs' time that all of the load takes."""
        return load.work / (self.needed(load) * self._can(load.span))

    def peak_use(self, load: Load) -> Fraction:
        """The share of the needed GPUs' time that the busiest slot takes."""
        return load.peak / (self.needed(load) * self._can(self.slot_us))

    def most_a_month(self, load: Load) -> int:
        """How many calls like these, as unevenly spread, the needed GPUs take in 30 days."""
        busier = self.most / self.peak_use(load) if load.peak else Fraction(0)
        return int(load.calls * busier * MONTH_US / load.span)

    def _can(self, time_us: int) -> Fraction:
        """The work that one GPU does in some time."""
        return Fraction(self.prefill * self.decode * time_us, SECOND_US)
