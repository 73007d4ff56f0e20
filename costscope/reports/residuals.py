"""What the log says that calls cost, beside what the price book says, by model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from costscope.model import CLASSES, Column, Table, usd

Rates = Mapping[tuple[int, str], int | None]
"""(rate_no, billing class) → picodollars a token, None where no price is known."""


@dataclass(frozen=True)
class Residual:
    """The calls of a model whose cost is both reported and computed; money in picodollars."""

    model: str
    calls: int
    reported: int
    computed: int

    @property
    def residual(self) -> int:
        """Reported less computed: positive where the log says more than the price book."""
        return self.reported - self.computed

    @property
    def share(self) -> float | None:
        """The residual as a share of what was reported; None where that is nothing."""
        return self.residual / self.reported if self.reported else None


@dataclass
class Residuals:
    """By model, the largest residual first, and the calls that could not be compared."""

    rows: Sequence[Residual] = ()
    excluded: dict[str, int] = field(
        default_factory=lambda: {"unreported_calls": 0, "unpriced_calls": 0, "estimated_calls": 0}
    )


def residuals(rows: Iterable[Mapping[str, Any]], rates: Rates) -> Residuals:
    """From rows of `scope_reported`: model, rate_no, reported, estimated, calls, reported_pd (text), and
    fees_pd (text), unpriced_fees, tokens by class, each row with calls that are billed in the same classes."""
    found = Residuals()
    sums: dict[str, list[int]] = {}
    for row in rows:
        computed = _cost(row, rates)
        why = _excluded(row, computed)
        if why or computed is None:
            found.excluded[why] += row["calls"]
            continue
        total = sums.setdefault(row["model"], [0, 0, 0])
        for i, amount in enumerate((row["calls"], int(row["reported_pd"]), computed)):
            total[i] += amount
    all_of = (Residual(model, *total) for model, total in sums.items())
    found.rows = sorted(all_of, key=lambda r: (-abs(r.residual), r.model))
    return found


def _excluded(row: Mapping[str, Any], computed: int | None) -> str:
    """Why calls are not compared, or ""."""
    if not row["reported"]:
        return "unreported_calls"
    if row["estimated"]:
        return "estimated_calls"
    return "unpriced_calls" if computed is None else ""


def _cost(row: Mapping[str, Any], rates: Rates) -> int | None:
    """What tokens and units cost; None where something that they are billed in has no price."""
    if row["unpriced_fees"]:
        return None
    billed = [(row[name], rates.get((row["rate_no"], name))) for name in CLASSES if row[name]]
    if any(rate is None for _, rate in billed):
        return None
    return int(row["fees_pd"]) + sum(int(tokens) * (rate or 0) for tokens, rate in billed)


def document(found: Residuals) -> dict[str, Any]:
    """The keys of `report --json`."""
    return {
        "residuals": [
            {
                "model": r.model,
                "calls": r.calls,
                "reported_usd": usd(r.reported),
                "computed_usd": usd(r.computed),
                "residual_usd": usd(r.residual),
            }
            for r in found.rows
        ],
        "residuals_excluded": dict(found.excluded),
    }


def tables(found: Residuals, top: int) -> list[Table]:
    """One table where some call's cost is known from both, else none."""
    if not found.rows:
        return []
    columns = (
        Column("model"), Column("calls", "count"), Column("reported", "usd"),
        Column("computed", "usd"), Column("residual", "usd"), Column("of reported", "change"),
    )  # fmt: skip
    rows = [(r.model, r.calls, r.reported, r.computed, r.residual, r.share) for r in found.rows]
    return [
        Table("What the log reports and what we compute", columns, rows[:top], _note(found, top))
    ]


def _note(found: Residuals, top: int) -> str:
    more = [f"{len(found.rows) - top} more not shown; --json has all"] * (len(found.rows) > top)
    words = {"unreported_calls": "report no cost", "unpriced_calls": "have no price",
             "estimated_calls": "show no usage"}  # fmt: skip
    left = [f"{n:,} {words[name]}" for name, n in found.excluded.items() if n]
    told = f"not compared: calls of which {', '.join(left)}" if left else ""
    return "; ".join(filter(None, ["residual: reported less computed", told, *more]))
