"""What levers would save, as a value and as the report that `simulate` and `recommend` show.

Only words and layout: every figure is made by advise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from costscope.model import Interval, Recommendation, Report, Table, usd
from costscope.reports.advice import money, told
from costscope.reports.ranking import ranked, share, tables

SCHEMA_VERSION = 1

MINUTE_US, HOUR_US, DAY_US = 60_000_000, 3_600_000_000, 86_400_000_000


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
        tables=tables(simulation, name) if ranked(simulation) else (),
        notes=(*told(simulation), *simulation.assumptions),
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
        "breakdown": {f"{name}_usd": usd(amount) for name, amount in lever.breakdown.items()},
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
    many = len(ranked(simulation))
    if not simulation.calls and simulation.left_out:
        return ["No call has a known price, so what these changes would save is unknown."]
    if not many:
        return [f"None of these changes would save anything of {money(simulation.cost)}."]
    who = "This change would" if many == 1 else f"Together these {many} changes would"
    low, high = money(simulation.interval.low), money(simulation.interval.high)
    month = simulation.monthly_saved
    return [
        f"{who} {_saves(simulation.saved)} of {money(simulation.cost)} "
        f"({abs(share(simulation.saved, simulation.cost)):.0%}){_window(simulation.window_us)}; "
        f"the range is {low} to {high}."
        + ("" if month is None else f" At this pace that is {money(month)} in 30 days.")
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
    part = f"{share(simulation.cumulative[enough[0] - 1], simulation.saved):.0%}"
    return f" {many} {'nearly all' if part == '100%' else part} of it."


def _saves(amount: int) -> str:
    return f"save {money(amount)}" if amount >= 0 else f"cost {money(-amount)} more, on top"


def _window(microseconds: int | None) -> str:
    if microseconds is None:
        return ""
    if microseconds < MINUTE_US:
        return ""
    if microseconds < HOUR_US:
        return f" in {microseconds / MINUTE_US:.1f} minutes of traffic"
    if microseconds < DAY_US:
        return f" in {microseconds / HOUR_US:.1f} hours of traffic"
    return f" in {microseconds / DAY_US:.1f} days of traffic"
