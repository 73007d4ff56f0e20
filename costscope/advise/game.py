"""Levers pulled together, each coalition applied and priced once. No ranking, no intervals."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from costscope.advise.bench import Bench, Delta, in_order
from costscope.advise.shares import by_orders, joining, shapley
from costscope.advise.tree import Names, Touch, Tree
from costscope.columns import Ints
from costscope.errors import SettingsError
from costscope.levers.interface import Lever

MOST = 6
"""Of so many levers all coalitions are looked at: every further one doubles the work."""

LARGE = 4_000_000
"""Above so many parts an order of joining takes minutes."""
TURNS, TURNS_OF_LARGE = 4, 1
"""How many orders of joining stand for all, each with the same backwards."""


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
        turns = TURNS if bench.workload.parts.height <= LARGE else TURNS_OF_LARGE
        orders = joining(active, turns) if len(active) > MOST else None
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

    def excluded(self) -> Ints:
        """Rows of the bill that have no known cost on some side of some comparison, ascending."""
        unknown = [np.flatnonzero(~self.bench.bill.known)]
        return np.unique(
            np.concatenate([*unknown, *(d.changes.unknown for d in self.deltas.values())])
        )

    def savings(self, excluded: Ints, spent: int) -> dict[Names, int]:
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
