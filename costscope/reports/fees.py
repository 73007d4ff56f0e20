"""What is billed beside tokens: requests of server tools, audio and images in place of text, storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from costscope.model import Column, Table, usd


@dataclass
class Fee:
    """So many of one unit, and what those that have a price cost, in picodollars."""

    number: int = 0
    cost: int = 0
    unpriced: dict[str, int] = field(default_factory=dict)
    """Model → how many have no price."""

    @property
    def known(self) -> int | None:
        """The cost; None where none of it has a price."""
        return None if sum(self.unpriced.values()) == self.number else self.cost


Fees = dict[str, Fee]


def add(fees: Fees, row: Mapping[str, Any]) -> int:
    """Take in a row of `scope_fees`; what it costs, in picodollars."""
    fee = fees.setdefault(row["unit"], Fee())
    fee.number += row["number"]
    if row["unpriced"]:
        fee.unpriced[row["model"]] = fee.unpriced.get(row["model"], 0) + row["number"]
        return 0
    fee.cost += int(row["pd"])
    return int(row["pd"])


def document(fees: Fees) -> dict[str, Any]:
    """The key `fees` of `report --json`: number and cost_usd by unit; null where no price is known."""
    return {
        name: {"number": fee.number, "cost_usd": None if fee.known is None else usd(fee.known)}
        for name, fee in sorted(fees.items())
    }


def tables(fees: Fees) -> list[Table]:
    """One table where anything is billed beside tokens, else none."""
    if not fees:
        return []
    columns = (Column("unit"), Column("number", "count"), Column("cost", "usd"))
    rows = [(name.replace("_", " "), fee.number, fee.known) for name, fee in sorted(fees.items())]
    note = "tokens of audio and images cost so much more (or less) than the text tokens they are billed as"
    instead = any(name.endswith(("audio", "image")) for name in fees)
    return [Table("Billed beside tokens", columns, rows, note if instead else "")]


def notes(fees: Fees) -> list[str]:
    """What has no price, by unit and model."""
    named = [
        f"{number:,} {name.replace('_', ' ')} of {model or '(no model)'}"
        for name, fee in sorted(fees.items())
        for model, number in sorted(fee.unpriced.items())
    ]
    return [f"Without a price, and not in any dollar figure: {', '.join(named)}."] if named else []
