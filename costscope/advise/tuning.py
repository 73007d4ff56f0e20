"""All levers, each tuned a little, those that save nothing dropped, the rest ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from itertools import combinations, product
from math import floor
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl

from costscope.advise import exact
from costscope.advise.bench import Bench, Book, Settle, needs_simulation, stage
from costscope.advise.game import MOST, Game
from costscope.advise.results import Results
from costscope.columns import Flags
from costscope.errors import SettingsError
from costscope.levers.interface import STACK, Lever
from costscope.model import Workload
from costscope.reports.simulation import Front, Simulation
from costscope.second import Second

LEVELS = ("low", "medium", "high")

ENOUGH = (9, 10)
"""A more careful setting is preferred if it saves this share of what the boldest one saves."""


ALTERNATIVE = (
    "{0}: left out, as an alternative to {1}, which saves more where assumptions turn out badly."
)
TOO_MANY = (
    "{0}: left out, since by itself it saves less than the {2} changes that are looked at together; "
    "`costscope simulate --{1}` shows what it saves."
)
TRIFLE = "{}: left out, since it saves less than 0.01 % of the bill."
TRIFLES = 10_000
"""One in so many of the bill is not worth a change, whatever it costs to make."""
ASSUMED = (
    "{0}: left out, since this log says too little about it; `costscope simulate --{1}` shows what it "
    "would save if its assumptions held."
)


@dataclass(frozen=True)
class Limits:
    """What is wanted of recommendations. Raises SettingsError for a level that there is not."""

    effort: str = "high"
    """At most this much work: low, medium, high."""
    risk: str = "high"
    """At most this much: low (same answers), medium (they may differ), high (they will)."""
    delay_s: int | None = None
    """Answers may come at most this much later, in seconds; None: as late as they like."""
    top: int | None = None
    """The best few."""
    min_saved: int = 0
    """Only what has at least this share of the saving, in picodollars."""

    def __post_init__(self) -> None:
        for level in (self.effort, self.risk):
            if level not in LEVELS:
                raise SettingsError(f"{level!r} is no level; it can be: {', '.join(LEVELS)}")

    def allow(self, lever: Lever) -> bool:
        """Whether a lever stays within them."""
        late = self.delay_s is not None and lever.delay_s() > self.delay_s
        return not late and at_most(lever.effort, self.effort) and at_most(lever.risk, self.risk)


def at_most(level: str, most: str) -> bool:
    """Whether one of LEVELS is not above another."""
    return LEVELS.index(level) <= LEVELS.index(most)


@runtime_checkable
class Tunable(Protocol):
    """A lever that offers settings to choose from, the most careful first."""

    def variants(self) -> Sequence[Lever]:
        """The settings to try, this lever's own among them."""


