"""One lever: what it does, needs and risks, its settings, how its figure is made, and the figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from costscope.levers.interface import Lever
from costscope.model import Column, Recommendation, Report, Table
from costscope.reports import advice
from costscope.reports import simulation as simulation_report
from costscope.reports.simulation import Simulation

FORMULAS: Mapping[str, str] = {
    "waste": "Calls that nobody needed are not made: saved is what they were billed.",
    "response_cache": "Calls that a cache would have answered are not made: saved is what they were "
    "billed, less what looking up costs.",
    "truncation": "Prompts lose tokens: saved is what a call was billed less what it costs with the "
    "tokens that are left, the cache behind the cut included.",
    "routing": "Calls go to another model: saved is what they were billed less what they cost there, "
    "in its own tokens and at its own rates, and less what deciding and repeating costs.",
    "prompt_cache": "Tokens are billed in another class: saved is tokens times the input rate, less "
    "what reading and writing the cache costs at its rates.",
    "batching": "Calls are billed in another tier: saved is tokens times the difference of the rates.",
}
"""Stage of a lever → how its saving is made, in words."""
ALL = (
    "In one line: for each call and billing class, tokens times rate as billed, minus tokens times rate "
    "after the change, from one price book, added up, minus what the change costs beside tokens."
)
SIMULATED = (
    "Where the log was billed for cached tokens, provider caching is simulated with and without the "
    "change, and the difference is applied to the bill."
)


@dataclass(frozen=True)
class Setting:
    """One setting of a lever: as it is in force, by default, and what it means."""

    name: str
    kind: str
    value: Any
    default: Any
    about: str


@dataclass(frozen=True)
class Described:
    """A lever with its settings, and what it alone would have saved on a log, if there is one."""

    lever: Lever
    about: str
    settings: Sequence[Setting]
    result: Simulation | None


def report(found: Described) -> Report:
    """The lever for people, and as JSON; `figures` is null where there is no log."""
    lever = found.lever
    tables = [_settings(found.settings)] if found.settings else []
    if found.result is not None:
        tables += [_figures(found.result), *_evidence(found.result)]
    return Report(
        "explain", f"{lever.title} ({lever.name})", _data(found), list(_summary(found)), tables,
        list(_notes(found)),
    )  # fmt: skip


def _data(found: Described) -> dict[str, Any]:
    lever = found.lever
    figures = None
    if found.result is not None:
        figures = dict(simulation_report.report(found.result, "simulate").data)
        figures.pop("schema_version")
    return {
        "schema_version": 1, "lever": lever.name, "title": lever.title, "about": found.about,
        "flag": lever.flag, "stage": lever.stage, "effort": lever.effort, "risk": lever.risk,
        "prerequisites": list(lever.prerequisites), "caveats": list(lever.caveats),
        "settings": [
            {"name": s.name, "kind": s.kind, "value": s.value, "default": s.default,
             "about": s.about}
            for s in found.settings
        ],
        "formula": list(_formula(lever)), "figures": figures,
    }  # fmt: skip


def _formula(lever: Lever) -> Iterator[str]:
    yield FORMULAS[lever.stage]
    yield ALL
    if lever.rewrites_prompts:
        yield SIMULATED


def _summary(found: Described) -> Iterator[str]:
    lever = found.lever
    yield found.about
    yield f"`costscope simulate --{lever.flag}`; effort {lever.effort}, risk {lever.risk}."
    for one in _alone(found.result):
        yield one.action


def _alone(result: Simulation | None) -> Sequence[Recommendation]:
    return () if result is None else result.levers


def _settings(settings: Sequence[Setting]) -> Table:
    columns = (Column("setting"), Column("is"), Column("by default"), Column("what it means"))
    rows = [(s.name, _shown(s.value), _shown(s.default), s.about) for s in settings]
    return Table("Settings", columns, rows)


def _shown(value: Any) -> str:
    if value in ("", (), None):
        return "(none)"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)


def _figures(result: Simulation) -> Table:
    rows: list[tuple[str, Any]] = [
        ("calls compared", f"{result.calls:,}"),
        ("they cost", result.cost),
    ]
    for one in result.levers:
        rows += [
            ("calls it touches", f"{one.calls:,}"), ("those cost", one.cost),
            ("it saves", one.saved_alone), ("at least", one.interval.low),
            ("at most", one.interval.high),
            ("in 30 days", "" if one.monthly_saved is None else one.monthly_saved),
        ]  # fmt: skip
    return Table("On this log", (Column("figure"), Column("amount", "usd")), rows)


def _evidence(result: Simulation) -> Iterator[Table]:
    rows = [(call,) for one in result.levers for call in one.evidence]
    if rows:
        note = "`costscope explain CALL` shows any of them part by part"
        yield Table("The dearest calls it touches", (Column("call"),), rows, note)


def _notes(found: Described) -> Iterator[str]:
    lever = found.lever
    yield from _formula(lever)
    yield from (f"Needs: {text}" for text in lever.prerequisites)
    yield from (f"Mind: {text}" for text in lever.caveats)
    if found.result is None:
        yield "Without a log there are no figures: name LOGS, or ingest some."
        return
    for one in found.result.levers:
        yield from (f"Mind: {text}" for text in one.caveats if text not in lever.caveats)
        yield from (*advice.break_even(one), *advice.breakdown(one))
        if one.backtest:
            yield f"Checked on this log: {advice.pairs(one.backtest)}."
    yield from found.result.assumptions
