"""Columns as numbers: names as places, numbers looked up, exact sums."""

import numpy as np
import polars as pl
import pytest

from costscope.columns import (
    EXACT,
    NAME,
    changes,
    codes,
    codes_of,
    filled,
    keys,
    places,
    stretches,
    sums,
    taken,
)


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical, NAME, pl.Enum(["a", "b", "other"])])
def test_names_are_places_among_the_known(kind: pl.DataType) -> None:
    column = pl.Series(["b", None, "other", "a", "b"], dtype=kind)
    assert codes(column, ("a", "b")).tolist() == [1, -1, -1, 0, 1]


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical, NAME])
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


def test_known_names_keep_their_places_when_a_column_has_others_first() -> None:
    column = pl.Series(["z", "y", "b", "x"], dtype=pl.Categorical)
    assert codes(column, ("b",)).tolist() == [-1, -1, 0, -1]


def test_null_is_filled_with_another_number() -> None:
    assert filled(pl.Series([1, None]), 7).tolist() == [1, 7]


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical, NAME])
def test_rows_have_one_key_where_they_are_the_same(kind: pl.DataType) -> None:
    table = pl.DataFrame({"a": ["x", "x", None, None, "x"], "b": [1, 2, 1, 1, 1]})
    found = keys(table.cast({"a": kind}), ("a", "b"))
    assert found[2] == found[3]
    assert found[0] == found[4]
    assert len({*found.tolist()}) == 3
    assert keys(table, ("a", "b")).tolist() == found.tolist()


def test_stretches_split_no_run() -> None:
    numbers = np.array([1, 1, 1, 2, 3, 3, 4])
    found = [numbers[some].tolist() for some in stretches(numbers, 2)]
    assert found == [[1, 1, 1, 2], [3, 3], [4]]
    assert list(stretches(numbers, 7)) == [slice(0, 7)]
    assert list(stretches(numbers[:0], 7)) == [slice(0, 0)]


def test_a_table_is_itself_where_all_of_it_is_taken() -> None:
    table = pl.DataFrame({"a": [1, 2, 3]})
    assert taken(table, np.arange(3)) is table
    assert taken(table, np.array([2, 0]))["a"].to_list() == [3, 1]


def test_several_columns_are_numbered_at_once() -> None:
    table = pl.DataFrame({"a": ["x", None], "b": ["z", "y"], "c": ["y", "x"]})
    table = table.cast({"a": pl.Categorical, "c": pl.Categorical})
    found = codes_of(table, {"b": ("y", "z"), "a": ("w", "x"), "c": ("x",)})
    assert {name: column.tolist() for name, column in found.items()} == {
        "b": [1, 0], "a": [1, -1], "c": [-1, 0],
    }  # fmt: skip
    assert list(found) == ["b", "a", "c"]


def test_numbers_are_found_alike_where_the_known_are_dense_and_where_they_are_not() -> None:
    numbers = np.array([2**40, 5, 5, 3, -1, 9])
    assert places(numbers, np.array([3, 4, 5])).tolist() == [-1, 2, 2, 0, -1, -1]
    assert places(numbers, np.array([3, 5, 2**40])).tolist() == [2, 1, 1, 0, -1, -1]
    assert places(np.array([3, 5, 2**40]), np.array([3, 5, 2**40])).tolist() == [0, 1, 2]
    large = np.array([2**64 - 2, 2**64 - 1], np.uint64)
    assert places(np.array([2**64 - 1, 0], np.uint64), large).tolist() == [1, -1]


def test_numbers_are_found_where_most_known_ones_are_close_and_some_far_off() -> None:
    known = np.array([7, 4, 6, 5, 2**40 + 1, 2**40])
    asked = np.array([2**40, 4, 2**40 + 2, 3, 7, 2**40 + 1, -(2**62)])
    assert places(asked, known).tolist() == [5, 1, -1, -1, 0, 4, -1]
    assert places(known[::-1], known).tolist() == [5, 4, 3, 2, 1, 0]
