"""All levers, each tuned a little, those that save nothing dropped, the rest ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Protocol, runtime_checkable

import polars as pl

from costscope.advise.bench import Bench, Book, Settle, needs_simulation
from costscope.advise.game import MOST, Game
from costscope.advise.results import Results
from costscope.errors import SettingsError
from costscope.levers.interface import Lever
from costscope.model import Workload
from costscope.reports.simulation import Simulation

LEVELS = ("low", "medium", "high")

ENOUGH = (9, 10)
"""A more careful setting is preferred if it saves this share of what the boldest one saves."""


@runtime_checkable
class Tunable(Protocol):
    """A lever that offers settings to choose from, the most careful first."""

    def variants(self) -> Sequence[Lever]:
        """The settings to try, this lever's own among them."""


def recommend(
    workload: Workload,
    levers: Sequence[Lever],
    book: Book,
    *,
    in_force: Settle | None = None,
    effort: str = "high",
    risk: str = "high",
    top: int | None = None,
    min_saved: int = 0,
) -> Simulation:
    """The levers that save anything, tuned, together, ranked by their fair share.

    `effort` and `risk` are the most that is wanted of each; `top` keeps the best few; `min_saved`
    (picodollars) drops levers with a smaller share. What is dropped is dropped from the combined
    figure too. Settings are chosen on the first two thirds of the time and reported on all of it.
    """
    wanted = [x for x in levers if _within(x.effort, effort) and _within(x.risk, risk)]
    tuned, said = _tuned(workload, wanted, book, in_force)
    bench = Bench(workload, book, tuned, in_force)
    chosen, unknown = _promising(bench, tuned)
    if bench.simulated != needs_simulation(workload, chosen):
        bench = Bench(workload, book, chosen, in_force)
    game = Game.play(bench, chosen)
    names = _worthwhile(game, top, min_saved)
    kept = [text for name, text in said.items() if name in names]
    return Results(game.only(names)).simulation(order=names, said=(*kept, *unknown))


def _within(value: str, most: str) -> bool:
    if most not in LEVELS:
        raise SettingsError(f"{most!r} is no level; it can be: {', '.join(LEVELS)}")
    return LEVELS.index(value) <= LEVELS.index(most)


def _promising(bench: Bench, levers: Sequence[Lever]) -> tuple[list[Lever], list[str]]:
    """The levers that save something by themselves (the best six), and a sentence for each whose
    saving is not known because prices are missing."""
    savings, unknown = {}, []
    deltas = [bench.run([lever]) for lever in levers]
    for lever, delta in zip(levers, deltas, strict=True):
        blank = delta.calls.filter(pl.col("delta").is_null())["call_no"]
        savings[lever.name] = -delta.total(blank)
        if delta.unpriced and savings[lever.name] <= 0:
            models = ", ".join(delta.unpriced)
            unknown.append(f"{lever.name}: what it saves is unknown, {models} has no price.")
    best = sorted(savings, key=lambda name: (-savings[name], name))[:MOST]
    return [x for x in levers if x.name in best and savings[x.name] > 0], unknown


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
    workload: Workload, levers: Sequence[Lever], book: Book, in_force: Settle | None
) -> tuple[list[Lever], dict[str, str]]:
    """Each lever at the most careful of its settings that saves nearly as much as the boldest."""
    options = [list(x.variants()) if isinstance(x, Tunable) else [x] for x in levers]
    early = _first_part(workload)
    if early.calls.is_empty() or all(len(settings) == 1 for settings in options):
        return list(levers), {}
    bench = Bench(early, book, levers, in_force)
    tuned = [x[0] if len(x) == 1 else _careful(bench, x) for x in options]
    pairs = zip(tuned, options, strict=True)
    return tuned, {choice.name: _reason(choice, x) for choice, x in pairs if len(x) > 1}


def _careful(bench: Bench, options: Sequence[Lever]) -> Lever:
    deltas = [bench.run([option]) for option in options]
    unknown = pl.concat([d.calls.filter(pl.col("delta").is_null())["call_no"] for d in deltas])
    savings = [-delta.total(unknown) for delta in deltas]
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
    chosen = ", ".join(f"{name} = {getattr(choice, name)}" for name in differing)
    return (
        f"{choice.name}: {chosen} was chosen from {len(options)} settings on the first two thirds "
        "of the time; the figures are for all of it."
    )


def _first_part(workload: Workload) -> Workload:
    """The calls of the first two thirds of the time; none where there are no times."""
    sent = pl.col("sent_at")
    until = sent.min() + (sent.max() - sent.min()) * 2 / 3
    calls = workload.calls.filter(sent <= until)
    keep = pl.col("call_no").is_in(calls["call_no"].implode())
    return Workload(calls, workload.parts.filter(keep), workload.fees)
