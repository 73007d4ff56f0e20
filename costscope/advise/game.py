"""Levers pulled in every combination, each combination priced once. No ranking, no intervals."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from costscope.advise.bench import CACHING, Bench, Delta, in_order, stage
from costscope.advise.shares import shapley
from costscope.errors import SettingsError
from costscope.levers.interface import Lever
from costscope.model import Table, Workload

MOST = 6
"""Levers at a time: every further one doubles the work."""

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


Deltas = dict[frozenset[str], Delta]
Touches = dict[str, Touch]


@dataclass(frozen=True)
class Game:
    """Every subset of some levers and what it changes on the bill."""

    bench: Bench
    levers: Mapping[str, Lever]
    """By name, in the order of the stack."""
    deltas: Mapping[frozenset[str], Delta]
    touches: Mapping[str, Touch]

    @classmethod
    def play(cls, bench: Bench, levers: Sequence[Lever]) -> Game:
        """Apply and price all 2^n subsets; what two of them begin with is applied once. Raises
        SettingsError for more than six levers, or for two of one name."""
        ordered = {lever.name: lever for lever in in_order(levers)}
        if len(ordered) < len(levers):
            raise SettingsError("the same lever was asked for twice; give it once")
        if len(ordered) > MOST:
            raise SettingsError(f"{len(ordered)} levers at once are too many; name at most {MOST}")
        steps = _steps(list(ordered.values()))
        deltas, touches = _explore(bench, steps, bench.workload, [])
        return cls(bench, ordered, deltas, touches)

    def only(self, names: Collection[str]) -> Game:
        """The same game with some of its levers; nothing is applied again."""
        kept = {name: lever for name, lever in self.levers.items() if name in names}
        deltas = {which: delta for which, delta in self.deltas.items() if which <= kept.keys()}
        return Game(self.bench, kept, deltas, {name: self.touches[name] for name in kept})

    def excluded(self) -> pl.Series:
        """Calls that have no known cost on some side of some comparison, by number, sorted."""
        unknown = [self.bench.bill.filter(pl.col("bill").is_null() | pl.col("now").is_null())]
        unknown += [delta.calls.filter(pl.col("delta").is_null()) for delta in self.deltas.values()]
        return pl.concat([frame["call_no"] for frame in unknown]).unique().sort()

    def savings(self, excluded: pl.Series, spent: int) -> dict[frozenset[str], int]:
        """What each subset saves, in picodollars, never more than what was spent."""
        return {which: min(spent, -d.total(excluded)) for which, d in self.deltas.items()}

    def shares(self, savings: Mapping[frozenset[str], int]) -> dict[str, int]:
        """Each lever's Shapley share; they add up to what all of them save together."""
        return shapley(savings, self.levers.keys())


def _explore(
    bench: Bench, steps: Sequence[Lever | None], workload: Workload, chosen: Sequence[Lever]
) -> tuple[Deltas, Touches]:
    """All ways to pull the levers that are left, on a workload that the chosen ones have changed.

    None among the steps is where provider caching is settled.
    """
    if not steps:
        return {frozenset(x.name for x in chosen): bench.outcome(chosen, workload)}, {}
    lever, rest = steps[0], steps[1:]
    if lever is None:
        return _explore(bench, rest, bench.settle(workload), chosen)
    left, seen = _explore(bench, rest, workload, chosen)
    changed = lever.apply(workload)
    own = {lever.name: _touch(lever, workload, changed)}
    if changed is workload:
        alike = {which | {lever.name}: delta for which, delta in left.items()}
        return left | alike, _first_seen(seen, own)
    right, also = _explore(bench, rest, changed, [*chosen, lever])
    return left | right, _first_seen(seen, own, also)


def _first_seen(*found: Touches) -> Touches:
    """Of each lever the first touch that is of any call, in the order in which they are given."""
    touches: Touches = {}
    for seen in found:
        for name, touch in seen.items():
            if name not in touches or touches[name].calls.is_empty():
                touches[name] = touch
    return touches


def _steps(levers: Sequence[Lever]) -> list[Lever | None]:
    early = [lever for lever in levers if stage(lever) < CACHING]
    return [*early, None, *(lever for lever in levers if stage(lever) >= CACHING)]


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
