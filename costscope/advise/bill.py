"""What each call of a log costs, and in which calls a what-if costs something else. No levers here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import polars as pl

from costscope.advise import exact
from costscope.columns import Flags, Ints, filled, places
from costscope.once import once
from costscope.prices.amounts import Whole


class Costs(NamedTuple):
    """What some calls cost."""

    picodollars: Whole
    """0 where unknown."""
    known: Flags
    """False where any of a call's tokens has no price."""

    @classmethod
    def of(cls, picodollars: Whole, unpriced: Ints) -> Costs:
        """From what a price book gives: the cost of priced tokens, and how many have no price."""
        known = unpriced == 0
        return cls(picodollars if known.all() else np.where(known, picodollars, 0), known)


class Changes(NamedTuple):
    """The calls that cost something else, by their rows of a bill; each once."""

    rows: Ints
    """Ascending."""
    more: Whole
    """What each costs more, in picodollars; never 0."""
    unknown: Ints
    """The rows whose change is unknown."""

    def without(self, rows: Ints) -> Changes:
        """The known ones less some rows."""
        if not len(rows):
            return self
        return self.only(~np.isin(self.rows, rows))

    def only(self, kept: Flags) -> Changes:
        """Some of the known ones."""
        return Changes(self.rows[kept], self.more[kept], self.unknown)


NOTHING = Changes(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int32))


@dataclass(frozen=True)
class Bill:
    """The calls of a log, a row each, in its order, with what they cost."""

    calls: pl.DataFrame
    billed: Costs
    now: Costs
    """The same as the cache simulator sees it; as billed where nothing is simulated."""

    @cached_property
    def numbers(self) -> Ints:
        """Their call_no."""
        return self.calls["call_no"].to_numpy()

    @cached_property
    def known(self) -> Flags:
        """Whether what they cost is known on both sides."""
        return self.billed.known & self.now.known

    @cached_property
    def clusters(self) -> Ints:
        """Of each row, and of the one behind the last, which has none of the log's: what is resampled
        together has one number, from 0 on without a gap."""
        found = self.calls["cluster"].rank("dense").cast(pl.Int64).to_numpy() - 1
        return np.append(found, found.max(initial=-1) + 1)

    def rows(self, numbers: Ints) -> Ints:
        """The rows of those calls that the log has, ascending."""
        return np.flatnonzero(places(self.numbers, np.unique(numbers)) >= 0)

    def changes(self, calls: pl.DataFrame, costs: Costs) -> Changes:
        """What these calls cost more than those of the log, of which some may be gone. A call that a lever
        added belongs to the call whose call_id it shares; if there is none, to a row behind the last."""
        more, known = self._kept(calls, costs)
        if calls["added"].any():
            rows, own = self._new(calls, costs)
            more, known = np.append(more, 0), np.append(known, True)
            more = more + exact.by_place(rows, own.picodollars, len(more))
            known[rows[~own.known]] = False
        unknown = ~known
        unknown[: len(self.numbers)] &= self.billed.known
        return _changes(np.flatnonzero(known & (more != 0)), more, unknown)

    def added(self, calls: pl.DataFrame, costs: Costs) -> Changes:
        """The same of the calls alone that levers added."""
        rows, own = self._new(calls, costs)
        more = exact.by_place(rows, own.picodollars, len(self.numbers) + 1)
        return _changes(np.flatnonzero(more != 0), more, np.zeros(0, np.bool_))

    def _kept(self, calls: pl.DataFrame, costs: Costs) -> tuple[Whole, Flags]:
        """What each call of the log costs more, or the whole bill less if it is gone; and if that is known."""
        numbers, paid, known = calls["call_no"].to_numpy(), costs.picodollars, costs.known
        if np.array_equal(numbers, self.numbers):
            return paid - self.now.picodollars, known & self.known
        # A call that is gone is at -1: the last one, which is free.
        place = places(self.numbers, numbers)
        paid, known, gone = np.append(paid, 0), np.append(known, True), place < 0
        more = np.where(gone, -self.billed.picodollars, paid[place] - self.now.picodollars)
        return more, self.billed.known & (gone | (known[place] & self.now.known))

    def _new(self, calls: pl.DataFrame, costs: Costs) -> tuple[Ints, Costs]:
        """The rows that the added calls belong to, and what each of these costs."""
        new, rows = self._owned(calls)
        return rows, Costs(costs.picodollars[new], costs.known[new])

    @cached_property
    def _owned(self) -> Callable[[pl.DataFrame], tuple[Ints, Ints]]:
        """Which of some calls levers added, and the rows they belong to. Most what-ifs share a table."""
        return once(partial(_owned, *self._owners))

    @cached_property
    def _owners(self) -> tuple[pl.Series, Ints]:
        """Their call_ids as categories, which are numbered for as long as this is held, and for each number
        the row of the first call that has it; the last one is for what the log does not have."""
        names = self.calls["call_id"].cast(pl.Categorical(pl.Categories.random()))
        owners = np.full(names.n_unique() + 1, len(self.numbers))
        rows = np.argsort(-self.numbers, kind="stable")
        rows = rows[names.is_not_null().to_numpy()[rows]]
        owners[names.to_physical().fill_null(0).to_numpy()[rows]] = rows
        return names, owners

    def dearest(self, rows: Ints, count: int) -> list[str]:
        """The ids of those calls that cost most, ties by id, each once."""
        paid, few = self.billed.picodollars[rows], 10 * count
        while True:
            # Of a million calls few are worth sorting by name.
            some = paid >= np.partition(paid, -few)[-few] if len(rows) > few else paid == paid
            table = pl.DataFrame(
                [
                    pl.Series("paid", paid[some].tolist(), pl.Int128),
                    self.calls["call_id"].gather(rows[some]),
                ]
            )
            ids = table.sort("paid", "call_id", descending=[True, False])["call_id"]
            found = ids.unique(maintain_order=True).head(count).to_list()
            if len(found) == count or some.all():
                return found
            few *= 10

    def unpriced(self, calls: pl.DataFrame, costs: Costs) -> dict[str, int]:
        """Models without a price → how many of these calls, but for those that had none before."""
        lost = np.flatnonzero(~costs.known)
        if not len(lost):
            return {}
        place = places(calls["call_no"].to_numpy()[lost], self.numbers)
        lost = lost[np.append(self.billed.known, True)[place]]
        found = Counter(calls["model"][lost].to_list() if len(lost) else ())
        return dict(sorted(found.items(), key=lambda one: one[0] or ""))


def _owned(names: pl.Series, owners: Ints, calls: pl.DataFrame) -> tuple[Ints, Ints]:
    """Knows nothing of a bill, so that none is kept by what it remembers."""
    new = np.flatnonzero(calls["added"])
    ids = filled(calls["call_id"][new].cast(names.dtype).to_physical(), len(owners) - 1)
    return new, owners[np.minimum(ids, len(owners) - 1)]


def _changes(rows: Ints, more: Whole, unknown: Flags) -> Changes:
    """Changes as they are kept: a million calls in some hundred what-ifs are a lot of numbers."""
    return Changes(rows.astype(np.int32), more[rows], np.flatnonzero(unknown).astype(np.int32))
