"""Prices as a grid with their sources, and query results as they are."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from costscope.errors import InputError
from costscope.reports import prices, rows

DAY = date(2026, 11, 21)


@dataclass(frozen=True)
class Rate:
    billing_class: str
    usd_per_mtok: Decimal | None
    tier: str = "standard"
    above_tokens: int | None = None
    source: str = "a list"
    since: date | None = None
    checked_on: date | None = None
    sold: bool = True


def test_a_row_for_each_tier_and_step_and_a_column_for_each_class_that_is_sold() -> None:
    rates = [
        Rate("fresh", Decimal("3.00")), Rate("output", Decimal(15)),
        Rate("fresh", Decimal(6), above_tokens=200_000), Rate("cache_write_12h", Decimal(9), sold=False),
        Rate("output", None, tier="batch"),
    ]  # fmt: skip
    grid = prices.report("m", DAY, rates, [], "a book").tables[0]
    assert [c.name for c in grid.columns] == ["tier", "above tokens", "fresh", "output"]
    assert list(grid.rows) == [
        ("standard", None, "3", "15"), ("standard", 200_000, "6", ""), ("batch", None, "", "unknown"),
    ]  # fmt: skip


def test_every_rate_is_in_the_document_with_its_source() -> None:
    data = prices.report("m", DAY, [Rate("fresh", Decimal("0.075"), since=DAY)], [], "a book").data
    assert data["rates"][0]["usd_per_mtok"] == "0.075"
    assert (data["rates"][0]["since"], data["rates"][0]["source"]) == ("2026-11-21", "a list")


def test_an_unknown_model_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"gpt-9: no price known on 2026-11-21; .* gpt-5, gpt-4"):
        prices.report("gpt-9", DAY, [], ["gpt-5", "gpt-4"], "a book")


def test_rows_of_any_type_are_plain_json_values() -> None:
    table = pa.table({
        "n": pa.array([Decimal("12")], pa.decimal128(38, 0)), "x": [float("nan")],
        "t": [datetime(2026, 11, 2, 3)], "b": [b"\x01"], "s": ["<&|"], "none": pa.array([None], pa.int64()),
        "list": [[1, 2]],
    })  # fmt: skip
    assert rows.report(table).data["rows"] == [{
        "n": 12, "x": None, "t": "2026-11-02T03:00:00", "b": "01", "s": "<&|", "none": None, "list": "[1, 2]",
    }]  # fmt: skip


def test_columns_of_one_name_do_not_hide_each_other() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["n", "n"])
    assert rows.report(table).data["rows"] == [{"n": 1, "n_2": 2}]
