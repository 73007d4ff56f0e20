"""Tokens times rates as whole picodollars, in 64 bits where these hold them. Knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from costscope.columns import Ints
from costscope.model import CLASSES

FITS = 2**62
"""Amounts below this fit in 64 bits, and so does the sum of two of them."""
Whole = NDArray[Any]
"""Whole numbers: of 64 bits, or objects where they are larger."""


def times(tokens: Ints, rates: Ints, number: Ints) -> Whole:
    """What the tokens of each call cost, by class, at the rates of its number, added up: in Python's own
    numbers where counts that no model can have read would not fit."""
    most = int(tokens.max(initial=0)) * int(rates.max(initial=0)) * len(CLASSES)
    own = tokens if most < FITS else tokens.astype(object)
    found: Whole = np.einsum("ij,ij->i", own, rates.take(number, axis=0))
    return found


def plus(whole: Whole, places: Ints, more: Sequence[int]) -> Whole:
    """The sums with something more at some places."""
    if not more:
        return whole
    fits = whole.dtype != object and int(whole.max()) + max(map(abs, more)) < FITS
    found = whole if fits else whole.astype(object)
    found[places] += np.array(more, found.dtype)
    return found
