"""What levers save, in sentences: what to do, what it needs, what to mind, and where the money is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from costscope.model import Recommendation
from costscope.reports.ranking import ranked, share

if TYPE_CHECKING:
    from costscope.reports.simulation import HeldOut, Simulation


def told(simulation: Simulation) -> list[str]:
    """Of each lever, as it is numbered in the table: what to do, what it needs, and what to mind."""
    said = []
    if simulation.held_out and simulation.levers:
        said.append(_held_out(simulation.held_out))
    changing = ranked(simulation)
    for rank, lever in enumerate(changing, start=1):
        said += [f"{rank}. {text}" for text in _of(lever)]
    idle = [lever.title for lever in simulation.levers if lever not in changing]
    said += [f"Nothing found to change: {'; '.join(idle)}."] * bool(idle)
    return said


def _held_out(rest: HeldOut) -> str:
    chosen = "Settings were chosen on the first two thirds of the time"
    if not rest.cost:
        return f"{chosen}; in the last third nothing was paid, so nothing checks them."
    return (
        f"{chosen}. In the last third, which they were not chosen on, these changes save "
        f"{money(rest.saved)} of {money(rest.cost)} ({share(rest.saved, rest.cost):.0%}). What a change "
        "reads off the log under its settings, such as which features, is read off all of it."
    )


def _of(lever: Recommendation) -> list[str]:
    said = [lever.action]
    said += [f"Needs: {' '.join(lever.prerequisites)}"] * bool(lever.prerequisites)
    said += [f"Mind: {' '.join(lever.caveats)}"] * bool(lever.caveats)
    said += [*break_even(lever), *breakdown(lever)]
    if lever.backtest:
        said.append(f"Checked on this log: {pairs(lever.backtest)}.")
    return said


def break_even(lever: Recommendation) -> list[str]:
    """When a change pays for what it costs beside tokens, each a sentence."""
    if lever.break_even is None:
        return []
    found = lever.break_even
    if found.calls_a_month is None and found.calls_in_all is None:
        return [
            "No number of calls that it could answer pays for what it costs beside tokens, as far as this "
            "log tells."
        ]
    said = []
    if found.calls_a_month is not None:
        said.append(f"It pays from {found.calls_a_month:,} calls a month on.")
    if found.calls_in_all is not None:
        said.append(f"What is paid once has been earned after {found.calls_in_all:,} calls.")
    return said


def breakdown(lever: Recommendation) -> list[str]:
    """What shorter prompts save and what they break, as a sentence."""
    if not lever.breakdown:
        return []
    fewer, added, broken = (
        lever.breakdown[n] for n in ("fewer_tokens", "added_calls", "broken_cache")
    )
    calls = f", the calls it adds cost {money(-added)}" if added else ""
    cache = (
        f"the cache it breaks costs {money(-broken)}" if broken <= 0
        else f"more of what is left is cached, which saves {money(broken)}"
    )  # fmt: skip
    return [
        f"Of this, fewer tokens save {money(fewer)}{calls}, and {cache}: "
        f"{money(lever.saved_alone)} by itself."
    ]


def pairs(values: Mapping[str, Any]) -> str:
    """A back-test's figures as a sentence has them."""
    return ", ".join(f"{key.replace('_', ' ')} {_plain(value)}" for key, value in values.items())


def _plain(value: Any) -> str:
    """A back-test's figure: counts with thousands separators, shares in per cent."""
    if isinstance(value, float):
        return f"{100 * value:.2f} %"
    return f"{value:,}" if isinstance(value, int) else str(value)


def money(picodollars: int) -> str:
    """Dollars for a sentence: cents from a dollar up, else four decimals."""
    dollars = picodollars / 10**12
    sign = "-" if dollars < 0 else ""
    return f"{sign}${abs(dollars):,.{2 if abs(dollars) >= 1 else 4}f}"
