"""Levers pulled on a log: what each saves alone, in the stack, as its share, and how surely."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from typing import Protocol, runtime_checkable

import polars as pl

from costscope.advise.bench import Bench, Book, Delta, Settle
from costscope.advise.fees import MONTH_DAYS, monthly, pays_from
from costscope.advise.game import Game
from costscope.advise.spread import Spread
from costscope.levers.interface import Lever
from costscope.model import BreakEven, Interval, Recommendation, Workload
from costscope.reports.simulation import DAY_US, Front, HeldOut, Simulation

EVIDENCE = 5

METHOD = (
    "Ranges are 95 % intervals for as much traffic of the same kind, from resampling whole conversations, "
    "widened by each change's own pessimistic and optimistic assumptions."
)
SAMPLED = (
    "The fair shares are means over {} orders in which the changes could be made; there are too many "
    "changes to look at all orders."
)
SIMULATED = (
    "The log was billed for cached tokens, so provider caching was simulated with and without the "
    "changes, and the difference was applied to the bill."
)


def simulate(
    workload: Workload,
    levers: Sequence[Lever],
    book: Book,
    *,
    in_force: Settle | None = None,
) -> Simulation:
    """What these levers, as they are set, would save on the workload, in the order of the stack.

    Where the log was billed for cached tokens and a lever changes what could be cached, provider
    caching as it was in force is simulated on both sides (`in_force` does it; None is the
    prompt-cache simulator, calibrated on this log). Calls that have no price on one side of any comparison are
    left out of all of them, and counted. Deterministic, whatever the order of rows or levers.
    """
    bench = Bench(workload, book, levers, in_force)
    return Results(Game.play(bench, levers)).simulation()


@runtime_checkable
class Retried(Protocol):
    """A lever of whose calls some are asked again."""

    def with_retries(self, share: float) -> Lever:
        """The same where this share of its calls is asked again."""

    def misroute_limit(self, none: int, every: int) -> str:
        """A sentence on the share at which the saving is gone, given what is saved, in picodollars,
        where none and where every one of them is asked again."""


@runtime_checkable
class Bounded(Protocol):
    """A lever whose fees pay for so many calls and no more."""

    def most_a_month(self, workload: Workload) -> int | None:
        """How many calls a month; None where that is unknown."""


@dataclass(frozen=True)
class Results:
    """A played game, put into figures and words."""

    game: Game

    @cached_property
    def excluded(self) -> pl.Series:
        return self.game.excluded()

    @cached_property
    def bill(self) -> pl.DataFrame:
        """The calls that are compared, with what they cost."""
        bill = self.game.bench.bill
        return bill.filter(~pl.col("call_no").is_in(self.excluded.implode()))

    @cached_property
    def spread(self) -> Spread:
        return Spread.of(self.bill)

    @cached_property
    def savings(self) -> Mapping[frozenset[str], int]:
        return self.game.savings(self.excluded, self.spread.total)

    @cached_property
    def shares(self) -> Mapping[str, int]:
        return self.game.shares(self.savings)

    @cached_property
    def window_us(self) -> int | None:
        """From the log's first call to its last."""
        sent = pl.col("sent_at").dt.timestamp("us")
        span: int | None = self.game.bench.workload.calls.select(sent.max() - sent.min()).item()
        return span

    def simulation(
        self,
        order: Sequence[str] = (),
        said: Sequence[str] = (),
        known: pl.Series | None = None,
        fronts: Sequence[Front] = (),
    ) -> Simulation:
        """The result, with its levers in this order (else the stack's), with further assumptions, and
        with what is saved beside the `known` calls, on which settings were chosen."""
        saved = self.saved(self.game.levers)
        parts = self.game.bench.workload.parts
        unpriced = parts.filter(pl.col("call_no").is_in(self.excluded.implode()))
        return Simulation(
            calls=self.bill.height,
            cost=self.spread.total,
            levers=[self.recommendation(name) for name in order or self.game.levers],
            saved=saved,
            interval=self.interval(list(self.game.levers)),
            monthly_saved=monthly(saved, self.once(self.game.levers), self.window_us),
            world="simulated" if self.game.bench.simulated else "billed",
            window_us=self.window_us,
            left_out=self.game.bench.bill.height - self.bill.height,
            left_out_tokens=int(unpriced["tokens"].sum()),
            assumptions=(*self.assumptions(), *said),
            cumulative=[self.saved(order[: n + 1]) for n in range(len(order))],
            fronts=fronts,
            held_out=None if known is None else self.held_out(known),
        )

    def recommendation(self, name: str) -> Recommendation:
        """One lever's figures and words."""
        lever, touch = self.game.levers[name], self.game.touches[name]
        rows = self.bill.filter(pl.col("call_no").is_in(touch.calls.implode()))
        alone = self.saved([name])
        saved = self.added(name, self.saved)
        return Recommendation(
            name=name,
            title=lever.title,
            settings={f.name: getattr(lever, f.name) for f in fields(lever)},
            calls=rows.height,
            cost=int(rows["bill"].sum()),
            saved=saved,
            saved_alone=alone,
            saved_share=self.shares[name],
            interval=self.interval([name]),
            monthly_saved=monthly(saved, self.added(name, self.once), self.window_us),
            effort=lever.effort,
            risk=lever.risk,
            action=touch.action,
            prerequisites=tuple(lever.prerequisites),
            caveats=(*lever.caveats, *self.doubts(name), *self.misroutes(lever)),
            evidence=tuple(_dearest(rows)),
            backtest=lever.backtest(self.game.bench.workload),
            break_even=self.pays_from(name, alone, rows.height),
            breakdown=self.breakdown(name, alone) if rows.height else {},
            details=touch.details,
        )

    def pays_from(self, name: str, alone: int, calls: int) -> BreakEven | None:
        """From how many calls on a lever pays for its fees, as far as these would be the same."""
        lever = self.game.levers[name]
        most = lever.most_a_month(self.game.bench.workload) if isinstance(lever, Bounded) else None
        return pays_from(self.game.delta([name]), alone, calls, self.window_us, most)

    def misroutes(self, lever: Lever) -> list[str]:
        """How many of its calls may be asked again before a router saves nothing."""
        if not isinstance(lever, Retried) or self.game.touches[lever.name].calls.is_empty():
            return []
        ends = (self.game.bench.run([lever.with_retries(share)]) for share in (0.0, 1.0))
        return [lever.misroute_limit(*(self.compared(delta)[0] for delta in ends))]

    def breakdown(self, name: str, alone: int) -> dict[str, int]:
        """What a lever that shortens prompts saves and breaks, where caching was simulated; else nothing."""
        bench, lever = self.game.bench, self.game.levers[name]
        if not bench.simulated or lever.stage != "truncation" or not lever.rewrites_prompts:
            return {}
        whole, new = (self.compared(delta)[0] for delta in bench.unbroken(lever))
        return {
            "fewer_tokens": whole - new, "added_calls": new, "broken_cache": alone - whole,
        }  # fmt: skip

    def held_out(self, known: pl.Series) -> HeldOut:
        """The bill of the calls that are not among these, and what all levers save of it; of fees that
        recur, the same share as of the calls."""
        delta = self.game.delta(self.game.levers)
        other = ~pl.col("call_no").is_in(known.implode())
        rows, changed = self.bill.filter(other), self.compared(delta)[1].filter(other)
        fees = Fraction((delta.fees - delta.once) * rows.height, max(self.bill.height, 1))
        return HeldOut(int(rows["bill"].sum()), -int(changed["delta"].sum()) - round(fees))

    def added(self, name: str, amount: Callable[[Sequence[str]], int]) -> int:
        """What a lever adds to an amount on top of those before it in the stack."""
        names = list(self.game.levers)
        upto = names.index(name)
        return amount(names[: upto + 1]) - amount(names[:upto])

    def once(self, names: Collection[str]) -> int:
        """What some levers pay once."""
        return self.game.delta(names).once

    def saved(self, names: Collection[str]) -> int:
        """What some levers save together; the first ones of the stack, each by itself, and all are
        always known."""
        return self.savings[self.game.coalition(names)]

    def interval(self, names: Sequence[str]) -> Interval:
        """The range of what these levers save together: by chance, and by their assumptions."""
        levers = [self.game.levers[name] for name in names]
        cases = [self.game.delta(names)]
        ends = zip(*(lever.scenarios() for lever in levers), strict=True)
        run = self.game.bench.run
        cases += [run(end) for end in ends if list(end) != levers]
        return self.spread.interval([self.compared(case) for case in cases])

    def compared(self, delta: Delta) -> tuple[int, pl.DataFrame]:
        """(saved, delta by call) without the calls that are left out."""
        known = ~pl.col("call_no").is_in(self.excluded.implode()) & pl.col("delta").is_not_null()
        return -delta.total(self.excluded), delta.calls.filter(known)

    def doubts(self, name: str) -> list[str]:
        """What this log leaves unsaid about a lever."""
        said = []
        for model, calls in self.game.delta([name]).unpriced.items():
            said.append(f"{model} has no price: what {calls:,} of the calls would save is unknown.")
        if len(self.spread.spent) < 2:
            said.append("One conversation is too little data for a range.")
        return said

    def assumptions(self) -> list[str]:
        """How the figures were made, and what the levers took for granted, each a sentence."""
        said = [SIMULATED] if self.game.bench.simulated else []
        if left_out := self.game.bench.bill.height - self.bill.height:
            said.append(f"{left_out:,} calls without a known price are left out of both sides.")
        said += [METHOD, self._window()]
        if self.game.orders is not None:
            said.append(SAMPLED.format(len(self.game.orders)))
        for name in self.game.levers:
            said += [f"{name}: {note}" for note in self.game.touches[name].notes]
        return said

    def _window(self) -> str:
        if self.window_us is None:
            return "The log has no times, so no monthly figure is given."
        days = Fraction(self.window_us, DAY_US)
        if days < 1:
            return "Below a full day of traffic no monthly figure is given."
        factor = float(MONTH_DAYS / days)
        return f"Monthly figures are those of the {float(days):.1f} days logged times {factor:.2f}."


def _dearest(rows: pl.DataFrame) -> list[str]:
    ids = rows.sort("bill", "call_id", descending=[True, False])["call_id"]
    return ids.unique(maintain_order=True).head(EVIDENCE).to_list()
