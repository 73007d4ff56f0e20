"""One workload with its bill, against which changed workloads are priced call by call.

The only place where a lever's result meets a price. No shares, no intervals, no words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import polars as pl

from costscope.advise import exact
from costscope.advise.bill import NOTHING, Bill, Changes, Costs
from costscope.columns import Ints
from costscope.levers import prompt_cache
from costscope.levers._rows import IS_CACHED
from costscope.levers.interface import STACK, Lever
from costscope.model import Workload
from costscope.prices.amounts import Whole
from costscope.second import Second

CACHING = STACK.index("prompt_cache")
"""From this stage on a lever works on prompts that are final, so caching is settled before it."""

ROOM = 4_000_000
"""Rows of parts of what-ifs that are kept, since they are asked for again: some 200 MB."""

FEW = 3
"""So many levers are tried sooner than a second process is ready to."""

Settle = Callable[[Workload], Workload]


class Book(Protocol):
    """The part of a price book that is needed here."""

    def paid(self, workload: Workload) -> tuple[Whole, Ints]:
        """For each call, in their order: picodollars of tokens with a price, and how many have none."""


@dataclass(frozen=True)
class Delta:
    """What a stack of levers changes on the bill, in picodollars; below zero is a saving."""

    changes: Changes
    """The calls whose cost changes or gets unknown."""
    fees: int
    unpriced: Mapping[str, int]
    """Models without a price → how many calls of known cost were sent to them."""
    once: int = 0
    """How much of the fees is paid once, whatever time the log covers."""

    def total(self, excluded: Ints) -> int:
        """The change without the excluded rows of the bill, fees included."""
        return exact.total(self.changes.without(excluded).more) + self.fees


class Bench:
    """The log as it was billed, and, where caching has to be simulated, as the simulator sees it.

    A simulated cost is only ever compared with a simulated one: for a call that stays, the
    difference of two simulations is applied to its bill; a call that goes saves what it was billed.
    """

    def __init__(
        self,
        workload: Workload,
        book: Book,
        levers: Sequence[Lever],
        in_force: Settle | None = None,
        helper: Second | None = None,
    ) -> None:
        self.workload = workload
        self.helper = helper if len(levers) > FEW else None
        if self.helper is not None:
            self.helper.prepare(self, partial(Bench, workload, book, levers, in_force))
        self.simulated = needs_simulation(workload, levers)
        self._memory: dict[str, Delta] = {}
        self._book = book
        self._in_force = settler(workload, in_force) if self.simulated else _as_is
        self._settled = self._in_force(workload)
        self._made = Made(workload, self._settled)
        billed = self._costs(workload)
        now = self._costs(self._settled) if self.simulated else billed
        self.bill = Bill(workload.calls, billed, now)

    def settle(self, workload: Workload) -> Workload:
        """The workload with provider caching as it was in force, if that has to be simulated."""
        if workload is self.workload:
            return self._settled
        return self._made.by("", self._in_force, workload)

    def completed(self, lever: Lever, changed: Workload) -> Workload:
        """What a lever made of the log, with provider caching settled where the lever does not know it."""
        return self.settle(changed) if stage(lever) < CACHING else changed

    def is_idle(self, lever: Lever, log: Workload) -> bool:
        """Whether a lever changes nothing of the log, settled or not."""
        return self._made.is_idle(_key([lever]), lever.apply, log)

    def pulled(self, lever: Lever, workload: Workload) -> Workload:
        """The workload after a lever."""
        return self._made.by(_key([lever]), lever.apply, workload)

    def run(self, levers: Sequence[Lever]) -> Delta:
        """What these levers change together; they are applied in the order of the stack. Asked for
        the same again, as scenarios and tuning do, it answers from memory."""
        levers = in_order(levers)
        return self.known(levers) or self.outcome(levers, self._changed(levers))

    def foresee(self, groups: Iterable[Sequence[Sequence[Lever]]]) -> None:
        """Have what `run` will be asked for worked out in two processes, where there is a second one: a
        group of stacks in one of them, groups that take long at both ends."""
        if self.helper is None:
            return
        given = list(groups)
        answers = self.helper.share(self, [partial(_deltas, stacks) for stacks in given])
        for stacks, deltas in zip(given, answers, strict=True):
            self._memory |= zip(map(_key, map(in_order, stacks)), deltas, strict=True)

    def known(self, levers: Sequence[Lever]) -> Delta | None:
        """What these levers, in the order of the stack, change, where that was asked before."""
        return self._memory.get(_key(levers))

    def outcome(self, levers: Sequence[Lever], changed: Workload) -> Delta:
        """What these levers, in the order of the stack, change: they made `changed` of the log."""
        key = _key(levers)
        if key not in self._memory:
            self._memory[key] = self.delta(changed)
        return self._memory[key]

    def _changed(self, levers: Sequence[Lever]) -> Workload:
        workload = self.workload
        for lever in (x for x in levers if stage(x) < CACHING):
            workload = self.pulled(lever, workload)
        workload = self.settle(workload)
        for lever in (x for x in levers if stage(x) >= CACHING):
            workload = self.pulled(lever, workload)
        return workload

    def delta(self, after: Workload) -> Delta:
        """What a changed (and settled) workload costs more, call by call."""
        fees, once = _fees(after, self.workload)
        if after is self._settled:
            return Delta(NOTHING, fees, {}, once)
        costs = self._costs(after)
        changes = self.bill.changes(after.calls, costs)
        return Delta(changes, fees, self.bill.unpriced(after.calls, costs), once)

    def unbroken(self, lever: Lever) -> tuple[Delta, Delta]:
        """What a lever that shortens prompts would change if that broke no cache; and what of it the
        calls come to that it adds."""
        changed = self.pulled(lever, self.workload)
        whole = self.delta(prompt_cache.unbroken(self._settled, changed))
        new = self.bill.added(changed.calls, self._costs(changed))
        return whole, Delta(new, 0, {})

    def _costs(self, workload: Workload) -> Costs:
        return Costs.of(*self._book.paid(workload))


class Made:
    """What single changes made of the log, as far as there is room to keep it: it is asked for again, as
    such and to be changed further. What was made of that in turn is not, but for caching settled in it."""

    def __init__(self, *logs: Workload) -> None:
        self._logs = {id(log): log for log in logs}
        self._kept: dict[int, Workload] = {}
        self._found: dict[tuple[int, str], Workload] = {}
        self._idle: dict[tuple[int, str], bool] = {}
        self._room = ROOM

    def by(self, name: str, change: Settle, workload: Workload) -> Workload:
        """What a change, known by its name, makes of a workload; no name is that of settling."""
        key = id(workload), name
        if key in self._found:
            return self._found[key]
        changed = change(workload)
        # A number tells a workload from others only while it is kept.
        if id(workload) in self._logs:
            self._idle[key] = changed is workload
        elif name or id(workload) not in self._kept:
            return changed
        rows = 0 if changed.parts is workload.parts else changed.parts.height
        if rows <= self._room:
            self._room -= rows
            self._kept[id(changed)] = self._found[key] = changed
        return changed

    def is_idle(self, name: str, change: Settle, log: Workload) -> bool:
        """Whether a change of the log changes nothing."""
        key = id(log), name
        return self._idle[key] if key in self._idle else self.by(name, change, log) is log


def _fees(after: Workload, before: Workload) -> tuple[int, int]:
    """What `after` has more of fees, and how much of that is paid once."""
    if after.fees is before.fees:
        return 0, 0
    fees = [int(w.fees["picodollars"].sum()) for w in (after, before)]
    once = [int(w.fees.filter("once")["picodollars"].sum()) for w in (after, before)]
    return fees[0] - fees[1], once[0] - once[1]


def _deltas(stacks: Sequence[Sequence[Lever]], bench: Bench) -> list[Delta]:
    return [bench.run(levers) for levers in stacks]


def _key(levers: Sequence[Lever]) -> str:
    return repr([(lever.name, lever) for lever in levers])


def _as_is(workload: Workload) -> Workload:
    return workload


def settler(workload: Workload, in_force: Settle | None) -> Settle:
    """What simulates caching on what-ifs of a log. The prompt-cache simulator (also None) is first
    calibrated on the log itself: a what-if no longer shows what it was billed for."""
    if in_force not in (None, prompt_cache.in_force):
        return in_force
    return partial(prompt_cache.in_force, calibration=prompt_cache.calibrate(workload))


def needs_simulation(workload: Workload, levers: Sequence[Lever]) -> bool:
    """Whether the log was billed for cached tokens and a lever changes what could be cached."""
    if not any(lever.rewrites_prompts for lever in levers):
        return False
    return bool(workload.parts.select((IS_CACHED & (pl.col("tokens") > 0)).any()).item())


def stage(lever: Lever) -> int:
    """The lever's place in the stack."""
    return STACK.index(lever.stage)


def in_order(levers: Sequence[Lever]) -> list[Lever]:
    """The levers in the order in which they take hold of a call."""
    return sorted(levers, key=lambda lever: (stage(lever), lever.order, lever.name))