def recommend(
    workload: Workload,
    levers: Sequence[Lever],
    book: Book,
    limits: Limits | None = None,
    *,
    in_force: Settle | None = None,
    helper: Second | None = None,
) -> Simulation:
    """The levers that save anything within some limits, tuned, together, ranked by their fair share.

    What is dropped is dropped from the combined figure too. Settings are chosen by what they save in
    the first two thirds of the time; the figures are for all of it, and for the last third alone.
    """
    limits = limits or Limits()
    wanted = [lever for lever in levers if limits.allow(lever)]
    bench = Bench(workload, book, wanted, in_force, helper)
    early = _early(workload)
    tuned, said = _tuned(bench, wanted, early)
    chosen, unknown = _promising(bench, [lever for lever in tuned if limits.allow(lever)])
    if bench.simulated != needs_simulation(workload, chosen):
        bench = Bench(workload, book, chosen, in_force, helper)
    game = Game.play(bench, chosen)
    least = max(limits.min_saved, Results(game).spread.total // TRIFLES)
    names = _worthwhile(game, limits.top, least)
    if limits.min_saved < least:
        unknown += _trifles(game, names, least)
    kept = [text for name, text in said.items() if name in names]
    results = Results(game.only(names))
    return results.simulation(
        order=names, said=(*kept, *unknown), known=early if kept else None,
        fronts=fronts(results, names),
    )  # fmt: skip


def _promising(bench: Bench, levers: Sequence[Lever]) -> tuple[list[Lever], list[str]]:
    """The levers that save something by themselves, of a family the best one, the best six in all; and a
    sentence for each that was left out of them, or whose saving is not known."""
    savings, unknown = {}, []
    for lever in levers:
        delta = bench.run([lever])
        savings[lever.name] = -delta.total(delta.changes.unknown)
        if delta.unpriced and savings[lever.name] <= 0:
            models = ", ".join(model or "(no model)" for model in delta.unpriced)
            verb = "has" if len(delta.unpriced) == 1 else "have"
            unknown.append(f"{lever.name}: what it saves is unknown, {models} {verb} no price.")
    good = [lever for lever in levers if savings[lever.name] > 0]
    vague = [lever for lever in good if not lever.grounded(bench.workload)]
    unknown += [ASSUMED.format(lever.name, lever.flag) for lever in vague]
    good = [lever for lever in good if lever not in vague]
    kept = _of_each_family(bench, good)
    by_family = {lever.family: lever.name for lever in kept}
    others = [lever for lever in good if lever not in kept]
    unknown += [ALTERNATIVE.format(lever.name, by_family[lever.family]) for lever in others]
    best = sorted(kept, key=lambda x: (-savings[x.name], x.name))
    unknown += [TOO_MANY.format(lever.name, lever.flag, MOST) for lever in best[MOST:]]
    return best[:MOST], unknown


def _of_each_family(bench: Bench, levers: Sequence[Lever]) -> list[Lever]:
    """The levers less those that do what a better one of their family does: one that saves more, each
    taken at its own worst."""
    families: dict[str, list[Lever]] = {}
    for lever in levers:
        families.setdefault(lever.family or f"only {lever.name}", []).append(lever)
    return [
        alike[0] if len(alike) == 1
        else max(alike, key=lambda lever: (_at_worst(bench, lever), lever.name))
        for alike in families.values()
    ]  # fmt: skip


def _at_worst(bench: Bench, lever: Lever) -> int:
    delta = bench.run([lever.scenarios()[0]])
    return -delta.total(delta.changes.unknown)


def fronts(results: Results, names: Sequence[str]) -> list[Front]:
    """For each limit of risk and effort the mix of these levers that saves most within it, where it saves
    more than any mix within narrower limits: the Pareto front of savings against risk and effort."""
    levers, found = results.game.levers, list[Front]()
    for risk, effort in product(LEVELS, LEVELS):
        allowed = [
            n for n in names if at_most(levers[n].risk, risk) and at_most(levers[n].effort, effort)
        ]
        mixes = [mix for size in range(len(allowed) + 1) for mix in combinations(allowed, size)]
        mix = max(mixes, key=results.saved)
        saved = results.saved(mix)
        if mix and all(
            saved > x.saved for x in found if at_most(x.risk, risk) and at_most(x.effort, effort)
        ):
            found.append(Front(risk, effort, mix, saved))
    return found


def _worthwhile(game: Game, top: int | None, min_saved: int) -> list[str]:
    """The levers to keep, best first: each with a share above zero and not below `min_saved`."""
    names = list(game.levers)
    while names:
        results = Results(game.only(names))
        ranked = sorted(names, key=lambda name: (-results.shares[name], name))
        good = [name for name in ranked if results.shares[name] >= max(min_saved, 1)]
        names = good if good != ranked else ranked[:top]
        if names == ranked:
            break
    return names


def _tuned(
    bench: Bench, levers: Sequence[Lever], early: Flags
) -> tuple[list[Lever], dict[str, str]]:
    """Each lever at the most careful of its settings that saves nearly as much as the boldest."""
    options = [list(x.variants()) if isinstance(x, Tunable) else [x] for x in levers]
    if not early.any():
        bench.foresee([[lever]] for lever in levers)
        return list(levers), {}
    bench.foresee([[lever] for lever in x] for x in sorted(options, key=_turn))
    tuned = [x[0] if len(x) == 1 else _careful(bench, x, early) for x in options]
    pairs = zip(tuned, options, strict=True)
    return tuned, {choice.name: _reason(choice, x) for choice, x in pairs if len(x) > 1}


def _turn(options: Sequence[Lever]) -> tuple[bool, int]:
    """When it is a lever's turn where two processes begin at the two ends: those that mostly take long are
    at the ends, so that neither waits long for the other."""
    place, single = stage(options[0]), len(options) == 1
    return single, (-place or -len(STACK)) if single else place


def _trifles(game: Game, names: Sequence[str], least: int) -> list[str]:
    """A sentence for each lever that was left out for what little it saves."""
    shares = Results(game).shares
    return [TRIFLE.format(n) for n in game.levers if n not in names and 0 < shares[n] < least]


def _careful(bench: Bench, options: Sequence[Lever], early: Flags) -> Lever:
    deltas = [bench.run([option]) for option in options]
    unknown = np.concatenate([delta.changes.unknown for delta in deltas])
    share = Fraction(int(early.sum()), len(early))
    # What belongs to no call of the log is on the row behind the last, at no time.
    early = np.append(early, False)
    savings = []
    for delta in deltas:
        changes = delta.changes.only(early[delta.changes.rows]).without(unknown)
        fees = floor((delta.fees - delta.once) * share) + delta.once
        savings.append(-exact.total(changes.more) - fees)
    top, bottom = ENOUGH
    good = (
        x for x, saved in zip(options, savings, strict=True) if saved * bottom >= top * max(savings)
    )
    return next(good) if max(savings) > 0 else options[-1]


def _reason(choice: Lever, options: Sequence[Lever]) -> str:
    differing = [
        field.name
        for field in fields(choice)
        if len({repr(getattr(option, field.name)) for option in options}) > 1
    ]
    chosen = ", ".join(f"{name} {shown(getattr(choice, name))}" for name in differing)
    return (
        f"{choice.name}: this was chosen from {len(options)} settings on the first two thirds of the "
        f"time: {chosen}. The figures are for all of it."
    )


def shown(value: object) -> str:
    """A setting's value in words."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "as by default" if value in ("", (), None) else str(value)


def _early(workload: Workload) -> Flags:
    """Which calls are of the first two thirds of the time; none where there are no times."""
    sent = pl.col("sent_at")
    until = sent.min() + (sent.max() - sent.min()) * 2 / 3
    return workload.calls.select((sent <= until).fill_null(False)).to_series().to_numpy()
