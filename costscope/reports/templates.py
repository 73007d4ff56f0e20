"""What each version of a prompt template costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from costscope.model import Column, Table
from costscope.reports.growth import cost_each, mean, sums

Row = Mapping[str, Any]
TOP = 20


def document(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The key `templates` of `report --json`."""
    return [
        {"feature": r["feature"], "template": r["template"], "version": r["version"],
         "declared": r["declared"], "since": _iso(r["since"]), "until": _iso(r["until"]), **sums(r)}
        for r in rows
    ]  # fmt: skip


def tables(rows: Sequence[Row], nameless: int) -> list[Table]:
    """One table, with the versions of a template in order of appearance; none without templates."""
    if not rows:
        return []
    columns = (
        Column("feature"), Column("template"), Column("version"), Column("from"), Column("to"),
        Column("calls", "count"), Column("system each", "tokens"), Column("prompt each", "tokens"),
        Column("cost", "usd"), Column("each", "usd"),
    )  # fmt: skip
    cells = [
        (r["feature"], r["template"], r["version"], r["first"], r["last"], r["calls"],
         mean(r, "system_tokens"), mean(r, "input_tokens"), r["picodollars"], cost_each(r))
        for r in _shown(rows)
    ]  # fmt: skip
    return [Table("Cost by template version", columns, cells, _note(rows, nameless))]


def _shown(rows: Sequence[Row]) -> list[Row]:
    """The versions that cost the most, in the order in which they came."""
    dearest = sorted(rows, key=lambda r: (-(r["picodollars"] or 0), -r["input_tokens"]))[:TOP]
    kept = {id(r) for r in dearest}
    return [r for r in rows if id(r) in kept]


def _note(rows: Sequence[Row], nameless: int) -> str:
    said = ["system: with tool definitions"]
    marked = [r for r in rows if not r["declared"]]
    if any(r["version"] != "changes" for r in marked):
        said.append(
            "system:…: what the first system text has in common from call to call, in this store"
        )
    if any(_overlap(a, b) for a, b in pairwise(marked)):
        said.append("versions that overlap in time may be templates of different jobs")
    if any(r["version"] == "changes" for r in rows):
        said.append("changes: the text is another one in almost every call")
    if nameless:
        said.append(f"{nameless:,} calls show no template")
    if len(rows) > TOP:
        said.append(f"{len(rows) - TOP} more in --json")
    return "; ".join(said)


def _overlap(a: Row, b: Row) -> bool:
    """Whether an earlier version of a feature was still in use when the next had come."""
    known = a["until"] is not None and b["since"] is not None
    return bool(a["feature"] == b["feature"] and known and b["since"] < a["until"])


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat() + "Z"
