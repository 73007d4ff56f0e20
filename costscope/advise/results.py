"""Levers pulled on a log: what each saves alone, in the stack, as its share, and how surely."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl

from costscope.advise import exact
from costscope.advise.bench import Bench, Book, Delta, Settle
from costscope.advise.bill import Bill, Changes
from costscope.advise.fees import MONTH_DAYS, monthly, pays_from
from costscope.advise.game import Game
from costscope.advise.spread import Changed, Spread
from costscope.columns import Flags, Ints
from costscope.levers.interface import Lever
from costscope.model import BreakEven, Interval, Recommendation, Workload
from costscope.prices import usage
from costscope.reports.simulation import DAY_US, Front, HeldOut, Simulation
from costscope.second import Second

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
    helper: Second | None = None,
) -> Simulation:
    """What these levers, as they are set, would save on the workload, in the order of the stack.

    Where the log was billed for cached tokens and a lever changes what could be cached, provider
    caching as it was in force is simulated on both sides (`in_force` does it; None is the
    prompt-cache simulator, calibrated on this log). Calls that have no price on one side of any comparison are
    left out of all of them, and counted. Deterministic, whatever the order of rows or levers.
    """
    bench = Bench(workload, book, levers, in_force, helper)
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
    def excluded(self) -> Ints:
        """The rows of the bill that are left out of all comparisons."""
        return self.game.excluded()

    @property
    def bill(self) -> Bill:
        return self.game.bench.bill

    @cached_property
    def _is_compared(self) -> Flags:
        """Of each call of the bill."""
        found = np.ones(len(self.bill.numbers), np.bool_)
        found[self.excluded[self.excluded < len(found)]] = False
        return found

    @cached_property
    def compared(self) -> Ints:
        """The rows of the bill that are compared."""
        return np.flatnonzero(self._is_compared)

    @cached_property
    def spread(self) -> Spread:
        rows = self.compared
        return Spread.of(self.bill.clusters[rows], self.bill.billed.picodollars[rows])

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
        known: Flags | None = None,
        fronts: Sequence[Front] = (),
    ) -> Simulation:
        """The result, with its levers in this order (else the stack's), with further assumptions, and
        with what is saved beside the `known` calls, on which settings were chosen."""
        saved = self.saved(self.game.levers)
        mixes = [list(self.game.levers), *([name] for name in self.game.levers)]
        self.game.bench.foresee([end] for mix in mixes for end in self._ends(mix))
        return Simulation(
            calls=len(self.compared),
            cost=self.spread.total,
            levers=[self.recommendation(name) for name in order or self.game.levers],
            saved=saved,
            interval=self.interval(list(self.game.levers)),
            monthly_saved=monthly(saved, self.once(self.game.levers), self.window_us),
            world="simulated" if self.game.bench.simulated else "billed",
            window_us=self.window_us,
            left_out=self.left_out,
            left_out_tokens=self._unpriced(),
            assumptions=(*self.assumptions(), *said),
            cumulative=[self.saved(order[: n + 1]) for n in range(len(order))],
            fronts=fronts,
            held_out=None if known is None else self.held_out(known),
        )

    def recommendation(self, name: str) -> Recommendation:
        """One lever's figures and words."""
        lever, touch = self.game.levers[name], self.game.touches[name]
        rows = np.intersect1d(touch.calls, self.compared, assume_unique=True)
        alone = self.saved([name])
        saved = self.added(name, self.saved)
        return Recommendation(
            name=name,
            title=lever.title,
            settings={f.name: getattr(lever, f.name) for f in fields(lever)},
            calls=len(rows),
            cost=exact.total(self.bill.billed.picodollars[rows]),
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
            evidence=tuple(self.bill.dearest(rows, EVIDENCE)),
            backtest=lever.backtest(self.game.bench.workload),
            break_even=self.pays_from(name, alone, len(rows)),
            breakdown=self.breakdown(name, alone) if len(rows) else {},
            details=touch.details,
        )

    def pays_from(self, name: str, alone: int, calls: int) -> BreakEven | None:
        """From how many calls on a lever pays for its fees, as far as these would be the same."""
        lever = self.game.levers[name]
        most = lever.most_a_month(self.game.bench.workload) if isinstance(lever, Bounded) else None
        return pays_from(self.game.delta([name]), alone, calls, self.window_us, most)

    def misroutes(self, lever: Lever) -> list[str]:
        """How many of its calls may be asked again before a router saves nothing."""
        if not isinstance(lever, Retried) or not len(self.game.touches[lever.name].calls):
            return []
        ends = (self.game.bench.run([lever.with_retries(share)]) for share in (0.0, 1.0))
        return [lever.misroute_limit(*(self.saving(delta) for delta in ends))]

    def breakdown(self, name: str, alone: int) -> dict[str, int]:
        """What a lever that shortens prompts saves and breaks, where caching was simulated; else nothing."""
        bench, lever = self.game.bench, self.game.levers[name]
        if not bench.simulated or lever.stage != "truncation" or not lever.rewrites_prompts:
            return {}
        whole, new = map(self.saving, bench.unbroken(lever))
        return {
            "fewer_tokens": whole - new, "added_calls": new, "broken_cache": alone - whole,
        }  # fmt: skip

    def held_out(self, known: Flags) -> HeldOut:
        """The bill of the calls that are not among these, and what all levers save of it; of fees that
        recur, the same share as of the calls."""
        delta = self.game.delta(self.game.levers)
        rows = self.compared[~known[self.compared]]
        changes = self.changes(delta)
        # What belongs to no call of the log is on the row behind the last, and is not known.
        saved = -exact.total(changes.only(~np.append(known, False)[changes.rows]).more)
        fees = Fraction((delta.fees - delta.once) * len(rows), max(len(self.compared), 1))
        return HeldOut(exact.total(self.bill.billed.picodollars[rows]), saved - round(fees))

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
        cases = [self.game.delta(names), *map(self.game.bench.run, self._ends(names))]
        return self.spread.interval([(self.saving(case), self._changed(case)) for case in cases])

    def _ends(self, names: Sequence[str]) -> list[tuple[Lever, ...]]:
        """These levers at their worst and at their best, as far as that is something else."""
        levers = [self.game.levers[name] for name in names]
        ends = zip(*(lever.scenarios() for lever in levers), strict=True)
        return [end for end in ends if list(end) != levers]

    def saving(self, delta: Delta) -> int:
        """What is saved of the calls that are compared, fees paid."""
        return -delta.total(self.excluded)

    def changes(self, delta: Delta) -> Changes:
        """What changes of the calls that are compared."""
        return delta.changes.without(self.excluded)

    def _changed(self, delta: Delta) -> Changed:
        changes = self.changes(delta)
        return Changed(self.bill.clusters[changes.rows], changes.more)

    @property
    def left_out(self) -> int:
        """How many calls are not compared."""
        return len(self.bill.numbers) - len(self.compared)

    def _unpriced(self) -> int:
        """Tokens of the calls that are not compared."""
        if not self.left_out:
            return 0
        return int(usage.by_class(self.game.bench.workload)[~self._is_compared].sum())

    def doubts(self, name: str) -> list[str]:
        """What this log leaves unsaid about a lever."""
        said = []
        for model, calls in self.game.delta([name]).unpriced.items():
            said.append(f"{model} has no price: what {calls:,} of the calls would save is unknown.")
        if self.spread.count < 2:
            said.append("One conversation is too little data for a range.")
        return said

    def assumptions(self) -> list[str]:
        """How the figures were made, and what the levers took for granted, each a sentence."""
        said = [SIMULATED] if self.game.bench.simulated else []
        if self.left_out:
            gone = f"{self.left_out:,} calls"
            said.append(f"{gone} without a known price are left out of both sides.")
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
