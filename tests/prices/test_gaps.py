"""What a log uses that has no price, by model and class."""

from typing import Any

import polars as pl

from costscope.model import CLASSES
from costscope.prices import PriceBook, gaps

from .build import calls


def used(*rows: dict[str, Any]) -> pl.DataFrame:
    """Calls with their tokens by class."""
    tokens = {name: [row.pop(name, 0) for row in rows] for name in CLASSES}
    return calls(*rows).with_columns(pl.Series(n, v, dtype=pl.Int64) for n, v in tokens.items())


def found(*rows: dict[str, Any]) -> list[tuple[Any, ...]]:
    table = used(*rows)
    gone = gaps.unpriced_tokens(table, *PriceBook.load().rates(table))
    return list(gone.select("model", "tier", "what", "calls", "number").iter_rows())


def test_a_model_without_a_price_is_named_with_its_classes() -> None:
    odd = {"model": "gpt-imaginary"}
    assert found({**odd, "fresh": 10, "output": 2}, {**odd, "fresh": 20}, {"fresh": 99}) == [
        ("gpt-imaginary", "standard", "fresh", 2, 30), ("gpt-imaginary", "standard", "output", 1, 2),
    ]  # fmt: skip


def test_a_class_or_tier_without_a_price_is_named_too() -> None:
    assert found({"tier": "scale", "output": 7}, {"output": 7}) == [
        ("gpt-4o", "scale", "output", 1, 7)
    ]


def test_what_is_priced_leaves_nothing() -> None:
    assert found({"fresh": 10, "cache_read": 5, "output": 1}) == []


def test_the_reason_is_the_books() -> None:
    table = used({"tier": "scale", "fresh": 7})
    (row,) = gaps.unpriced_tokens(table, *PriceBook.load().rates(table)).to_dicts()
    assert row["reason"] == "no scale price a token: that capacity is paid for beforehand"


def test_units_without_a_price() -> None:
    rows = pl.DataFrame({
        "call_no": [0, 0, 1], "unit": ["code_execution", "web_search", "code_execution"],
        "number": [2, 1, 3], "pd": [None, 5, None], "source": ["by the hour", "a list", "by the hour"],
    })  # fmt: skip
    (row,) = gaps.unpriced_units(used({}, {}), rows).to_dicts()
    assert (row["what"], row["calls"], row["number"], row["reason"]) == (
        "code_execution", 2, 5, "by the hour",
    )  # fmt: skip
