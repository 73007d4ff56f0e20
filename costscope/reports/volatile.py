"""The parts of system prompts that are never the same in two conversations, and what stands behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from costscope.model import Column, Table

Row = Mapping[str, Any]
TOP = 12
LEAST = 0.1
"""A part that fewer of the calls have is for the JSON alone."""


def document(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The key `volatile` of `report --json`: means over the calls that have such a part."""
    return [
        {
            "feature": r["feature"] or None, "block": r["block"],
            "span": None if r["nth"] < 0 else r["nth"] + 1, "calls": r["calls"],
            "share_of_calls": round(r["calls"] / r["of_calls"], 6),
            "conversations": r["conversations"], "position_tokens": _mean(r, "position"),
            "tokens": _mean(r, "tokens"), "tokens_after": _mean(r, "after"),
        }
        for r in rows
    ]  # fmt: skip


def tables(rows: Sequence[Row]) -> list[Table]:
    """One table, the part with the most behind it first; none where everything recurs."""
    often = [r for r in rows if r["calls"] >= LEAST * r["of_calls"]]
    ranked = sorted(often, key=lambda r: (-r["after"], r["feature"], r["block"], r["nth"]))
    columns = (
        Column("feature"), Column("where in the system prompt"), Column("at token", "tokens"),
        Column("tokens", "tokens"), Column("calls", "count"), Column("of calls", "share"),
        Column("calls for each text", "number"), Column("tokens after it", "tokens"),
    )  # fmt: skip
    cells = [
        (r["feature"] or "(none)", _where(r), _mean(r, "position"), _mean(r, "tokens"), r["calls"],
         r["calls"] / r["of_calls"], r["calls"] / r["conversations"], _mean(r, "after"))
        for r in ranked[:TOP]
    ]  # fmt: skip
    note = (
        "tokens after it: of the same prompt, and so never read from what another conversation has "
        "cached; move such parts to the end"
    )
    more = f"; {len(ranked) - TOP} more in --json" if len(ranked) > TOP else ""
    title = "Parts of system prompts that no two conversations share"
    return [Table(title, columns, cells, note + more)] if cells else []


def _where(row: Row) -> str:
    block = f"block {row['block']}"
    if row["nth"] < 0:
        return f"{block}, all of it"
    first, last = row["nth"] + 1, row["last"] + 1
    return f"{block}, line {first}" + (f" to {last} at most" if last > first else "")


def _mean(row: Row, name: str) -> int:
    each: int = round(row[name] / row["calls"])
    return each
