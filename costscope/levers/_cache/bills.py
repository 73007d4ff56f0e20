"""What the parts of a workload come to per call: tokens of each billing class, and marks. No time, no rule."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from costscope.columns import Ints, changes, codes, stretches, sums
from costscope.levers._prefix import FEW, SOME, ordered
from costscope.model import CLASSES
from costscope.once import once
from costscope.prices.usage import classes

KINDS = len(CLASSES) + 1
UNMARKED = ("",)


class Bills(NamedTuple):
    """A row for each call that has parts, by call_no."""

    call_no: Ints
    tokens: Ints
    """A column for each of CLASSES, and one for any other."""
    marks: Ints
    """How many breakpoints the log carries."""


def bills(parts: pl.DataFrame) -> Bills:
    """What the parts of each call come to."""
    return _kept(parts) if parts.height <= FEW else _bills(parts)


@once
def _kept(parts: pl.DataFrame) -> Bills:
    return _bills(parts)


def _bills(parts: pl.DataFrame) -> Bills:
    parts = ordered(parts)
    found = [_summed(parts, some) for some in stretches(parts["call_no"].to_numpy(), SOME)]
    return Bills._make(np.concatenate(column) for column in zip(*found, strict=True))


def _summed(parts: pl.DataFrame, some: slice) -> Bills:
    call, tokens = (parts[name].to_numpy()[some] for name in ("call_no", "tokens"))
    first = changes(call)
    nth, size = np.cumsum(first) - 1, int(first.sum())
    kind = classes(parts)[some] % KINDS
    marked = codes(parts["breakpoint"][some], UNMARKED) < 0
    return Bills(
        call_no=call[first],
        tokens=sums(nth * KINDS + kind, tokens, size * KINDS).reshape(size, KINDS),
        marks=np.bincount(nth[marked], minlength=size),
    )
