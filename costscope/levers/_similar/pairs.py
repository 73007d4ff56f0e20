"""Which questions are near which: exact products of their vectors, in blocks, within groups that can share
an answer at all. Knows vectors, times and groups; no texts and no calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costscope.levers._similar.guards import Guards

    Ints = NDArray[np.int64]
    Vectors = NDArray[np.float32]

ROWS, COLUMNS = 1_024, 16_384
"""A block of products: 64 MB of likenesses at a time."""
MOST = 16
"""Neighbours that are kept of each question, the nearest first."""


_WHOLE = 10_000
_LIKENESS, _ROW = 24, 38
"""Where a packed pair's unlikeness and its row begin, in bits; below them stands the other."""


class Asked(NamedTuple):
    """A row for each question in a place where it is asked; times in microseconds."""

    text: Ints
    """Which vector (and which guards) it has."""
    group: Ints
    """Only within one can an answer be shared."""
    first: Ints
    """When it was first sent."""
    last: Ints
    """When it was last sent."""
    ready: Ints
    """When it was first answered."""
    until: Ints
    """When its last answer is too old."""


class Near(NamedTuple):
    """The neighbours of each row of Asked, end to end: those of i are `starts[i]:starts[i + 1]`, the
    nearest first."""

    starts: Ints
    other: Ints
    likeness: NDArray[np.float64]
    agrees: NDArray[np.bool_]
    """Whether the guards let one answer do for both."""


def nearest(asked: Asked, vectors: Vectors, guards: Guards, floor: float) -> Near:
    """For each row up to MOST others of its group that are at least `floor` alike and were answered in
    time to be of use to it."""
    found = list(_blocks(asked, vectors, max(floor, 0.0)))
    packed = np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)
    row, other = packed >> _ROW, packed & ((1 << _LIKENESS) - 1)
    unlike = (packed >> _LIKENESS) & ((1 << (_ROW - _LIKENESS)) - 1)
    starts = np.searchsorted(row, np.arange(len(asked.text) + 1))
    agrees = guards.agree(asked.text[row], asked.text[other])
    return Near(starts, other, (_WHOLE - unlike) / _WHOLE, agrees)


def _blocks(asked: Asked, vectors: Vectors, floor: float) -> Iterator[Ints]:
    order = np.lexsort((asked.first, asked.group))
    groups = asked.group[order]
    borders = np.flatnonzero(np.append(np.diff(groups) != 0, True)) + 1
    sizes = np.diff(borders, prepend=0)
    for stop, size in zip(borders[sizes > 1], sizes[sizes > 1], strict=True):
        yield from _group(asked, order[stop - size : stop], vectors, floor)


def _group(asked: Asked, members: Ints, vectors: Vectors, floor: float) -> Iterator[Ints]:
    """Pairs of one group, packed, a block of rows at a time."""
    held = vectors[asked.text[members]]
    first = asked.first[members]
    reach = np.maximum.accumulate(asked.until[members])
    for at in range(0, len(members), ROWS):
        rows = members[at : at + ROWS]
        low = int(np.searchsorted(reach, asked.first[rows].min()))
        high = int(np.searchsorted(first, asked.last[rows].max()))
        kept = np.zeros(0, np.int64)
        for start in range(low, high, COLUMNS):
            columns = slice(start, min(start + COLUMNS, high))
            likeness = held[at : at + ROWS] @ held[columns].T
            found = _alike(asked, rows, members[columns], likeness, floor)
            kept = np.concatenate([kept, found])
            if len(kept) > 4 * MOST * ROWS:
                kept = _cut(kept)
        yield _cut(kept)


def _alike(asked: Asked, rows: Ints, columns: Ints, likeness: Vectors, floor: float) -> Ints:
    """The pairs of one block that are alike enough and in time, packed: row, unlikeness in ten
    thousandths, other. So rounded, the order in which a processor adds up does not show."""
    at = np.flatnonzero(likeness.ravel() >= np.float32(floor))
    row, other = rows[at // len(columns)], columns[at % len(columns)]
    fine = (
        (row != other)
        & (asked.ready[other] < asked.last[row])
        & (asked.until[other] >= asked.first[row])
    )
    alike = np.rint(likeness.ravel()[at[fine]].astype(np.float64) * _WHOLE).astype(np.int64)
    unlike = _WHOLE - np.minimum(alike, _WHOLE)
    return np.asarray((row[fine] << _ROW) | (unlike << _LIKENESS) | other[fine], np.int64)


def _cut(packed: Ints) -> Ints:
    """The MOST nearest of each row."""
    packed = np.sort(packed)
    row = packed >> _ROW
    new = np.ones(len(row), bool)
    new[1:] = row[1:] != row[:-1]
    start = np.maximum.accumulate(np.where(new, np.arange(len(row)), 0))
    return packed[np.arange(len(row)) - start < MOST]
