"""Ways of caching tried on the same blocks one after another, in arrays: what each would bill.

What does not depend on marks and lifetimes is worked out once. It chooses nothing and knows no price.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from costscope.columns import filled
from costscope.levers._cache.calibration import MILLION
from costscope.levers._cache.live import longest
from costscope.levers._cache.marks import placed
from costscope.levers._cache.rows import UNLIMITED, WRITES, Facts, Flags, Ints, Rows, facts, rows
from costscope.levers._cache.sim import told, touches
from costscope.levers._prefix import FEW, ordered

LEFT_OUT = -1
"""The mode of calls that a way leaves as they are."""


class Ground(NamedTuple):
    """Calls, sorted by call_no, and their blocks."""

    rows: Rows
    about: Facts
    prompts: Ints
    """Tokens of each prompt, -1 where it has no text."""
    lost: Ints
    """Tokens that a call at most reads less than the ideal; UNLIMITED: the share alone counts."""
    most: Ints
    """The share of the ideal that it at most reads less, in millionths."""


class Billed(NamedTuple):
    """What a way bills of each call of a Ground, in tokens."""

    plain: Ints
    """What is read of logged texts."""
    read: Ints
    written: tuple[Ints, ...]
    """For each of WRITES."""


def ground(parts: pl.DataFrame, calls: pl.DataFrame) -> Ground:
    """`parts` and `calls` as `_cache.sim.simulate` takes them, the calls sorted, and with `lost` and
    `most`, see `_cache.calibration.READ`."""
    about = facts(calls)
    parts, numbers = ordered(parts), about.call_no
    found = told(parts, numbers.tobytes()) if parts.height <= FEW else rows(parts, numbers)
    prompts = np.full(len(about.call_no), -1)
    prompt = ~found.reply
    prompts[found.call[prompt]] = found.whole[prompt]
    return Ground(
        found, about, prompts, *(filled(calls[name], UNLIMITED) for name in ("lost", "most"))
    )


def facts_on(on: Ground, calls: pl.DataFrame) -> Facts:
    """The facts of these calls, some of those of `on`, whose others are left out."""
    found = facts(calls)
    if len(found.call_no) == len(on.about.call_no):
        return found
    place = np.searchsorted(on.about.call_no, found.call_no)
    columns = {name: column.copy() for name, column in on.about._asdict().items()}
    columns["mode"][:] = LEFT_OUT
    for name, column in found._asdict().items():
        columns[name][place] = column
    return Facts(**columns)


def billed(on: Ground, about: Facts, floor: Ints | None = None) -> Billed:
    """What is billed under the marks and lifetimes of `about`; `floor` as of `lessened`."""
    return lessened(*simulated(on.rows, about, on.prompts), on.lost, on.most, floor)


def simulated(rows: Rows, about: Facts, prompts: Ints) -> tuple[Ints, dict[str, Ints]]:
    """`ideal` and `upto` as of `_cache.sim.simulate`, for every call of `about`."""
    upto = {name: np.zeros(len(about.call_no), np.int64) for name in WRITES}
    found = [touches(spots, about, upto) for spots in placed(rows, about)]
    return longest(found, about, prompts) if found else np.zeros_like(prompts), upto


def lessened(
    ideal: Ints, upto: dict[str, Ints], lost: Ints, most: Ints, floor: Ints | None = None
) -> Billed:
    """`_cache.sim.cuts` of an ideal, less what is lost of it (see Ground). `floor`: tokens that each call with
    text reads at the least, if nothing is lost."""
    plain = read = ideal - np.minimum(lost, ideal * most // MILLION)
    if floor is not None:
        ideal = np.maximum(ideal, floor)
        read = ideal - np.minimum(lost, ideal * most // MILLION)
    reach, written = read, []
    for name in WRITES:
        end = np.maximum(reach, upto[name])
        written.append(end - reach)
        reach = end
    return Billed(plain, read, tuple(written))


def only(rows: Rows, which: Flags) -> Rows:
    """The rows of some of the calls."""
    return rows if which.all() else rows.where(which[rows.call])
