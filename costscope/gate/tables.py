"""Tables inside a JSON file: a header of columns, one line a row, each value checked when read.

What is wrong is a ValueError that says where; which file it was is the caller's to add.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any

_MONEY = re.compile(r"(-?)\d{1,15}\.\d{2,12}")

Columns = Mapping[str, str]
"""Column → kind: text, count, number, signed, money (dollars as text, picodollars in here), amount
(money that may be negative); each may be followed by " or null"."""


def table_text(columns: Columns, rows: Sequence[Sequence[Any]]) -> str:
    """The table as JSON, a line for each row, so that a review shows which one moved."""
    lines = ",\n".join(f"      {dump(row)}" for row in rows)
    body = f"[\n{lines}\n    ]" if lines else "[]"
    return f'{{\n    "columns": {dump(list(columns))},\n    "rows": {body}\n  }}'


def dump(value: Any) -> str:
    """Compact JSON; never NaN."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def rows_of(table: Any, name: str, columns: Columns) -> Iterator[dict[str, Any]]:
    """The rows of a decoded table, each checked against its columns."""
    if not isinstance(table, dict) or not isinstance(table.get("rows"), list):
        raise ValueError(f"{name} is not a table of columns and rows")
    if table.get("columns") != list(columns):
        raise ValueError(f"{name} has other columns than {', '.join(columns)}")
    for number, row in enumerate(table["rows"], 1):
        if not isinstance(row, list) or len(row) != len(columns):
            raise ValueError(f"{name}, row {number} has not {len(columns)} values")
        yield {
            column: value_of(kind, value, f"{name}, row {number}, {column}")
            for (column, kind), value in zip(columns.items(), row, strict=True)
        }


def value_of(kind: str, value: Any, where: str) -> Any:
    """The value if it is of its kind, money as picodollars; ValueError if not."""
    if value is None and kind.endswith(" or null"):
        return None
    checked = _CHECKS[kind.removesuffix(" or null")](value)
    if checked is None:
        raise ValueError(f"{where} should be a {kind}, it is {str(value)[:40]!r}")
    return checked


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**63 else None


def _signed(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and isfinite(value) else None


def _number(value: Any) -> float | None:
    number = _signed(value)
    return None if number is None or number < 0 else number


def _amount(value: Any) -> int | None:
    fits = isinstance(value, str) and _MONEY.fullmatch(value)
    return int(Decimal(value).scaleb(12)) if fits else None


def _money(value: Any) -> int | None:
    amount = _amount(value)
    return None if amount is None or amount < 0 else amount


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "text": lambda value: value if isinstance(value, str) else None,
    "count": _count,
    "number": _number,
    "signed": _signed,
    "money": _money,
    "amount": _amount,
}
