"""The gate's verdict: the values it consists of, and how they read. `gate` judges, not this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Any, Literal

from costscope.errors import ExitCode
from costscope.model import Column, ColumnKind, Report, Table, usd

SCHEMA_VERSION = 1
EXPLAINED = 0.8
"""The sentence and the table for people name drivers until this share of the change is told."""

Outcome = Literal["pass", "warn", "fail", "inconclusive", "new", "gone"]


@dataclass(frozen=True)
class Driver:
    """One cause of a change: what kind, where, and how many picodollars per unit of it."""

    effect: str
    name: str
    amount: int


@dataclass(frozen=True)
class RuleResult:
    """One rule in one segment. Money is in picodollars, other values are floats; None is unknown.

    `baseline`, `current` and `change` are in the metric's own unit and `drivers` add up to
    `change`; `relative`, `interval` and `mde` are shares of the baseline.
    """

    id: str
    metric: str
    segment: str
    label: str
    kind: ColumnKind
    limit: str
    verdict: Outcome
    baseline: int | float | None = None
    current: int | float | None = None
    relative: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    """Two-sided, after the correction for several segments."""
    mde: float | None = None
    """The smallest change that would have been seen in 80 % of such comparisons."""
    n: int = 0
    """Calls of the current log; `clusters` are its conversations."""
    clusters: int = 0
    baseline_n: int = 0
    baseline_clusters: int = 0
    drivers: Sequence[Driver] = ()
    note: str = ""

    @property
    def change(self) -> int | float | None:
        """Current less baseline."""
        if self.baseline is None or self.current is None:
            return None
        return self.current - self.baseline


@dataclass(frozen=True)
class Verdict:
    """What the gate found: a value, so that reports can be written before anything exits."""

    verdict: Literal["pass", "warn", "fail", "inconclusive"]
    results: Sequence[RuleResult]
    notes: Sequence[str] = ()
    unit: str = "call"
    confidence: float = 0.95
    on_inconclusive: str = "warn"

    @property
    def exit_code(self) -> ExitCode:
        """1 if a rule failed; 3 if inconclusive and that was asked to count; else 0."""
        if self.verdict == "fail":
            return ExitCode.FAILED
        if self.verdict == "inconclusive" and self.on_inconclusive == "fail":
            return ExitCode.INCONCLUSIVE
        return ExitCode.OK


def report(verdict: Verdict) -> Report:
    """The verdict as a report; `data` is the JSON document of `check --json`."""
    return Report(
        name="check",
        title="Cost check",
        data={
            "schema_version": SCHEMA_VERSION,
            "verdict": verdict.verdict,
            "unit": verdict.unit,
            "confidence": verdict.confidence,
            "rules": [_document(result) for result in verdict.results],
            "notes": list(verdict.notes),
        },
        summary=[_sentence(verdict, result) for result in _told(verdict.results)]
        or [f"{len(verdict.results)} checks: {verdict.verdict}."],
        tables=[*_result_tables(verdict), *_driver_tables(verdict)],
        notes=tuple(verdict.notes),
    )


def written(price_book_id: str, window: tuple[str, str] | None, calls: int, path: str) -> Report:
    """What `baseline write` says: which calls now are the baseline, and where it is."""
    since, until = window or (None, None)
    return Report(
        name="baseline",
        title="Baseline written",
        data={
            "schema_version": SCHEMA_VERSION,
            "path": path,
            "calls": calls,
            "price_book_id": price_book_id,
            "window": {"since": since, "until": until},
        },
        summary=[f"{path}: the baseline of {calls:,} calls. Commit it; `check` compares with it."],
    )


def _document(result: RuleResult) -> dict[str, Any]:
    low, high = result.interval or (None, None)
    return {
        "id": result.id,
        "metric": result.metric,
        "segment": result.segment,
        "limit": result.limit,
        "baseline": _value(result.kind, result.baseline),
        "current": _value(result.kind, result.current),
        "change": _value(result.kind, result.change),
        "change_share": _short(result.relative),
        "interval": {"low": _short(low), "high": _short(high)} if result.interval else None,
        "p": _short(result.p),
        "mde": _short(result.mde),
        "n": result.n,
        "clusters": result.clusters,
        "baseline_n": result.baseline_n,
        "baseline_clusters": result.baseline_clusters,
        "verdict": result.verdict,
        "drivers": [
            {"effect": d.effect, "name": d.name, "amount_usd": usd(d.amount)}
            for d in result.drivers
        ],
        "note": result.note,
    }


def _value(kind: ColumnKind, value: float | None) -> str | float | None:
    """Money as a decimal string of dollars, anything else as a number."""
    return usd(int(value)) if kind == "usd" and value is not None else _short(value)


def _short(value: float | None) -> float | None:
    """Six significant digits: more would only be noise of the machine's arithmetic."""
    return None if value is None else float(f"{value:.6g}")


_ORDER = {"fail": 0, "inconclusive": 1, "warn": 2, "pass": 3}


def _told(results: Sequence[RuleResult]) -> list[RuleResult]:
    """What is worth a sentence: the whole in any case, a feature only if something is wrong."""
    told = [
        result for result in results
        if result.verdict in ("fail", "warn")
        or (result.segment == "overall" and result.verdict in _ORDER)
    ]  # fmt: skip
    return sorted(told, key=lambda r: (_ORDER[r.verdict], r.segment != "overall"))


