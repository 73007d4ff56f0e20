"""How one raw cell looks in any format for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from costscope.model import ColumnKind, Table
from costscope.text import safe

UNKNOWN = "—"
NUMERIC: tuple[ColumnKind, ...] = ("count", "tokens", "usd", "share", "change", "number")


def cell(value: Any, kind: ColumnKind) -> str:
    """One raw cell as safe text of one line. None is "—", and in a column of money "unpriced".

    Text stands as it is in any column: "" or "—" where a row has no such figure at all."""
    if value is None:
        return "unpriced" if kind == "usd" else UNKNOWN
    if isinstance(value, str):
        return plain(value)
    if kind == "usd":
        return money(value)
    if kind in ("count", "tokens"):
        return f"{value:,.0f}"
    if kind == "share":
        return _share(float(value))
    if kind == "change":
        return f"{float(value) * 100:+,.1f} %".replace("+0.0 %", "0.0 %").replace("-0.0 %", "0.0 %")
    return _number(value) if kind == "number" else plain(value)


def texts(table: Table) -> list[list[str]]:
    """A table's rows, every cell as safe text of one line."""
    return [
        [cell(value, column.kind) for value, column in zip(row, table.columns, strict=True)]
        for row in table.rows
    ]


def money(picodollars: int) -> str:
    """Dollars with cents, below ten cents with two significant digits: "$1,234.50", "$0.0021"."""
    dollars = Decimal(picodollars).scaleb(-12)
    decimals = 2 if not dollars else min(max(2, 1 - dollars.adjusted()), 12)
    sign = "-" if dollars < 0 else ""
    return f"{sign}${abs(dollars):,.{decimals}f}"


def _share(fraction: float) -> str:
    text = f"{fraction * 100:.1f} %"
    # What is not nothing and not all should not look like it.
    if text in ("0.0 %", "-0.0 %"):
        return "< 0.1 %" if fraction > 0 else "> -0.1 %" if fraction < 0 else "0.0 %"
    return "> 99.9 %" if text == "100.0 %" and fraction < 1 else text


def _number(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(float(value))
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if size >= 1 or not size else f"{value:.3g}"


def plain(value: Any) -> str:
    """Any value as safe text of one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(key)}={_inner(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(item) for item in value)
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    return safe(str(value))


def _inner(value: Any) -> str:
    text = plain(value)
    return f"[{text}]" if isinstance(value, (list, tuple, Mapping)) else text
