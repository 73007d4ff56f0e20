"""Single cells: rounding, unknowns and structures."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costscope.model import ColumnKind
from costscope.renderers._cells import cell, money, plain

DOLLAR = 10**12


@pytest.mark.parametrize(
    ("dollars", "shown"),
    [
        ("0", "$0.00"),
        ("12.34", "$12.34"),
        ("12.345", "$12.34"),
        ("1234567.891", "$1,234,567.89"),
        ("0.5", "$0.50"),
        ("0.0996", "$0.100"),
        ("0.0021", "$0.0021"),
        ("0.00209", "$0.0021"),
        ("-0.0021", "-$0.0021"),
        ("-7", "-$7.00"),
        ("0.000000000001", "$0.000000000001"),
    ],
)
def test_money(dollars: str, shown: str) -> None:
    assert money(int(Fraction(dollars) * DOLLAR)) == shown


@given(st.integers(-(10**20), 10**20))
def test_money_is_within_five_percent_and_below_half_a_cent_of_the_truth(picodollars: int) -> None:
    shown = Fraction(money(picodollars).replace("$", "").replace(",", ""))
    error = abs(shown - Fraction(picodollars, DOLLAR))
    assert error <= Fraction(1, 200)
    assert error <= abs(Fraction(picodollars, DOLLAR)) / 20


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (None, "usd", "unpriced"),
        (None, "tokens", "—"),
        (None, "text", "—"),
        ("—", "usd", "—"),
        ("~5", "tokens", "~5"),
        (1234567, "tokens", "1,234,567"),
        (1234.5, "count", "1,234"),
        (0.123, "share", "12.3 %"),
        (Fraction(1, 3), "share", "33.3 %"),
        (0, "share", "0.0 %"),
        (0.0001, "share", "< 0.1 %"),
        (-0.0001, "share", "> -0.1 %"),
        (-0.0, "share", "0.0 %"),
        (0.99999, "share", "> 99.9 %"),
        (1, "share", "100.0 %"),
        (0.142, "change", "+14.2 %"),
        (-0.03, "change", "-3.0 %"),
        (0, "change", "0.0 %"),
        (-0.0001, "change", "0.0 %"),
        (0.1, "change", "+10.0 %"),
        (12, "change", "+1,200.0 %"),
        (3, "number", "3"),
        (1234.5678, "number", "1,235"),
        (3.14159, "number", "3.14"),
        (0.012345, "number", "0.0123"),
        (0.0, "number", "0.00"),
    ],
)
def test_cells(value: Any, kind: ColumnKind, shown: str) -> None:
    assert cell(value, kind) == shown


def test_structures_are_written_out() -> None:
    assert plain({"a": ["x", "y\n"], "b": True, "c": {"d": 1}}) == "a=[x, y\\n], b=yes, c=[d=1]"
