"""The rows of a query, as they are."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from costscope.model import Column, Report, Table

if TYPE_CHECKING:
    import pyarrow as pa


def report(table: pa.Table) -> Report:
    """An Arrow table as a report; whole numbers stay whole, everything else that JSON lacks is text."""
    names = _distinct(table.column_names)
    columns = [[_plain(cell) for cell in column.to_pylist()] for column in table.columns]
    rows = list(zip(*columns, strict=True))
    data = {
        "schema_version": 1,
        "columns": names,
        "rows": [dict(zip(names, row, strict=True)) for row in rows],
    }
    return Report("sql", "Rows", data, tables=[Table("", [Column(n) for n in names], rows)])


def _distinct(names: list[str]) -> list[str]:
    """Column names, numbered where they recur, so that no column hides another."""
    found: list[str] = []
    for name in names:
        again = 1
        while (name if again == 1 else f"{name}_{again}") in found:
            again += 1
        found.append(name if again == 1 else f"{name}_{again}")
    return found


def _plain(cell: Any) -> Any:
    if isinstance(cell, Decimal):
        return int(cell) if cell == cell.to_integral_value() else str(cell)
    if isinstance(cell, (datetime, date)):
        return cell.isoformat()
    if isinstance(cell, float):
        return cell if cell == cell and abs(cell) != float("inf") else None
    if isinstance(cell, bytes):
        return cell.hex()
    if isinstance(cell, (str, int, bool)) or cell is None:
        return cell
    return str(cell)
