"""What a model costs, class by class and unit by unit, with the source of each rate; and what a log uses
that has no price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


class Unit(Protocol):
    """The price of something beside text tokens, as the price book describes it."""

    @property
    def name(self) -> str: ...
    @property
    def usd(self) -> Decimal | None: ...
    @property
    def per(self) -> int: ...
    @property
    def as_text(self) -> bool: ...
    @property
    def at_most(self) -> int | None: ...
    @property
    def source(self) -> str: ...
    @property
    def since(self) -> date | None: ...
    @property
    def checked_on(self) -> date | None: ...


def report(
    model: str, at: date, rates: Sequence[Rate], nearest: Sequence[str], book: str,
    units: Sequence[Unit] = (),
) -> Report:  # fmt: skip
    """Raises InputError, naming the nearest known models, where the book has no price at all."""
    priced = any(u.usd is not None for u in units)
    if not priced and not any(r.usd_per_mtok is not None for r in rates):
        hint = f"; the nearest known names are {', '.join(nearest)}" if nearest else ""
        raise InputError(f"{model}: no price known on {at.isoformat()}{hint}")
    sold = [r for r in rates if r.sold]
    data = {"schema_version": 1, "model": model, "at": at.isoformat(), "price_book": book,
            "rates": [_json(r) for r in rates], "units": [_unit(u) for u in units]}  # fmt: skip
    tables = [_table(sold), _sources(sold)] if sold else []
    if units:
        tables.append(_units(units))
    return Report(
        "prices", f"{model} on {at.isoformat()}", data, tables=tables,
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


def _units(units: Sequence[Unit]) -> Table:
    """What is billed beside text tokens, and where each price is from."""
    columns = ("unit", "USD", "for", "since", "checked on", "source")
    rows = [
        (u.name.replace("_", " "), _amount(u), _for(u), _day(u.since), _day(u.checked_on), u.source)
        for u in units
    ]
    return Table("Beside text tokens", [Column(name) for name in columns], rows)


def _amount(unit: Unit) -> str:
    if unit.as_text:
        return "as text"
    return _plain(unit.usd) or "unknown"


def _for(unit: Unit) -> str:
    what = "million" if unit.per == 10**6 else "thousand"
    return what if unit.at_most is None else f"{what}, {unit.at_most} a call at most"


def _unit(unit: Unit) -> dict[str, Any]:
    return {
        "name": unit.name, "usd": _plain(unit.usd), "per": unit.per, "as_text": unit.as_text,
        "at_most": unit.at_most, "since": _day(unit.since), "checked_on": _day(unit.checked_on),
        "source": unit.source,
    }  # fmt: skip


def unpriced(
    tokens: Sequence[Mapping[str, Any]], units: Sequence[Mapping[str, Any]],
    nearest: Mapping[str, Sequence[str]], all_tokens: int, book: str,
) -> Report:  # fmt: skip
    """What has no price. `tokens` and `units`: rows of provider, channel, model, tier, what, reason,
    calls and number. `nearest`: known names most like a model's, to correct a name by, never priced by."""
    missing = sum(row["number"] for row in tokens)
    share = missing / all_tokens if all_tokens else 0.0
    data = {
        "schema_version": 1, "price_book": book, "tokens": all_tokens, "unpriced_tokens": missing,
        "unpriced": [{**row, "nearest": list(nearest.get(row["model"], ()))} for row in tokens],
        "unpriced_units": [dict(row) for row in units],
    }  # fmt: skip
    said = f"{missing:,} of {all_tokens:,} tokens ({share:.1%}) have no price."
    tables = []
    if tokens:
        tables.append(_gaps("Tokens without a price", tokens, nearest))
    if units:
        tables.append(_gaps("Units without a price", units, {}))
    notes = [f"Prices: {book}."]
    if any(nearest.values()):
        notes.append("Nearest names are for correcting a name; nothing is priced by them.")
    return Report("prices check", "What has no price", data, [said], tables, notes)


def _gaps(
    title: str, rows: Sequence[Mapping[str, Any]], nearest: Mapping[str, Sequence[str]]
) -> Table:
    columns = [
        Column("model"), Column("provider"), Column("tier"), Column("what"), Column("calls", "count"),
        Column("number", "count"), Column("why"), Column("nearest known names"),
    ]  # fmt: skip
    cells = [
        (
            r["model"] or "(none)", r["provider"], r["tier"], r["what"].replace("_", " "), r["calls"],
            r["number"], r["reason"], ", ".join(nearest.get(r["model"], ())),
        )
        for r in rows
    ]  # fmt: skip
    return Table(
        title, columns if nearest else columns[:-1], cells if nearest else [c[:-1] for c in cells]
    )


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