def _sentence(verdict: Verdict, result: RuleResult) -> str:
    where = "" if result.segment == "overall" else f" of {result.segment}"
    return f"{result.label.capitalize()}{where} {_moved(verdict, result)}{_ending(verdict, result)}"


def _moved(verdict: Verdict, result: RuleResult) -> str:
    """ "+14.2 % (+$0.0021, 95 % interval +9 % to +20 %)", or the value if nothing is compared."""
    if result.relative is None or result.change is None:
        return _amount(result.kind, result.current)
    details = [_amount(result.kind, result.change, signed=True)]
    if result.interval:
        digits = int(max(map(abs, result.interval)) < 0.1)
        low, high = (signed_percent(bound, digits) for bound in result.interval)
        details.append(f"{percent(verdict.confidence)} interval {low} to {high}")
    return f"{signed_percent(result.relative, 1)} ({', '.join(details)})"


def _ending(verdict: Verdict, result: RuleResult) -> str:
    if result.verdict == "pass":
        return f": {outcome(result)}."
    if result.verdict == "inconclusive":
        return f": inconclusive, {result.note}."
    over = "below" if result.limit[:1] in "-<" else "over"
    level = "warning limit" if result.verdict == "warn" else "limit"
    causes = (f" {share} of it: {text}." for share, text in _causes(verdict, result))
    return f", {over} the {result.limit.lstrip('<>').replace('%', ' %')} {level}.{''.join(causes)}"


def _causes(verdict: Verdict, result: RuleResult) -> list[tuple[str, str]]:
    """The drivers that explain most of a change, at most three, as (share, sentence)."""
    told: list[tuple[str, str]] = []
    explained = 0.0
    for driver in result.drivers[:3]:
        if explained >= EXPLAINED or not result.change:
            break
        explained += (share := driver.amount / result.change)
        amount = f"{_amount('usd', driver.amount, signed=True)} per {verdict.unit}"
        told.append((percent(share), f"{driver.name} ({amount})"))
    return told


def outcome(result: RuleResult) -> str:
    """The verdict as a word, and what a weak pass could not have seen."""
    if result.verdict == "pass" and result.note:
        return f"pass ({result.note})"
    return result.verdict


def _result_tables(verdict: Verdict) -> list[Table]:
    ordered = sorted(verdict.results, key=lambda result: result.metric)
    return [
        _result_table(list(results))
        for _, results in groupby(ordered, key=lambda result: result.metric)
    ]


def _result_table(results: Sequence[RuleResult]) -> Table:
    kind = results[0].kind
    columns = [
        Column("rule"), Column("segment"), Column("baseline", kind), Column("current", kind),
        Column("change", "change"), Column("from", "change"), Column("to", "change"),
        Column("p", "number"), Column("clusters", "count"), Column("limit"), Column("verdict"),
    ]  # fmt: skip
    rows = [
        (r.id, r.segment, r.baseline, r.current, r.relative, *(r.interval or (None, None)), r.p,
         r.clusters, r.limit, outcome(r))
        for r in results
    ]  # fmt: skip
    return Table(results[0].label.capitalize(), columns, rows)


def _driver_tables(verdict: Verdict) -> list[Table]:
    columns = [
        Column("cause"), Column("where"), Column(f"per {verdict.unit}", "usd"),
        Column("of the change", "share"),
    ]  # fmt: skip
    return [
        Table(
            f"Why: {result.label}, {result.segment}",
            columns,
            [(d.effect, d.name, d.amount, d.amount / result.change) for d in result.drivers],
        )
        for result in _told(verdict.results)
        if result.drivers and result.change and result.verdict != "pass"
    ]


def percent(share: float | Fraction) -> str:
    """0.62 → "62 %"."""
    return f"{float(share):.0%}".replace("%", " %")


def signed_percent(share: float, digits: int) -> str:
    """0.142 → "+14.2 %"; zero has no sign, and what is beyond tenfold is said in times."""
    if share >= 10:
        return f"{share + 1:,.0f} times"
    text = f"{share * 100:+.{digits}f}"
    return f"{text if float(text) else text.strip('+-')} %"


def quantity(count: float | Fraction) -> str:
    """1630.2 → "1,630"; one decimal below ten."""
    return f"{float(count):,.0f}" if count >= 10 or count == int(count) else f"{float(count):.1f}"


def money(picodollars: int, *, signed: bool = False) -> str:
    """Dollars to the cent, or to two significant digits below ten cents: "+$0.0021"."""
    dollars = Decimal(picodollars).scaleb(-12)
    digits = max(2, 1 - dollars.adjusted()) if dollars else 2
    sign = "-" if picodollars < 0 else "+" if signed and picodollars else ""
    return f"{sign}${abs(dollars):,.{digits}f}"


def _amount(kind: ColumnKind, value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return "unknown"
    if kind == "usd":
        return money(int(value), signed=signed)
    if kind == "share":
        return percent(value) if not signed else signed_percent(value, 1).replace("%", "points")
    return f"{'+' if signed and value > 0 else ''}{quantity(value)}"
