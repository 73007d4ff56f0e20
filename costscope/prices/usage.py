"""How many tokens of each billing class each call has, as an array: what a price is multiplied by."""

from __future__ import annotations

import numpy as np
import polars as pl

from costscope.columns import Codes, Ints, changes, codes, places, sums
from costscope.model import CLASSES, Workload
from costscope.once import once

ROWS = 2_000_000
"""So many parts are counted at a time: their numbers stay small beside the parts themselves."""
_NONE = np.zeros((1, len(CLASSES)), np.int64)
"""The row of a call without parts."""


def by_class(workload: Workload) -> Ints:
    """A row per call, in their order, and a column per class of CLASSES: its tokens. Not to be changed:
    what-ifs share it as far as they share parts."""
    numbers, tokens = _of_parts(workload.parts)
    calls = workload.calls["call_no"].to_numpy()
    if np.array_equal(numbers, calls):
        return tokens
    if (numbers[1:] > numbers[:-1]).all():
        # A call without parts is at -1: the last row.
        return np.append(tokens, _NONE, axis=0).take(places(calls, numbers), axis=0)
    place = places(numbers, calls)
    known = np.flatnonzero(place >= 0)
    found = np.zeros((len(calls), len(CLASSES)), np.int64)
    np.add.at(found, place[known], tokens[known])
    return found


@once
def classes(parts: pl.DataFrame) -> Codes:
    """The billing class of each row, a code of CLASSES; -1 for any other. Not to be changed."""
    return codes(parts["billing_class"], CLASSES)


@once
def _of_parts(parts: pl.DataFrame) -> tuple[Ints, Ints]:
    """The number of the call of each run of parts, and its tokens by class."""
    calls, tokens = parts["call_no"].to_numpy(), parts["tokens"].to_numpy()
    starts = np.flatnonzero(changes(calls))
    found = np.zeros((len(starts), len(CLASSES)), np.int64)
    kinds = classes(parts)
    for start in range(0, len(calls), ROWS):
        end = min(start + ROWS, len(calls))
        first = int(np.searchsorted(starts, start, "right")) - 1
        last = int(np.searchsorted(starts, end))
        lengths = np.diff(starts[first + 1 : last], prepend=start, append=end)
        cells = np.repeat(np.arange(last - first) * len(CLASSES), lengths) + kinds[start:end]
        counted = sums(cells, tokens[start:end], (last - first) * len(CLASSES))
        found[first:last] += counted.reshape(-1, len(CLASSES))
    return calls[starts], found
