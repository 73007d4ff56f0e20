"""Why prompt caches missed, as findings and as what `simulate --cache` shows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from costscope.model import Column, Report, Table, usd

TOP = 12


@dataclass(frozen=True)
class Finding:
    """One cause of misses in one feature and template. Money in picodollars over the log's window."""

    cause: str
    title: str
    feature: str | None
    template: str | None
    where: str
    calls: int
    """Calls that would have read more."""
    tokens: int
    """Tokens that they would have read."""
    cost: int
    """What those tokens cost more than a read."""
    recoverable: int
    """Of that, and of the writes, what the fix would save; 0 where it does not pay."""
    fix: str
    evidence: Sequence[str]
    """Call ids, the dearest first."""
    gaps: Sequence[tuple[str, int]] = ()
    kind: str = ""
    """What varies: timestamp, uuid, e-mail address, counter, id, order, user name, text; "" where no text
    was looked at."""
    variants: Sequence[str] = ()
    """Two variants of it, shortened and escaped."""
    group: int = 0
    """Its group of calls, and two (call number, content hash) that differ: to find texts by."""
    pair: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True)
class Unexplained:
    """Misses on the bill that nothing in the log explains: another machine, an eviction."""

    calls: int
    tokens: int
    cost: int
    """What these tokens cost more than a read, at least (without what is charged for writes)."""


@dataclass(frozen=True)
class Misses:
    """Why caches missed: what was found, the dearest first, and what is left."""

    found: Sequence[Finding]
    left: Unexplained
    calls: int = 0
    """How many calls were looked at."""
    of: int = 0
    """How many there are: some tell nothing, and of a very long log the latest are taken."""


def extended(report: Report, misses: Misses) -> Report:
    """The report of a simulation with why caches missed: `misses` in its data, a table and notes."""
    left = misses.left
    return replace(
        report,
        data={
            **report.data,
            "misses_looked_at": {"calls": misses.calls, "of_calls": misses.of},
            "misses": [_document(f) for f in misses.found],
            "misses_unexplained": {
                "calls": left.calls, "tokens": left.tokens, "cost_usd": usd(left.cost),
            },
        },
        tables=(*report.tables, *_tables(misses.found)),
        notes=(*report.notes, *_notes(misses.found), *_left(left), *_looked(misses)),
    )  # fmt: skip


def _looked(misses: Misses) -> list[str]:
    if misses.calls == misses.of or not misses.found:
        return []
    return [
        f"Looked for misses in {misses.calls:,} of {misses.of:,} calls: those with a time, text, billed "
        "usage and a caching rule; of a very long log the latest."
    ]


def _left(left: Unexplained) -> list[str]:
    if not left.calls:
        return []
    return [
        f"Misses that nothing in the log explains (another machine, an eviction): {left.calls:,} calls, "
        f"{left.tokens:,} tokens, ${left.cost / 10**12:,.4f} at least."
    ]


def _document(f: Finding) -> dict[str, Any]:
    told: dict[str, Any] = {
        "cause": f.cause, "feature": f.feature, "template": f.template, "where": f.where,
        "calls": f.calls, "tokens": f.tokens, "cost_usd": usd(f.cost),
        "recoverable_usd": usd(f.recoverable), "fix": f.fix, "evidence": list(f.evidence),
    }  # fmt: skip
    if f.gaps:
        told["gaps"] = [{"after": after, "calls": calls} for after, calls in f.gaps]
    if f.kind:
        told |= {"kind": f.kind, "variants": list(f.variants)}
    return told


def _tables(found: Sequence[Finding]) -> list[Table]:
    columns = (
        Column("cause"), Column("feature"), Column("where"), Column("calls", "count"),
        Column("tokens not read", "tokens"), Column("cost", "usd"), Column("recoverable", "usd"),
    )  # fmt: skip
    rows = [
        (f.title, _feature(f), f.where, f.calls, f.tokens, f.cost, f.recoverable)
        for f in found[:TOP]
    ]
    more = f"; {len(found) - TOP} more in --json" if len(found) > TOP else ""
    note = (
        "cost: what tokens that were not read cost more than a read, each under one cause only; "
        "recoverable: what the fix saves in the simulation" + more
    )
    return [Table("Why caches miss", columns, rows, note)] if rows else []


def _feature(f: Finding) -> str:
    return " / ".join(filter(None, (f.feature, f.template))) or "(none)"


def _notes(found: Sequence[Finding]) -> list[str]:
    """Of each finding in the table: what to do, and what it was seen by."""
    said: list[str] = []
    for f in found[:TOP]:
        said.append(f"{f.title}, {_feature(f)}: {f.fix} For example {', '.join(f.evidence[:2])}.")
        if f.variants:
            said.append(f"{_feature(f)}: what varies ({f.kind}): {' | '.join(f.variants)}")
        if f.gaps:
            shown = ", ".join(f"{after} {calls:,}" for after, calls in f.gaps if calls)
            said.append(f"{_feature(f)}: calls by time since their prefix was last used: {shown}.")
    return said
