"""What levers would save, as a value and as the report that `simulate` and `recommend` show.

Only words and layout: every figure is made by advise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from costscope.model import Column, Interval, Recommendation, Report, Table, usd

SCHEMA_VERSION = 1

DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Front:
    """The mix of levers that saves most within limits of risk and effort, in picodollars."""

    risk: str
    effort: str
    levers: Sequence[str]
    saved: int


@dataclass(frozen=True)
class HeldOut:
    """What all levers save in the part of the log that their settings were not chosen on."""

    cost: int
    saved: int


@dataclass(frozen=True)
class Simulation:
    """The levers' results over one log. Money in picodollars over the log's own window."""

    calls: int
    """Calls that are compared: those with a known cost on every side."""
    cost: int
    levers: Sequence[Recommendation]
    """In the order of the stack, or ranked where they are recommendations."""
    saved: int
    interval: Interval
    monthly_saved: int | None
    world: Literal["billed", "simulated"]
    """Whether savings are measured on the bill, or as the difference of two cache simulations."""
    window_us: int | None
    """From the first call to the last; None without times."""
    left_out: int
    """Calls without a known cost on some side; they are on neither."""
    left_out_tokens: int
    assumptions: Sequence[str]
    cumulative: Sequence[int] = ()
    """Of the levers in order: what each saves together with those above it; empty where it is unknown."""
    fronts: Sequence[Front] = ()
    held_out: HeldOut | None = None
    """None where no setting was chosen."""


def report(simulation: Simulation, name: Literal["simulate", "recommend"]) -> Report:
    """The simulation as `simulate` or `recommend` reports it; its data is the public contract."""
    title = "What would save money" if name == "recommend" else "What if"
    return Report(
        name=name,
        title=title,
        data=_data(simulation),
        summary=_summary(simulation),
        tables=_tables(simulation, name) if simulation.levers else (),
        notes=(*_told(simulation), *simulation.assumptions),
    )


def _data(simulation: Simulation) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "baseline": {"calls": simulation.calls, "cost_usd": usd(simulation.cost)},
        "levers": [_lever(lever) for lever in simulation.levers],
        "combined": {
            "cost_usd": usd(simulation.cost - simulation.saved),
            "saved_usd": usd(simulation.saved),
            "interval": _interval(simulation.interval),
            "cumulative_usd": [usd(saved) for saved in simulation.cumulative],
            "held_out": _held_out(simulation.held_out),
        },
        "fronts": [_front(front) for front in simulation.fronts],
        "assumptions": list(simulation.assumptions),
    }


def _held_out(found: HeldOut | None) -> dict[str, str] | None:
    if found is None:
        return None
    return {"cost_usd": usd(found.cost), "saved_usd": usd(found.saved)}


def _front(front: Front) -> dict[str, Any]:
    return {
        "risk": front.risk, "effort": front.effort, "levers": list(front.levers),
        "saved_usd": usd(front.saved),
    }  # fmt: skip


def _lever(lever: Recommendation) -> dict[str, Any]:
    monthly = lever.monthly_saved
    return {
        "name": lever.name,
        "action": lever.action,
        "settings": dict(lever.settings),
        "applies_to": {"calls": lever.calls, "cost_usd": usd(lever.cost)},
        "saved_usd": usd(lever.saved),
        "saved_alone_usd": usd(lever.saved_alone),
        "saved_share_usd": usd(lever.saved_share),
        "interval": _interval(lever.interval),
        "monthly_saved_usd": None if monthly is None else usd(monthly),
        "effort": lever.effort,
        "risk": lever.risk,
        "prerequisites": list(lever.prerequisites),
        "caveats": list(lever.caveats),
        "evidence": list(lever.evidence),
        "backtest": dict(lever.backtest or {}),
        "break_even": None if lever.break_even is None else asdict(lever.break_even),
        "details": [_detail(table) for table in lever.details],
    }


def _detail(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "columns": [{"name": column.name, "kind": column.kind} for column in table.columns],
        "rows": [list(row) for row in table.rows],
    }


def _interval(interval: Interval) -> dict[str, str]:
    return {"low_usd": usd(interval.low), "high_usd": usd(interval.high)}


def _summary(simulation: Simulation) -> list[str]:
    if not simulation.levers:
        return [f"None of these changes would save anything of {_money(simulation.cost)}."]
    many = len(_ranked(simulation))
    who = "This change would" if many == 1 else f"Together these {many} changes would"
    low, high = _money(simulation.interval.low), _money(simulation.interval.high)
    month = simulation.monthly_saved
    return [
        f"{who} {_saves(simulation.saved)} of {_money(simulation.cost)} "
        f"({abs(_share(simulation.saved, simulation.cost)):.0%}){_window(simulation.window_us)}; "
        f"the range is {low} to {high}."
        + ("" if month is None else f" At this pace that is {_money(month)} in 30 days.")
        + _first_few(simulation)
    ]


def _first_few(simulation: Simulation) -> str:
    """How many of the best changes give most of it, where that is not all of them."""
    enough = [
        n for n, saved in enumerate(simulation.cumulative, 1) if saved * 5 >= simulation.saved * 4
    ]
    if not enough or enough[0] == len(simulation.cumulative) or simulation.saved <= 0:
        return ""
    many = "The first one gives" if enough[0] == 1 else f"The first {enough[0]} give"
    return f" {many} {_share(simulation.cumulative[enough[0] - 1], simulation.saved):.0%} of it."


def _saves(amount: int) -> str:
    return f"save {_money(amount)}" if amount >= 0 else f"cost {_money(-amount)} more, on top"


def _window(microseconds: int | None) -> str:
    if microseconds is None:
        return ""
    if microseconds < DAY_US:
        return f" in {microseconds / 3_600_000_000:.1f} hours of traffic"
    return f" in {microseconds / DAY_US:.1f} days of traffic"


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _money(picodollars: int) -> str:
    """Dollars for a sentence: cents from a dollar up, else four decimals."""
    dollars = picodollars / 10**12
    sign = "-" if dollars < 0 else ""
    return f"{sign}${abs(dollars):,.{2 if abs(dollars) >= 1 else 4}f}"


def _tables(simulation: Simulation, name: str) -> list[Table]:
    tables = [_ranking(simulation)]
    if len(_ranked(simulation)) > 1:
        tables.append(_adding_up(simulation))
    if len(simulation.fronts) > 1:
        tables.append(_mixes(simulation))
    if name == "simulate":
        tables += [table for lever in _ranked(simulation) for table in lever.details]
    return tables


def _ranked(simulation: Simulation) -> list[Recommendation]:
    """The levers that change anything, the best first; all of them where none does."""
    found = sorted(simulation.levers, key=lambda lever: (-lever.saved_share, lever.name))
    return [lever for lever in found if not _idle(lever)] or found


def _idle(lever: Recommendation) -> bool:
    return not lever.calls and not lever.saved_alone and not lever.saved


def _ranking(simulation: Simulation) -> Table:
    columns = [
        Column("", "count"), Column("what to do"), Column("saves", "usd"),
        Column("of the bill", "share"), Column("low", "usd"), Column("high", "usd"),
        Column("effort"), Column("risk"), Column("calls", "count"),
    ]  # fmt: skip
    rows = [
        [
            rank, lever.title, lever.saved_alone, _share(lever.saved_alone, simulation.cost),
            lever.interval.low, lever.interval.high, lever.effort, lever.risk, lever.calls,
        ]
        for rank, lever in enumerate(_ranked(simulation), start=1)
    ]  # fmt: skip
    return Table(
        "Each change by itself, best first",
        columns,
        rows,
        note="Savings overlap, so these do not add up; the table below shares out what they save "
        "together."
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
        for lever in _ranked(simulation)
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
        "truncation, routing, prompt cache, batching). The fair share is the mean over all orders.",
    )


def _mixes(simulation: Simulation) -> Table:
    columns = [
        Column("risk at most"), Column("effort at most"), Column("saves", "usd"),
        Column("of the bill", "share"), Column("changes"),
    ]  # fmt: skip
    titles = {lever.name: lever.title for lever in simulation.levers}
    rows = [
        [front.risk, front.effort, front.saved, _share(front.saved, simulation.cost),
         "; ".join(titles[name] for name in front.levers)]
        for front in simulation.fronts
    ]  # fmt: skip
    return Table("What there is to have for how much risk and effort", columns, rows)


def _part(amount: Any, total: int) -> float | None:
    """A share of a saving; there is none of a loss."""
    return amount / total if total > 0 else None


def _told(simulation: Simulation) -> list[str]:
    """Of each lever, as it is numbered in the table: what to do, what it needs, and what to mind."""
    said = []
    if (rest := simulation.held_out) and simulation.levers:
        said.append(
            "Settings were chosen on the first two thirds of the time. In the last third, which they "
            f"were not chosen on, these changes save {_money(rest.saved)} of {_money(rest.cost)} "
            f"({_share(rest.saved, rest.cost):.0%})."
        )
    for rank, lever in enumerate(_ranked(simulation), start=1):
        said.append(f"{rank}. {lever.action}")
        said += [f"{rank}. Needs: {' '.join(lever.prerequisites)}"] * bool(lever.prerequisites)
        said += [f"{rank}. Mind: {' '.join(lever.caveats)}"] * bool(lever.caveats)
        said += [f"{rank}. {text}" for text in break_even(lever)]
        if lever.backtest:
            said.append(f"{rank}. Checked on this log: {pairs(lever.backtest)}.")
    ranked = _ranked(simulation)
    idle = [lever.title for lever in simulation.levers if lever not in ranked]
    said += [f"Nothing found to change: {'; '.join(idle)}."] * bool(idle)
    return said


def break_even(lever: Recommendation) -> list[str]:
    """When a change pays for what it costs beside tokens, each a sentence."""
    if lever.break_even is None:
        return []
    found = lever.break_even
    if found.calls_a_month is None and found.calls_in_all is None:
        return [
            "No number of calls pays for what it costs beside tokens, as far as this log tells."
        ]
    said = []
    if found.calls_a_month is not None:
        said.append(f"It pays from {found.calls_a_month:,} calls a month on.")
    if found.calls_in_all is not None:
        said.append(f"What is paid once has been earned after {found.calls_in_all:,} calls.")
    return said


def pairs(values: Mapping[str, Any]) -> str:
    """A back-test's figures as a sentence has them."""
    return ", ".join(f"{key.replace('_', ' ')} {_plain(value)}" for key, value in values.items())


def _plain(value: Any) -> str:
    """A back-test's figure: counts with thousands separators, shares in per cent."""
    if isinstance(value, float):
        return f"{100 * value:.2f} %"
    return f"{value:,}" if isinstance(value, int) else str(value)
