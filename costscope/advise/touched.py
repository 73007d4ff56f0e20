"""Which calls a lever does anything to. No money: that is told by what their tokens are billed as."""

from __future__ import annotations

import numpy as np
import polars as pl

from costscope.columns import Flags, Ints, places
from costscope.model import Workload
from costscope.prices import usage

_BILLED = ("provider", "channel", "region", "model", "tier")


def touched(before: Workload, after: Workload) -> Ints:
    """The numbers of the calls of `before` that `after` would be billed for in another way: gone,
    sent elsewhere, with other tokens or classes, or with a call added for them."""
    numbers = before.calls["call_no"].to_numpy()
    if after is before:
        return numbers[:0]
    place = places(numbers, after.calls["call_no"].to_numpy())
    found = (place < 0) | _owning(before.calls, after.calls)
    stays = np.flatnonzero(place >= 0)
    found[stays] |= _elsewhere(before.calls, stays, after.calls, place[stays])
    if before.parts is not after.parts:
        was, now = usage.by_class(before)[stays], usage.by_class(after)[place[stays]]
        found[stays] |= (was != now).any(axis=1)
    return numbers[found]


def _owning(before: pl.DataFrame, after: pl.DataFrame) -> Flags:
    """The calls for which one was added."""
    new = after["call_id"].filter(after["added"])
    if new.is_empty():
        return np.zeros(before.height, np.bool_)
    return before["call_id"].is_in(new.implode()).fill_null(False).to_numpy()


def _elsewhere(before: pl.DataFrame, stays: Ints, after: pl.DataFrame, place: Ints) -> Flags:
    """Which of the calls that stay are served elsewhere, `place` being where they are afterwards."""
    found = np.zeros(len(stays), np.bool_)
    # Only where no call has another row than before do equal columns say that no call has changed.
    still = np.array_equal(stays, place)
    for name in _BILLED:
        if not (still and before[name].equals(after[name])):
            was, now = before[name].gather(stays), after[name].gather(place)
            found |= was.ne_missing(now).to_numpy()
    return found
