"""Levers pulled together, each coalition applied and priced once. No ranking, no intervals."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from costscope.advise.bench import CACHING, Bench, Delta, in_order, stage
from costscope.advise.shares import by_orders, joining, shapley
from costscope.errors import SettingsError
from costscope.levers.interface import Lever
from costscope.model import Table, Workload

MOST = 6
"""Of so many levers all coalitions are looked at: every further one doubles the work."""
Names = frozenset[str]
_NOBODY = frozenset([Names()])

_BILLED = ("provider", "channel", "region", "model", "tier")


@dataclass(frozen=True)
class Touch:
    """What one lever does to the log: calls (numbers) and its own words about it.

    By itself; or, if that is nothing, after the first of the others that leave it something to do.
    """

    calls: pl.Series
    action: str
    notes: Sequence[str]
    details: Sequence[Table]


@dataclass(frozen=True)
class Game:
    """The coalitions of some levers that tell their shares, and what each changes on the bill."""

    bench: Bench
    levers: Mapping[str, Lever]
    """By name, in the order of the stack."""
    active: Sequence[str]
    """Those that do anything, in the same order; the others are in no coalition."""
    deltas: Mapping[Names, Delta]
    touches: Mapping[str, Touch]
    orders: Sequence[Sequence[str]] | None = None
    """The orders of joining whose coalitions are known; None where all are."""

    @classmethod
    def play(cls, bench: Bench, levers: Sequence[Lever]) -> Game:
        """Apply and price all 2^n coalitions of up to six levers that do anything, of more those of some
        orders of joining; what two of them begin with is applied once. Raises SettingsError for two
        levers of one name."""
        ordered = {lever.name: lever for lever in in_order(levers)}
        if len(ordered) < len(levers):
            raise SettingsError("the same lever was asked for twice; give it once")
        tree = Tree(bench, list(ordered.values()))
        idle = tree.idle() if len(ordered) > MOST else ()
        active = [name for name in ordered if name not in idle]
        orders = joining(active) if len(active) > MOST else None
        deltas = tree.explore(coalitions(active, orders))
        return cls(bench, ordered, active, deltas, tree.touches, orders)

    def only(self, names: Collection[str]) -> Game:
        """The same game, of which all coalitions are known, with some of its levers."""
        kept = {name: lever for name, lever in self.levers.items() if name in names}
        deltas = {which: delta for which, delta in self.deltas.items() if which <= kept.keys()}
        active = [name for name in self.active if name in kept]
        touches = {name: self.touches[name] for name in kept}
        return Game(self.bench, kept, active, deltas, touches)

    def coalition(self, names: Collection[str]) -> Names:
        """The key of some levers: those of them that do anything."""
        return frozenset(names) & frozenset(self.active)

    def delta(self, names: Collection[str]) -> Delta:
        """What some levers change together. Raises KeyError for a coalition that is not known."""
        return self.deltas[self.coalition(names)]

    def excluded(self) -> pl.Series:
        """Calls that have no known cost on some side of some comparison, by number, sorted."""
        unknown = [self.bench.bill.filter(pl.col("bill").is_null() | pl.col("now").is_null())]
        unknown += [delta.calls.filter(pl.col("delta").is_null()) for delta in self.deltas.values()]
        return pl.concat([frame["call_no"] for frame in unknown]).unique().sort()

    def savings(self, excluded: pl.Series, spent: int) -> dict[Names, int]:
        """What each known coalition saves, in picodollars, never more than what was spent."""
        return {which: min(spent, -d.total(excluded)) for which, d in self.deltas.items()}

    def shares(self, savings: Mapping[Names, int]) -> dict[str, int]:
        """Each lever's Shapley share, or its mean over the orders of joining that are known; they add
        up to what all of them save together."""
        nothing = dict.fromkeys(self.levers, 0)
        if self.orders is None:
            return nothing | shapley(savings, self.active)
        return nothing | by_orders(savings, self.orders)


def coalitions(active: Sequence[str], orders: Sequence[Sequence[str]] | None) -> set[Names]:
    """All coalitions; or those that form in these orders of joining, and every lever by itself."""
    if orders is None:
        sizes = range(len(active) + 1)
        return {frozenset(some) for size in sizes for some in combinations(active, size)}
    forming = {frozenset(order[:size]) for order in orders for size in range(len(order) + 1)}
    return forming | {frozenset([name]) for name in active}


class Tree:
    """Levers pulled one after another in the order of the stack, each or not."""

    def __init__(self, bench: Bench, levers: Sequence[Lever]) -> None:
        early = [lever for lever in levers if stage(lever) < CACHING]
        late = [lever for lever in levers if stage(lever) >= CACHING]
        self._bench = bench
        self._steps: list[Lever | None] = [*early, None, *late]
        self.touches: dict[str, Touch] = {}

    def idle(self) -> set[str]:
        """The levers that do nothing, neither by themselves nor after all the others."""
        alone = together = self._bench.workload
        found = set()
        for lever in self._steps:
            if lever is None:
                alone, together = self._bench.settle(alone), self._bench.settle(together)
                continue
            changed = self._pulled(lever, alone)
            after = changed if together is alone else self._bench.pulled(lever, together)
            if changed is alone and after is together:
                found.add(lever.name)
            together = after
        return found

    def explore(self, wanted: Collection[Names]) -> dict[Names, Delta]:
        """What each of these coalitions changes."""
        return self._explore(self._steps, self._bench.workload, [], frozenset(wanted))

    def _explore(
        self, steps: Sequence[Lever | None], workload: Workload, chosen: Sequence[Lever],
        wanted: frozenset[Names],
    ) -> dict[Names, Delta]:  # fmt: skip
        """The same of the steps that are left, on a workload that the chosen levers have changed. None
        among the steps is where provider caching is settled."""
        if not steps:
            return {frozenset(): self._bench.outcome(chosen, workload)}
        if wanted == _NOBODY and (known := self._bench.known(chosen)):
            return {frozenset(): known}
        lever, rest = steps[0], steps[1:]
        if lever is None:
            return self._explore(rest, self._bench.settle(workload), chosen, wanted)
        own = frozenset([lever.name])
        left = frozenset(some for some in wanted if not own <= some)
        right = frozenset(some - own for some in wanted if own <= some)
        if not right:
            return self._explore(rest, workload, chosen, left)
        changed = self._pulled(lever, workload)
        if changed is workload:
            found = self._explore(rest, workload, chosen, left | right)
            return {some: found[some - own] for some in wanted}
        found = self._explore(rest, workload, chosen, left) if left else {}
        more = self._explore(rest, changed, [*chosen, lever], right)
        return found | {some | own: delta for some, delta in more.items()}

    def _pulled(self, lever: Lever, workload: Workload) -> Workload:
        """The workload after a lever, of which the first touch that is of any call is noted."""
        changed = self._bench.pulled(lever, workload)
        known = self.touches.get(lever.name)
        if known is None or (changed is not workload and known.calls.is_empty()):
            self.touches[lever.name] = _touch(lever, workload, changed)
        return changed


def _touch(lever: Lever, before: Workload, after: Workload) -> Touch:
    notes = tuple(lever.notes(before, after))
    details = tuple(lever.details(before, after))
    return Touch(touched(before, after), lever.action(before, after), notes, details)


def touched(before: Workload, after: Workload) -> pl.Series:
    """The numbers of the calls of `before` that `after` would be billed for in another way: gone,
    sent elsewhere, with other tokens or classes, or with a call added for them. Sorted."""
    if after is before:
        return pl.Series("call_no", [], pl.Int64)
    key = ["call_no", *_BILLED]
    found = [_differing(before.calls.select(key), after.calls.select(key))]
    if before.parts is not after.parts:
        found.append(_differing(_tokens(before.parts), _tokens(after.parts)))
    ids = before.calls.select("call_no", "call_id")
    new = after.calls.filter("added")
    found.append(ids.join(new, on="call_id", how="semi")["call_no"])
    numbers = pl.concat(found).unique().sort()
    return numbers.filter(numbers.is_in(ids["call_no"].implode()))


def _differing(before: pl.DataFrame, after: pl.DataFrame) -> pl.Series:
    """Call numbers of rows that only one of two frames has."""
    gone = before.join(after, on=before.columns, how="anti", nulls_equal=True)
    come = after.join(before, on=before.columns, how="anti", nulls_equal=True)
    return pl.concat([gone["call_no"], come["call_no"]])


def _tokens(parts: pl.DataFrame) -> pl.DataFrame:
    return parts.group_by("call_no", "billing_class").agg(pl.col("tokens").sum())
