"""One workload with its bill, against which changed workloads are priced call by call.

The only place where a lever's result meets a price. No shares, no intervals, no words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import polars as pl

from costscope.levers import prompt_cache
from costscope.levers._rows import IS_CACHED
from costscope.levers.interface import STACK, Lever
from costscope.model import Workload

CACHING = STACK.index("prompt_cache")
"""From this stage on a lever works on prompts that are final, so caching is settled before it."""

ROOM = 4_000_000
"""Rows of parts of what-ifs that are kept, since they are asked for again: some 200 MB."""

_NOTHING = pl.lit(0, pl.Int128)

KEYS = {"call_no": pl.Int64, "cluster": pl.String, "delta": pl.Int128}


Settle = Callable[[Workload], Workload]


class Book(Protocol):
    """The part of a price book that is needed here."""

    def cost(self, workload: Workload) -> pl.DataFrame:
        """A row for each call: call_no, pd (picodollars, Int128 or null), unpriced_tokens."""


@dataclass(frozen=True)
class Delta:
    """What a stack of levers changes on the bill, in picodollars; below zero is a saving."""

    calls: pl.DataFrame
    """call_no, cluster, delta (null: unknown) of the calls whose cost changes or gets unknown."""
    fees: int
    unpriced: Mapping[str, int]
    """Models without a price → how many calls of known cost were sent to them."""
    once: int = 0
    """How much of the fees is paid once, whatever time the log covers."""

    def total(self, excluded: pl.Series) -> int:
        """The change without the excluded calls, fees included."""
        known = self.calls.filter(~pl.col("call_no").is_in(excluded.implode()))
        return int(known["delta"].sum()) + self.fees


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
    ) -> None:
        self.workload = workload
        self.simulated = needs_simulation(workload, levers)
        self._memory: dict[str, Delta] = {}
        self._made = Made(workload)
        self._book = book
        self._in_force = settler(workload, in_force) if self.simulated else _as_is
        self._settled = self._in_force(workload)
        bill = self._costs(workload)
        now = self._costs(self._settled) if self.simulated else bill
        self.bill = workload.calls.select("call_no", "call_id", "cluster", bill=bill, now=now)
        """call_no, call_id, cluster, bill, and `now`: the same as the simulator sees it."""

    def settle(self, workload: Workload) -> Workload:
        """The workload with provider caching as it was in force, if that has to be simulated."""
        if workload is self.workload:
            return self._settled
        return self._made.by("", self._in_force, workload)

    def pulled(self, lever: Lever, workload: Workload) -> Workload:
        """The workload after a lever."""
        return self._made.by(_key([lever]), lever.apply, workload)

    def run(self, levers: Sequence[Lever]) -> Delta:
        """What these levers change together; they are applied in the order of the stack. Asked for
        the same again, as scenarios and tuning do, it answers from memory."""
        levers = in_order(levers)
        return self.known(levers) or self.outcome(levers, self._changed(levers))

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
        """What a changed (and settled) workload costs more, call by call.

        A call that a lever added belongs to the call whose call_id it shares, else to itself.
        """
        fees, once = _fees(after, self.workload)
        if after is self._settled:
            return Delta(pl.DataFrame(schema=KEYS), fees, {}, once)
        costs = self._costed(after)
        changes = self._kept(costs)
        if costs["added"].any():
            changes = pl.concat([changes, self._new(costs)]).group_by("call_no").agg(
                pl.col("cluster").first(), _sum_if_known("delta")
            )  # fmt: skip
        changes = changes.filter(pl.col("delta").is_null() | (pl.col("delta") != 0))
        return Delta(changes, fees, self._unpriced(costs), once)

    def unbroken(self, lever: Lever) -> tuple[Delta, Delta]:
        """What a lever that shortens prompts would change if that broke no cache; and what of it the
        calls come to that it adds."""
        changed = self.pulled(lever, self.workload)
        whole = self.delta(prompt_cache.unbroken(self._settled, changed))
        new = self._new(self._costed(changed))
        return whole, Delta(new, 0, {})

    def _kept(self, costs: pl.DataFrame) -> pl.DataFrame:
        """The calls of the log: what each costs more, or the whole bill less if it is gone."""
        staying = costs.filter(~pl.col("added"))
        staying = staying.select("call_no", "pd", pl.lit(True).alias("stays"))
        if staying["call_no"].equals(self.bill["call_no"]):
            both = self.bill.with_columns(staying.select("pd", "stays"))
        else:
            both = self.bill.join(staying, on="call_no", how="left", maintain_order="left")
        delta = (
            pl.when("stays").then(pl.col("pd") - pl.col("now")).otherwise(_NOTHING - pl.col("bill"))
        )
        known = pl.when(pl.col("bill").is_not_null()).then(delta)
        return both.select("call_no", "cluster", known.alias("delta"))

    def _new(self, costs: pl.DataFrame) -> pl.DataFrame:
        """The calls that levers added, on the account of the calls that they belong to."""
        rows = costs.filter("added")
        owners = self.bill.group_by("call_id").agg(pl.col("call_no").min().alias("owner"))
        rows = rows.join(owners, on="call_id", how="left")
        return rows.select(
            pl.coalesce("owner", "call_no").alias("call_no"), "cluster", pl.col("pd").alias("delta")
        )

    def _unpriced(self, costs: pl.DataFrame) -> dict[str, int]:
        if not costs["pd"].null_count():
            return {}
        known = self.bill.filter(pl.col("bill").is_null())
        lost = costs.filter(pl.col("pd").is_null()).join(known, on="call_no", how="anti")
        return dict(lost.group_by("model").len().sort("model").iter_rows())

    def _costed(self, workload: Workload) -> pl.DataFrame:
        """What of each call is needed to compare it, with its `pd`."""
        columns = ("call_no", "call_id", "cluster", "model", "added")
        return workload.calls.select(*columns, pd=self._costs(workload))

    def _costs(self, workload: Workload) -> pl.Series:
        """Picodollars of every call, in their order; null where any of its tokens has no price."""
        known = pl.when(pl.col("unpriced_tokens") == 0).then(pl.col("pd").cast(pl.Int128))
        return self._book.cost(workload).select(known.alias("pd")).to_series()


class Made:
    """What was made of a log, and of what was made of it, as far as there is room to keep it."""

    def __init__(self, log: Workload) -> None:
        self._kept = {id(log): log}
        self._found: dict[tuple[int, str], Workload] = {}
        self._room = ROOM

    def by(self, name: str, change: Settle, workload: Workload) -> Workload:
        """What a change, known by its name, makes of a workload."""
        key = id(workload), name
        if key in self._found:
            return self._found[key]
        changed = change(workload)
        self._room -= 0 if changed.parts is workload.parts else changed.parts.height
        # A number tells a workload from others only while it is kept.
        if self._room > 0 and self._kept.get(id(workload)) is workload:
            self._kept[id(changed)] = self._found[key] = changed
        return changed


def _sum_if_known(column: str) -> pl.Expr:
    value = pl.col(column)
    return pl.when(value.is_not_null().all()).then(value.sum()).alias(column)


def _fees(after: Workload, before: Workload) -> tuple[int, int]:
    """What `after` has more of fees, and how much of that is paid once."""
    if after.fees is before.fees:
        return 0, 0
    fees = [int(w.fees["picodollars"].sum()) for w in (after, before)]
    once = [int(w.fees.filter("once")["picodollars"].sum()) for w in (after, before)]
    return fees[0] - fees[1], once[0] - once[1]


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
