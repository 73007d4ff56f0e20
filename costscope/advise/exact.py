"""Whole numbers in arrays, added and multiplied without ever leaving the whole numbers: 64 bits where
they fit, Python's own where they do not."""

from __future__ import annotations

import numpy as np

from costscope.columns import Ints
from costscope.prices.amounts import FITS, Whole

_HALF = 32


def most(values: Whole) -> int:
    """The largest of them, whatever its sign."""
    return max(int(values.max()), -int(values.min())) if len(values) else 0


def total(values: Whole) -> int:
    """Their sum."""
    if values.dtype == object or _reach(values) < FITS:
        return int(values.sum())
    high, low = _halves(values)
    return (int(high.sum()) << _HALF) + int(low.sum())


def dot(one: Whole, other: Whole) -> int:
    """The sum of their products."""
    if object in (one.dtype, other.dtype):
        return int((one.astype(object) * other).sum())
    if most(one) * most(other) * len(one) < FITS:
        return int((one * other).sum())
    (high, low), (other_high, other_low) = _halves(one), _halves(other)
    middle = total(high * other_low) + total(low * other_high)
    # The product of two lower halves takes all 64 bits, so it is added without a sign.
    lowest = low.astype(np.uint64) * other_low.astype(np.uint64)
    halves = lowest >> np.uint64(_HALF), lowest & np.uint64(2**_HALF - 1)
    lower = (int(halves[0].sum()) << _HALF) + int(halves[1].sum())
    return (total(high * other_high) << 2 * _HALF) + (middle << _HALF) + lower


def by_place(place: Ints, values: Whole, size: int) -> Whole:
    """The sum of those at each of so many places."""
    fits = values.dtype != object and _reach(values) < FITS
    found = np.zeros(size, np.int64 if fits else object)
    np.add.at(found, place, values)
    return found


def _reach(values: Ints) -> float:
    """How far any sum of some of them can be from nothing."""
    return float(np.abs(values).sum(dtype=np.float64))


def _halves(values: Ints) -> tuple[Ints, Ints]:
    """The upper half with the sign, and the lower half, which has none."""
    return values >> _HALF, values & (2**_HALF - 1)
