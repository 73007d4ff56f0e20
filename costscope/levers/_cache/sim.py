"""The prompt-cache simulator: which prefix of each call was still cached when it was sent.

A prefix is live if its previous touch in the same scope is at most one lifetime ago and its first
writer had begun to answer. No loop over calls and no price: what goes in are blocks and rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.columns import stretches
from costscope.levers._cache.live import Touches, longest, side_by_side
from costscope.levers._cache.marks import SYSTEM, Spots, closing, placed
from costscope.levers._cache.rows import (
    LIVES,
    MODES,
    WRITES,
    Facts,
    Flags,
    Ints,
    Rows,
    facts,
    over,
    rows,
)
from costscope.once import once

__all__ = ["WRITES", "cuts", "simulate"]

SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""Odd: keeps the prefixes of different scopes apart in one 64-bit key."""
IMPLICIT = MODES.index("implicit")
BATCH = 500_000
"""Blocks that are looked through at a time."""


def simulate(blocks: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """What caching would have done for each call: a row per call whose prompt has any text.

    `blocks`: as `_prefix.blocks` gives them, or the parts of a workload, in order. `calls`: call_no,
    scope (u64), sent and ready (microseconds; from `ready` on others can read what it wrote), mode
    (explicit, implicit, breakpoint), minimum, granularity, lookback (null: unlimited), life (name of the
    lifetime of a mark set by policy), ttl (microseconds), policy and whole_units (stored are the ends of
    prompts and replies, and what two requests had in common), and, where settings are known, params_hash
    and resets (see `_cache.calls.ruled`); calls of other modes are left out.

    Returns call_no, `ideal` (tokens read if nothing is evicted or misrouted, in the call's own
    tokens) and `upto_5m` …: how far along the prompt a mark of that lifetime is written, 0 if none.
    """
    about = facts(calls)
    upto = {name: np.zeros(len(about.call_no), np.int64) for name in WRITES}
    prompts = np.full(len(about.call_no), -1)
    touched: list[Touches] = []

    def looked(some: pl.DataFrame) -> list[Touches]:
        numbers = about.call_no
        again = some is blocks and "end" in blocks.columns
        found = told(some, numbers.tobytes()) if again else rows(some, numbers)
        asked = ~found.reply
        prompts[found.call[asked]] = found.whole[asked]
        return [touches(spots, about, upto) for spots in placed(found, about)]

    # A call is in one batch only, so no two write the same rows of `prompts` and `upto`.
    for some in side_by_side(looked, batches(blocks)):
        touched += some
    ideal = np.zeros(len(about.call_no), np.int64)
    if touched:
        ideal = longest(touched, about, prompts)
    known = np.flatnonzero(prompts >= 0)
    columns = {"call_no": about.call_no, "ideal": ideal, **{f"upto_{n}": upto[n] for n in WRITES}}
    return pl.DataFrame({name: column[known] for name, column in columns.items()})


@once
def told(blocks: pl.DataFrame, numbers: bytes) -> Rows:
    """`rows`, for ways of caching that are tried on the same blocks one after another."""
    return rows(blocks, np.frombuffer(numbers, np.int64))


def batches(blocks: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The blocks in slices of whole calls, or as they are, if there are few."""
    for some in stretches(blocks["call_no"].to_numpy(), BATCH):
        whole = some.stop - some.start == blocks.height
        yield blocks if whole else blocks[some]


def touches(spots: Spots, about: Facts, upto: dict[str, Ints]) -> Touches:
    """Only the places that look or write, as far as they are of the minimum's size. Enters in `upto`
    how far along each call's prompt a mark of each lifetime is written and charged."""
    at, call = spots.rows, spots.rows.call
    steps = np.maximum(about.granularity, 1)[call]
    end = at.end // steps * steps
    big = end >= about.minimum[call]
    free = about.mode[call] == IMPLICIT
    mark = np.where(big | free, spots.mark, 0)
    charged = np.flatnonzero((mark > 0) & ~free)
    for name, reach in upto.items():
        lives = charged[mark[charged] == LIVES.index(name)]
        np.maximum.at(reach, call[lives], end[lives])
    some = np.flatnonzero((spots.look & big) | (mark > 0))
    call, scope = call[some], about.scope * SPREAD
    return Touches(
        call=call.astype(np.int32),
        key=at.prefix[some]
        ^ (scope[call] if scope.any() else np.uint64(0))
        ^ apart(at, about, some),
        tokens=narrow(at.end[some]),
        most=narrow(at.most[some]),
        mark=mark[some],
        look=(spots.look & big)[some],
        reply=at.reply[some],
        inner=inner(at, about)[some],
    )


def narrow(counts: Ints) -> NDArray[Any]:
    """Counts of tokens in 32 bits, unless one of them needs more: no model reads as many, but a log may
    say so."""
    return counts.astype(np.int32) if counts.max(initial=0) < 2**31 else counts


def inner(at: Rows, about: Facts) -> Flags:
    """The rows whose ends are no ends of prompts and replies, where only those are stored unasked."""
    if not about.whole_units.any():
        return np.zeros(len(at.call), bool)
    return about.whole_units[at.call] & ~(at.reply | closing(at, ~at.reply))


def apart(at: Rows, about: Facts, some: Ints) -> NDArray[np.uint64]:
    """What keeps the prefixes of calls with different settings apart: a hash for each of some rows; 0
    where a change of settings leaves them cached."""
    settings = about.settings[at.call[some]] if about.settings.any() else np.zeros(1, np.uint64)
    if not settings.any():
        return settings
    place = np.arange(len(at.call))
    said = over(np.minimum, np.where(at.role == SYSTEM, len(place), place), at.starts())
    stays = about.head_stays[at.call] & (place < said)
    return np.where(stays[some], np.uint64(0), settings)


def cuts(simulated: pl.DataFrame, read: pl.Expr) -> pl.DataFrame:
    """Tokens per billing class of each call, of which `read` (from `ideal` and others) are read."""
    tokens = simulated.select(read.cast(pl.Int64)).to_series()
    return cut(simulated, tokens.to_numpy())


def cut(simulated: pl.DataFrame, read: Ints) -> pl.DataFrame:
    """Tokens per billing class of each call, of which so many are read.

    What is not read is written again as far as the marks go: read = A, then each lifetime's last
    mark less what lies before it (billing.md 1.1).
    """
    columns = {"call_no": simulated["call_no"].to_numpy(), "cache_read": read}
    reach = read
    for name in WRITES:
        upto = np.maximum(reach, simulated[f"upto_{name}"].to_numpy())
        columns[f"cache_write_{name}"] = upto - reach
        reach = upto
    return pl.DataFrame(columns)
