"""What levers save, as tables: ranked, adding up, and by how much risk and effort is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costscope.model import Column, Recommendation, Table

if TYPE_CHECKING:
    from costscope.reports.simulation import Simulation


def tables(simulation: Simulation, name: str) -> list[Table]:
    """The tables of a report of this name."""
    tables = [_ranking(simulation)]
    if len(ranked(simulation)) > 1:
        tables.append(_adding_up(simulation))
    if len(simulation.fronts) > 1:
        tables.append(_mixes(simulation))
    if name == "simulate":
        tables += [table for lever in ranked(simulation) for table in lever.details]
    return tables


def ranked(simulation: Simulation) -> list[Recommendation]:
    """The levers that change anything, the best first; where none does, the one that was asked for, or
    none of several."""
    found = sorted(simulation.levers, key=lambda lever: (-lever.saved_share, lever.name))
    return [lever for lever in found if not idle(lever)] or found[: len(found) == 1]


def idle(lever: Recommendation) -> bool:
    return not lever.calls and not lever.saved_alone and not lever.saved


def _ranking(simulation: Simulation) -> Table:
    columns = [
        Column("", "count"), Column("what to do"), Column("saves", "usd"),
        Column("of the bill", "share"), Column("low", "usd"), Column("high", "usd"),
        Column("effort"), Column("risk"), Column("calls", "count"),
    ]  # fmt: skip
    rows = [
        [
            rank, lever.title, lever.saved_alone, share(lever.saved_alone, simulation.cost),
            lever.interval.low, lever.interval.high, lever.effort, lever.risk, lever.calls,
        ]
        for rank, lever in enumerate(ranked(simulation), start=1)
    ]  # fmt: skip
    return Table(
        "Each change by itself, best first",
        columns,
        rows,
        note="Savings overlap, so these do not add up; the table below shares out what they save "
        "together, and the best is what has most of that."
        if len(rows) > 1
        else "",
    )


def _adding_up(simulation: Simulation) -> Table:
    columns = [
        Column("what to do"), Column("by itself", "usd"), Column("on top of those before", "usd"),
        Column("fair share", "usd"), Column("of the total", "share"),
    ]  # fmt: skip
    rows = [
        [lever.title, lever.saved_alone, lever.saved, lever.saved_share]
        for lever in ranked(simulation)
    ]
    rows.append(["All together", simulation.saved, simulation.saved, simulation.saved])
    rows = [[*row, _part(row[-1], simulation.saved)] for row in rows]
    if simulation.cumulative:
        columns.append(Column("with those above", "share"))
        upto = [_part(saved, simulation.saved) for saved in simulation.cumulative]
        rows = [[*row, part] for row, part in zip(rows, [*upto, None], strict=True)]
    return Table(
        "How they add up",
        columns,
        rows,
        note="Those before: in the order in which they take hold of a call (waste, response cache, "
        "truncation, routing, prompt cache, batching). The fair share is the mean over the orders in "
        "which they could be made.",
    )


def _mixes(simulation: Simulation) -> Table:
    columns = [
        Column("risk at most"), Column("effort at most"), Column("saves", "usd"),
        Column("of the bill", "share"), Column("changes"),
    ]  # fmt: skip
    titles = {lever.name: lever.title for lever in simulation.levers}
    rows = [
        [front.risk, front.effort, front.saved, share(front.saved, simulation.cost),
         "; ".join(titles[name] for name in front.levers)]
        for front in simulation.fronts
    ]  # fmt: skip
    return Table("What these changes give within limits of risk and effort", columns, rows)


def _part(amount: Any, total: int) -> float | None:
    """A share of a saving; there is none of a loss."""
    return amount / total if total > 0 else None


def share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
