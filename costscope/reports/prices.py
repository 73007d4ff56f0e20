"""What a model costs, class by class, with the source of each rate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from costscope.errors import InputError
from costscope.model import Column, Report, Table

ORDER = ("fresh", "cache_read", "cache_write_5m", "cache_write_30m", "cache_write_1h",
         "cache_write_12h", "output")  # fmt: skip


class Rate(Protocol):
    """A rate as the price book describes it."""

    @property
    def tier(self) -> str: ...
    @property
    def billing_class(self) -> str: ...
    @property
    def usd_per_mtok(self) -> Decimal | None: ...
    @property
    def above_tokens(self) -> int | None: ...
    @property
    def source(self) -> str: ...
    @property
    def since(self) -> date | None: ...
    @property
    def checked_on(self) -> date | None: ...
    @property
    def sold(self) -> bool: ...


def report(
    model: str, at: date, rates: Sequence[Rate], nearest: Sequence[str], book: str
) -> Report:
    """Raises InputError, naming the nearest known models, where the book has no price at all."""
    if not any(r.usd_per_mtok is not None for r in rates):
        hint = f"; the nearest known names are {', '.join(nearest)}" if nearest else ""
        raise InputError(f"{model}: no price known on {at.isoformat()}{hint}")
    sold = [r for r in rates if r.sold]
    data = {"schema_version": 1, "model": model, "at": at.isoformat(), "price_book": book,
            "rates": [_json(r) for r in rates]}  # fmt: skip
    return Report(
        "prices", f"{model} on {at.isoformat()}", data, tables=[_table(sold), _sources(sold)],
        notes=[f"Prices: {book}."],
    )  # fmt: skip


def _table(rates: Sequence[Rate]) -> Table:
    """A row for each tier and long-context step, a column for each class that is sold."""
    classes = [c for c in ORDER if any(r.billing_class == c for r in rates)]
    rows: dict[tuple[Any, ...], dict[str, str]] = {}
    for rate in rates:
        row = rows.setdefault((rate.tier, rate.above_tokens), {})
        known = "unknown" if rate.usd_per_mtok is None else _plain(rate.usd_per_mtok)
        # Where prices depend on the hour there are several; they stand side by side.
        row[rate.billing_class] = " / ".join(filter(None, (row.get(rate.billing_class), known)))
    columns = (
        Column("tier"),
        Column("above tokens", "count"),
        *(Column(c.replace("_", " ")) for c in classes),
    )
    cells = [(*key, *(row.get(c, "") for c in classes)) for key, row in rows.items()]
    return Table("USD per million tokens", columns, cells)


def _sources(rates: Sequence[Rate]) -> Table:
    """Which source the prices of each tier are from, and when it was looked at."""
    found: dict[tuple[Any, ...], list[str]] = {}
    for r in rates:
        key = (r.tier, _day(r.since), _day(r.checked_on), r.source)
        found.setdefault(key, []).append(r.billing_class.replace("_", " "))
    columns = (
        Column("tier"),
        Column("since"),
        Column("checked on"),
        Column("source"),
        Column("for"),
    )
    rows = [(*key, ", ".join(dict.fromkeys(names))) for key, names in found.items()]
    return Table("Where they are from", columns, rows)


def _json(rate: Rate) -> dict[str, Any]:
    return {
        "tier": rate.tier, "billing_class": rate.billing_class, "sold": rate.sold,
        "usd_per_mtok": _plain(rate.usd_per_mtok), "above_tokens": rate.above_tokens,
        "since": _day(rate.since), "checked_on": _day(rate.checked_on), "source": rate.source,
    }  # fmt: skip


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount.normalize(), "f")


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
