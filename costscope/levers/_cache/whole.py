"""Which parts of a log a cache is simulated on: all of them, some at a time, or those of its first calls.

Of a long log nothing is held but the touches: its prompts are looked through some calls at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import polars as pl

from costscope.columns import changes, places
from costscope.levers._cache.live import Touches, longest, side_by_side
from costscope.levers._cache.marks import placed
from costscope.levers._cache.rows import WRITES, Facts, Flags, Ints, Rows, among, rows
from costscope.levers._cache.sim import batches, touches
from costscope.levers._prefix import FEW, ordered
from costscope.once import once

SHADES = 2**24
"""Places of the sieve through which prefixes go, at most."""


class Sizes(NamedTuple):
    """A row a call: its number and how many blocks it has."""

    call_no: Ints
    blocks: Ints


@once
def sizes(parts: pl.DataFrame) -> Sizes:
    """Of every call that has parts."""
    parts = ordered(parts.select("call_no", "seq"))
    number, seq = (parts[name].to_numpy() for name in parts.columns)
    other = changes(number)
    first = np.flatnonzero(other)
    block = other | changes(seq)
    return Sizes(
        number[first], np.add.reduceat(block, first, dtype=np.int64) if len(first) else first
    )


def holding(parts: pl.DataFrame, numbers: Ints) -> pl.DataFrame:
    """Parts among which are all of the calls with these numbers: of a short log it is as it is."""
    return parts if parts.height <= FEW else among(parts, numbers)


def first(calls: pl.DataFrame, found: Sizes, enough: int) -> Ints:
    """The numbers of the earliest of these calls, with `enough` blocks in all; of all of them, if they have
    no more."""
    number = calls["call_no"].to_numpy()
    size = np.append(found.blocks, 0)[places(number, found.call_no)]
    if size.sum() <= enough:
        return number
    order = np.lexsort((number, calls["sent"].to_numpy()))
    return np.sort(number[order[np.cumsum(size[order]) <= enough]])


class Looked(NamedTuple):
    """Where the calls of a log look and write."""

    touches: list[Touches]
    """Those of some calls each."""
    prompts: Ints
    """Tokens of each prompt, -1 where it has no text."""
    upto: dict[str, Ints]


def looked(
    parts: pl.DataFrame, about: Facts, read: Callable[[pl.DataFrame], Rows] | None = None
) -> Looked:
    """What of the prompts of `about` the simulator needs. `read`: what makes rows of some whole calls."""
    upto = {name: np.zeros(len(about.call_no), np.int64) for name in WRITES}
    prompts = np.full(len(about.call_no), -1)

    def some(batch: pl.DataFrame) -> list[Touches]:
        found = rows(batch, about.call_no) if read is None else read(batch)
        prompt = ~found.reply
        prompts[found.call[prompt]] = found.whole[prompt]
        return [touches(spots, about, upto) for spots in placed(found, about)]

    # A call is in one batch only, so no two write the same rows of `prompts` and `upto`.
    every = [one for found in side_by_side(some, batches(ordered(parts))) for one in found]
    return Looked(every, prompts, upto)


def reading(found: Looked, about: Facts) -> Ints:
    """Tokens that calls read, at the times of `about`, which may be other ones than were looked at."""
    return longest(found.touches, about, found.prompts)


def near(found: Looked, asked: Flags) -> Looked:
    """The same for what these calls look for, and little else."""
    keys = [some.key[asked[some.call]] for some in found.touches]
    shades = np.uint64(min(SHADES, 1 << (8 * sum(map(len, keys))).bit_length()) - 1)
    sieve = np.zeros(int(shades) + 1, bool)
    for some in keys:
        sieve[some & shades] = True
    return found._replace(
        touches=[some.where(np.flatnonzero(sieve[some.key & shades])) for some in found.touches]
    )
