"""The prompt-cache simulator: which prefix of each call was still cached when it was sent.

A prefix is live if its previous touch in the same scope is at most one lifetime ago and its first
writer had begun to answer. No loop over calls and no price: what goes in are blocks and rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.levers._cache.live import Touches, longest, side_by_side
from costscope.levers._cache.marks import SYSTEM, Spots, closing, placed
from costscope.levers._cache.rows import LIVES, MODES, WRITES, Facts, Ints, Rows, facts, over, rows
from costscope.once import once

__all__ = ["WRITES", "cuts", "simulate"]

SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""Odd: keeps the prefixes of different scopes apart in one 64-bit key."""
IMPLICIT = MODES.index("implicit")
BATCH = 1_000_000
"""Blocks that are looked through at a time."""


def simulate(blocks: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """What caching would have done for each call: a row per call whose prompt has any text.

    `blocks`: as `_prefix.blocks` gives them. `calls`: call_no, scope (u64), sent and ready
    (microseconds; from `ready` on others can read what it wrote), mode (explicit, implicit,
    breakpoint), minimum, granularity, lookback (null: unlimited), life (name of the lifetime of a
    mark set by policy), ttl (microseconds), policy and whole_units (stored are the ends of prompts and
    replies, and what two requests had in common), and, where settings are known, params_hash and resets
    (see `_cache.calls.ruled`); calls of other modes are left out.

    Returns call_no, `ideal` (tokens read if nothing is evicted or misrouted, in the call's own
    tokens) and `upto_5m` …: how far along the prompt a mark of that lifetime is written, 0 if none.
    """
    about = facts(calls)
    upto = {name: np.zeros(len(about.call_no), np.int64) for name in WRITES}
    prompts = np.full(len(about.call_no), -1)
    touched: list[Touches] = []

    def looked(some: pl.DataFrame) -> list[Touches]:
        numbers = about.call_no
        found = told(some, numbers.tobytes()) if some is blocks else rows(some, numbers)
        asked = ~found.reply
        prompts[found.call[asked]] = found.whole[asked]
        return [touches(spots, about, upto) for spots in placed(found, about)]

    # A call is in one batch only, so no two write the same rows of `prompts` and `upto`.
    for some in side_by_side(looked, batches(blocks)):
        touched += some
    ideal = np.zeros(len(about.call_no), np.int64)
    if touched:
        ideal = longest(Touches(*map(np.concatenate, zip(*touched, strict=True))), about, prompts)
    known = np.flatnonzero(prompts >= 0)
    columns = {"call_no": about.call_no, "ideal": ideal, **{f"upto_{n}": upto[n] for n in WRITES}}
    return pl.DataFrame({name: column[known] for name, column in columns.items()})


@once
def told(blocks: pl.DataFrame, numbers: bytes) -> Rows:
    """`rows`, for ways of caching that are tried on the same blocks one after another."""
    return rows(blocks, np.frombuffer(numbers, np.int64))


def batches(blocks: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The blocks in slices of whole calls, or as they are, if there are few."""
    if blocks.height <= BATCH:
        yield blocks
        return
    number = blocks["call_no"].to_numpy()
    firsts = number[::BATCH]
    starts = np.append(np.unique(np.searchsorted(number, firsts)), len(number)).tolist()
    for start, end in pairwise(starts):
        yield blocks.slice(start, end - start)


def touches(spots: Spots, about: Facts, upto: dict[str, Ints]) -> Touches:
    """Only the places that look or write, as far as they are of the minimum's size. Enters in `upto`
    how far along each call's prompt a mark of each lifetime is written and charged."""
    at, call = spots.rows, spots.rows.call
    steps = np.maximum(about.granularity[call], 1)
    end = at.end // steps * steps
    big = end >= about.minimum[call]
    free = about.mode[call] == IMPLICIT
    mark = np.where(big | free, spots.mark, 0)
    for name, reach in upto.items():
        charged = np.flatnonzero((mark == LIVES.index(name)) & ~free)
        np.maximum.at(reach, call[charged], end[charged])
    found = Touches(
        call=call.astype(np.int32),
        key=at.prefix ^ (about.scope[call] * SPREAD) ^ apart(at, about),
        tokens=at.end,
        most=at.most,
        mark=mark.astype(np.int8),
        look=spots.look & big,
        reply=at.reply,
        inner=about.whole_units[call] & ~(at.reply | closing(at, ~at.reply)),
    )
    return found.where(np.flatnonzero(found.look | (found.mark > 0)))


def apart(at: Rows, about: Facts) -> NDArray[np.uint64]:
    """What keeps the prefixes of calls with different settings apart: a hash for each row; 0 where a
    change of settings leaves them cached."""
    settings = about.settings[at.call]
    if not settings.any():
        return settings
    place = np.arange(len(settings))
    said = over(np.minimum, np.where(at.role == SYSTEM, len(place), place), at.starts())
    stays = about.head_stays[at.call] & (place < said)
    return np.where(stays, np.uint64(0), settings)


def cuts(simulated: pl.DataFrame, read: pl.Expr) -> pl.DataFrame:
    """Tokens per billing class of each call, of which `read` (from `ideal` and others) are read.

    What is not read is written again as far as the marks go: read = A, then each lifetime's last
    mark less what lies before it (billing.md 1.1).
    """
    reach = pl.col("cache_read")
    columns = []
    for name in WRITES:
        upto = pl.max_horizontal(reach, f"upto_{name}")
        columns.append((upto - reach).alias(f"cache_write_{name}"))
        reach = upto
    return simulated.with_columns(cache_read=read.cast(pl.Int64)).select(
        "call_no", "cache_read", *columns
    )
