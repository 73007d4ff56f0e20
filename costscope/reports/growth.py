"""How prompts grow: with each turn and call of a conversation, and over time for each template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from costscope.model import Column, ColumnKind, Table, usd

Row = Mapping[str, Any]
TOP = 12
FEATURES = 3
"""So many features are shown turn by turn, those with the most tokens."""


def document(by_turn: Sequence[Row], by_call: Sequence[Row], over_time: Sequence[Row]) -> Any:
    """The key `growth` of `report --json`: sums, from which means follow."""
    return {
        "by_turn": [_step(row) for row in by_turn],
        "by_call": [_step(row) for row in by_call],
        "over_time": [
            {"feature": r["feature"], "template": r["template"], "period": r["period"],
             "start": r["start"], **sums(r)}
            for r in over_time
        ],
    }  # fmt: skip


def _step(row: Row) -> dict[str, Any]:
    return {"feature": row["feature"], "from": row["from"], "to": row["to"], **sums(row)}


def sums(row: Row) -> dict[str, Any]:
    """What is told of some calls: unpriced ones are in no amount, and all unpriced is null."""
    cost = row["picodollars"]
    return {
        "calls": row["calls"], "input_tokens": row["input_tokens"],
        "history_tokens": row["history_tokens"], "system_tokens": row["system_tokens"],
        "cost_usd": None if cost is None else usd(cost), "priced_calls": row["priced_calls"],
    }  # fmt: skip


def mean(row: Row, name: str) -> int:
    """Tokens a call, rounded."""
    each: int = round(row[name] / row["calls"])
    return each


def cost_each(row: Row) -> int | None:
    """Picodollars a priced call; None where there is none."""
    return None if row["picodollars"] is None else row["picodollars"] // row["priced_calls"]


def tables(by_turn: Sequence[Row], by_call: Sequence[Row], over_time: Sequence[Row]) -> list[Table]:
    """A table where there is something that grows: more than one turn, call or period of a feature."""
    turns = _growing(by_turn)
    calls = [run for run in _growing(by_call) if run not in turns]
    found = []
    if turns:
        found.append(_steps("turn", "How prompts grow by turn of the conversation", turns))
    if calls:
        found.append(_steps("call", "How prompts grow by call of the conversation", calls))
    grown = [(run[0], run[-1]) for run in _runs(over_time, "feature", "template") if len(run) > 1]
    return [*found, _time(grown)] if grown else found


def _growing(rows: Sequence[Row]) -> list[list[Row]]:
    """The steps of each feature that has some history in one of them."""
    runs = _runs(rows, "feature")
    return [run for run in runs if len(run) > 1 and any(r["history_tokens"] for r in run)]


def _runs(rows: Sequence[Row], *names: str) -> list[list[Row]]:
    """Rows that follow each other with equal names, those with the most tokens first."""
    found = [list(run) for _, run in groupby(rows, itemgetter(*names))]
    return sorted(found, key=lambda run: -sum(r["input_tokens"] for r in run))


def _steps(what: str, title: str, runs: Sequence[Sequence[Row]]) -> Table:
    columns = (
        Column("feature"), Column(what), Column("calls", "count"),
        Column("prompt tokens each", "tokens"), Column("of it history", "tokens"),
        Column("history", "share"), Column("cost each", "usd"),
    )  # fmt: skip
    cells = [
        (r["feature"], _range(r), r["calls"], mean(r, "input_tokens"), mean(r, "history_tokens"),
         r["history_tokens"] / r["input_tokens"] if r["input_tokens"] else None, cost_each(r))
        for run in runs[:FEATURES] for r in run
    ]  # fmt: skip
    more = len(runs) - FEATURES
    return Table(title, columns, cells, f"{more} more features in --json" if more > 0 else "")


def _range(row: Row) -> str:
    return str(row["to"]) if row["from"] == row["to"] else f"{row['from']} to {row['to']}"


def _time(grown: Sequence[tuple[Row, Row]]) -> Table:
    kinds: dict[str, ColumnKind] = {"system then": "tokens", "now": "tokens", "change": "change",
             "prompt then": "tokens", "now ": "tokens", "change ": "change"}  # fmt: skip
    columns = [Column(name) for name in ("feature", "template", "first", "last")]
    columns += [Column(name, kind) for name, kind in kinds.items()]
    cells = [
        (a["feature"], a["template"], a["start"], b["start"],
         *_change(a, b, "system_tokens"), *_change(a, b, "input_tokens"))
        for a, b in grown[:TOP]
    ]  # fmt: skip
    note = f"tokens a call in the first and in the last {grown[0][0]['period']}; system: with tool definitions"
    more = f"; {len(grown) - TOP} more in --json" if len(grown) > TOP else ""
    return Table("How prompts grow over time", columns, cells, note + more)


def _change(a: Row, b: Row, name: str) -> tuple[int, int, float | None]:
    before, after = mean(a, name), mean(b, name)
    return before, after, (after - before) / before if before else None
