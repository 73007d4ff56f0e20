"""Columns of tables as numbers, for what is many small steps over the same rows: as numpy's arrays each
step costs what it computes. Knows no column by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int8]
Keys = NDArray[np.uint64]

NAMED = (pl.Categorical, pl.Enum)
NAME = pl.Categorical(pl.Categories("costscope", physical=pl.UInt8))
"""For a column of the few names that a store knows: a byte a row, where others take four."""

DENSE = 8
"""Numbers of which one in so many is there are dense."""
EXACT = 2**53
"""Up to here every whole number is a float, too."""


def codes(column: pl.Series, known: Sequence[str]) -> Codes:
    """The places of a column's names among the known ones, -1 for any other and for null."""
    return codes_of(column.to_frame(), {column.name: known})[column.name]


def codes_of(table: pl.DataFrame, known: Mapping[str, Sequence[str]]) -> dict[str, Codes]:
    """`codes` of several columns, each with names of its own, in one query."""
    numbers = []
    for name, names in known.items():
        column = pl.col(name)
        if not isinstance(table[name].dtype, pl.Categorical):
            column = column.cast(_enum(tuple(names)), strict=False)
        numbers.append(column.to_physical())
    physical = table.select(numbers).get_columns()
    return {x.name: _codes(x, table[x.name].dtype, tuple(known[x.name])) for x in physical}


def _codes(numbers: pl.Series, dtype: pl.DataType, known: tuple[str, ...]) -> Codes:
    """The same from the numbers that a column of names is kept as: those of its categories, else the
    places themselves."""
    if not isinstance(dtype, pl.Categorical):
        return filled(numbers.cast(pl.Int8), -1)
    _, place = _own(known, dtype)
    return np.take(place, filled(numbers, len(place) - 1), mode="clip")


@lru_cache(maxsize=256)
def _own(known: tuple[str, ...], dtype: pl.DataType) -> tuple[pl.Series, Codes]:
    """The known names as a category numbers them, and, by that number, their places; the last is for
    every other number. The names are held, for so long their numbers stay."""
    own = pl.Series(known, dtype=dtype)
    numbers = own.to_physical().to_numpy()
    place = np.full(int(numbers.max()) + 2, -1, np.int8)
    place[numbers] = np.arange(len(numbers))
    return own, place


@lru_cache(maxsize=256)
def _enum(known: tuple[str, ...]) -> pl.Enum:
    return pl.Enum(known)


def filled(column: pl.Series, blank: int) -> NDArray[Any]:
    """The numbers of a column, with another one for null."""
    return (column.fill_null(blank) if column.null_count() else column).to_numpy()


def numbered(column: pl.Series) -> Ints:
    """Numbers from 0 for a column of text or of days, the same where it is the same; -1 for null."""
    if column.dtype == pl.Date:
        found = column.to_physical()
        found = found - found.min()
    else:
        # Categories of its own: those that all columns share are kept for ever.
        found = column.cast(pl.Categorical(pl.Categories.random())).to_physical()
    if found.null_count():
        return found.cast(pl.Int64).fill_null(-1).to_numpy()
    return found.to_numpy().astype(np.int64)


def keys(table: pl.DataFrame, names: Sequence[str]) -> Keys:
    """A number for each row, the same where rows have the same in these columns (null as null), and, as
    far as 64 bits can tell, only there."""
    columns = [table[name] for name in names]
    named = [
        column.cast(pl.String) if isinstance(column.dtype, NAMED) else column for column in columns
    ]
    return pl.DataFrame(named).hash_rows().to_numpy()


def places(numbers: Ints | Keys, known: Ints | Keys) -> Ints:
    """The place of each number among the `known` ones, of which none is there twice; -1 where it is not
    among them. Fast where equal numbers stand together."""
    if not len(known) or not len(numbers):
        return np.full(len(numbers), -1)
    first = np.flatnonzero(changes(numbers))
    found = _found(numbers if len(first) == len(numbers) else numbers[first], known)
    if len(first) == len(numbers):
        return found
    return np.repeat(found, np.diff(np.append(first, len(numbers))))


def _found(numbers: Ints | Keys, known: Ints | Keys) -> Ints:
    """`places` of each number by itself."""
    if np.array_equal(numbers, known):
        return np.arange(len(known))
    whole: Any = np.uint64 if known.dtype == np.uint64 else np.int64
    numbers, known = numbers.astype(whole, copy=False), known.astype(whole, copy=False)
    least = known.min()
    near = (known - least).view(np.uint64) < DENSE * len(known)
    if near.all():
        return _looked_up(numbers, known, least)
    if np.count_nonzero(near) < len(known) // 2:
        return _searched(numbers, known)
    close, apart = np.flatnonzero(near), np.flatnonzero(~near)
    found = np.append(close, -1)[_looked_up(numbers, known[close], least)]
    far = np.flatnonzero(found < 0)
    found[far] = np.append(apart, -1)[_searched(numbers[far], known[apart])]
    return found


def _looked_up(numbers: Ints | Keys, known: Ints | Keys, least: np.integer[Any]) -> Ints:
    """The same of known numbers that lie close together, from the least on: that needs no search."""
    size = int(known.max() - least) + 1
    at = np.full(size + 1, -1)
    at[known - least] = np.arange(len(known))
    # What is below the least is, without a sign, as large as can be.
    above = np.minimum((numbers - least).view(np.uint64), size)
    return at[above.view(np.int64)]


def _searched(numbers: Ints | Keys, known: Ints | Keys) -> Ints:
    """The same of known numbers anywhere."""
    order = None if (known[1:] > known[:-1]).all() else np.argsort(known, kind="stable")
    at = np.minimum(np.searchsorted(known, numbers, sorter=order), len(known) - 1)
    at = at if order is None else order[at]
    return np.where(known[at] == numbers, at, -1)


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
    found = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=found[1:])
    return found


def stretches(numbers: NDArray[np.generic], most: int) -> Iterator[slice]:
    """Stretches of about so many rows that split no run of equal numbers."""
    if len(numbers) <= most:
        yield slice(0, len(numbers))
        return
    firsts = np.unique(np.searchsorted(numbers, numbers[::most]))
    for start, end in pairwise([*firsts.tolist(), len(numbers)]):
        yield slice(start, end)


def taken(table: pl.DataFrame, rows: Ints) -> pl.DataFrame:
    """These rows of a table; the table itself, where they are all of it in their order."""
    if len(rows) == table.height and (rows == np.arange(len(rows))).all():
        return table
    return table[rows]
