"""How many tokens of each billing class each call has, as an array: what a price is multiplied by."""

from __future__ import annotations

import numpy as np
import polars as pl

from costscope.columns import Codes, Ints, changes, codes, places, sums
from costscope.model import CLASSES, Workload
from costscope.once import once

ROWS = 2_000_000
"""So many parts are counted at a time: their numbers stay small beside the parts themselves."""


def by_class(workload: Workload) -> Ints:
    """A row per call, in their order, and a column per class of CLASSES: its tokens. Not to be changed:
    what-ifs share it as far as they share parts."""
    numbers, tokens = _of_parts(workload.parts)
    calls = workload.calls["call_no"].to_numpy()
    if np.array_equal(numbers, calls):
        return tokens
    place = places(numbers, calls)
    known = np.flatnonzero(place >= 0)
    found = np.zeros((len(calls), len(CLASSES)), np.int64)
    if (numbers[1:] > numbers[:-1]).all():
        found[place[known]] = tokens[known]
    else:
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
    begins = changes(calls)
    starts = np.flatnonzero(begins)
    found = np.zeros((len(starts), len(CLASSES)), np.int64)
    kinds = classes(parts)
    for start in range(0, len(calls), ROWS):
        some = slice(start, start + ROWS)
        run = np.cumsum(begins[some]) - begins[start]
        count = int(run[-1]) + 1
        cells = run * len(CLASSES) + kinds[some]
        counted = sums(cells, tokens[some], count * len(CLASSES))
        first = int(np.searchsorted(starts, start, "right")) - 1
        found[first : first + count] += counted.reshape(count, -1)
    return calls[starts], found
