"""Columns as numbers: names as places, numbers looked up, exact sums."""

import numpy as np
import polars as pl
import pytest

from costscope.columns import EXACT, changes, codes, places, sums


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical, pl.Enum(["a", "b", "other"])])
def test_names_are_places_among_the_known(kind: pl.DataType) -> None:
    column = pl.Series(["b", None, "other", "a", "b"], dtype=kind)
    assert codes(column, ("a", "b")).tolist() == [1, -1, -1, 0, 1]


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical])
def test_a_column_of_nothing_has_no_places(kind: pl.DataType) -> None:
    assert codes(pl.Series([], dtype=kind), ("a",)).tolist() == []
    assert codes(pl.Series([None], dtype=kind), ("a",)).tolist() == [-1]


def test_numbers_are_found_in_any_order() -> None:
    numbers, known = np.array([7, 7, 5, 9, 7]), np.array([9, 7])
    assert places(numbers, known).tolist() == [1, 1, -1, 0, 1]


def test_nothing_is_found_in_nothing() -> None:
    some, none = np.array([1, 2]), np.zeros(0, np.int64)
    assert places(some, none).tolist() == [-1, -1]
    assert places(none, some).tolist() == []


@pytest.mark.parametrize("large", [1, EXACT + 1])
def test_sums_are_exact(large: int) -> None:
    assert sums(np.array([2, 0, 2]), np.array([large, 5, 1]), 4).tolist() == [5, 0, large + 1, 0]


def test_changes_are_where_runs_begin() -> None:
    assert changes(np.array([4, 4, 1, 4])).tolist() == [True, False, True, True]
    assert changes(np.zeros(0)).tolist() == []
