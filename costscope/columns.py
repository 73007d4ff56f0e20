"""Columns of tables as numbers, for what is many small steps over the same rows: as numpy's arrays each
step costs what it computes. Knows no column by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int8]

EXACT = 2**53
"""Up to here every whole number is a float, too."""


def codes(column: pl.Series, known: Sequence[str]) -> Codes:
    """The places of a column's names among the known ones, -1 for any other and for null."""
    if column.dtype != pl.Categorical:
        named = column.cast(pl.String).cast(pl.Enum(known), strict=False).to_physical()
        return named.cast(pl.Int8).fill_null(-1).to_numpy()
    own = pl.Series(known, dtype=column.dtype).to_physical().to_numpy()
    numbers = column.to_physical()
    last = numbers.max()
    other = max(int(own.max()), last if isinstance(last, int) else 0) + 1
    place = np.full(other + 1, -1, np.int8)
    place[own] = np.arange(len(own))
    filled = numbers.fill_null(other) if numbers.null_count() else numbers
    found: Codes = place[filled.to_numpy()]
    return found


def places(numbers: Ints, known: Ints) -> Ints:
    """The place of each number among the `known` ones, of which none is there twice; -1 where it is not
    among them. Fast where equal numbers stand together."""
    if not len(known) or not len(numbers):
        return np.full(len(numbers), -1)
    first = np.flatnonzero(changes(numbers))
    order = np.argsort(known, kind="stable")
    at = order[np.minimum(np.searchsorted(known, numbers[first], sorter=order), len(known) - 1)]
    found = np.where(known[at] == numbers[first], at, -1)
    return np.repeat(found, np.diff(np.append(first, len(numbers))))


def sums(place: Ints, counts: NDArray[np.generic], size: int) -> Ints:
    """The exact sum of the counts (none below zero) at each of so many places."""
    whole = counts.astype(np.int64)
    if int(whole.max(initial=0)) * len(whole) < EXACT:
        return np.bincount(place, whole, size).astype(np.int64)
    found = np.zeros(size, np.int64)
    np.add.at(found, place, whole)
    return found


def changes(values: NDArray[np.generic]) -> Flags:
    """True where a value is another than the one before it, and on the first."""
    return np.concatenate(([True], values[1:] != values[:-1]))[: len(values)]
